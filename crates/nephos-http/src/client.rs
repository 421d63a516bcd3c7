//! Sends calls: sign, send, retry.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::BodyExt;
use nephos_catalog::{Auth, ResponseBody};

use crate::auth::{Authoriser, Used};
use crate::decode::{Answer, Decoder};
use crate::failure::{Asked, failure};
use crate::limit::{Host, Limiter};
use crate::page;
use crate::redirect::{self, MOST_HOPS};
use crate::request::{Continuation, build};
use crate::retry::Attempts;
use crate::traffic::{Meter, Traffic};
use crate::{
    Call, CallError, CallErrorKind, Concurrency, CredentialsSource, Endpoint, Environment,
    PayloadSource, RetryPolicy, Transport, no_environment,
};

/// Which pages of a list are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// All of them.
    Follow,
    /// The one that the arguments name.
    One,
}

/// A call whose rows are wanted.
#[derive(Debug, Clone)]
pub struct RowRequest {
    /// The call.
    pub call: Call,
    /// Indexes into the columns of the method's response.
    pub columns: Vec<usize>,
    /// Which pages.
    pub paging: Paging,
}

/// Sends calls through one transport.
#[derive(Debug)]
pub struct Client {
    pub(crate) transport: Arc<dyn Transport>,
    endpoint: Endpoint,
    auth: Authoriser,
    /// Most pages of a list.
    page_limit: Option<u64>,
    /// Hosts that know AWS's JSON protocol at `/` only.
    at_root: Mutex<HashSet<String>>,
    pub(crate) retry: RetryPolicy,
    clock: fn() -> SystemTime,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) limiter: Limiter,
}

/// Makes a [`Client`].
pub struct ClientBuilder {
    transport: Arc<dyn Transport>,
    endpoint: Endpoint,
    credentials: CredentialsSource,
    environment: Environment,
    auth: HashMap<String, Auth>,
    retry: RetryPolicy,
    concurrency: Concurrency,
    page_limit: Option<u64>,
    clock: fn() -> SystemTime,
}

impl ClientBuilder {
    /// A client with AWS's credential chain and the servers of documents.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            endpoint: Endpoint::default(),
            credentials: CredentialsSource::AwsChain { profile: None },
            environment: no_environment(),
            auth: HashMap::new(),
            retry: RetryPolicy::default(),
            concurrency: Concurrency::default(),
            page_limit: None,
            clock: SystemTime::now,
        }
    }

    /// Another endpoint than the documents name.
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Where the values of environment variables come from.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// How calls of `provider` are authorised, instead of how its document says.
    pub fn auth(mut self, provider: impl Into<String>, auth: Auth) -> Self {
        self.auth.insert(provider.into(), auth);
        self
    }

    /// Where AWS's credentials come from.
    pub fn credentials(mut self, source: CredentialsSource) -> Self {
        self.credentials = source;
        self
    }

    /// When calls are repeated.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// How many requests may be under way at once.
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// How many pages of a list are read at the most: a list that has more ends in an error.
    pub fn page_limit(mut self, limit: Option<u64>) -> Self {
        self.page_limit = limit;
        self
    }

    /// The clock that signatures are dated by, and that says when tokens end.
    pub fn clock(mut self, clock: fn() -> SystemTime) -> Self {
        self.clock = clock;
        self
    }

    /// The client. Nothing is asked for yet.
    pub fn build(self) -> Arc<Client> {
        let auth = Authoriser::new(
            self.transport.clone(),
            self.environment,
            self.clock,
            self.auth,
            self.credentials,
        );
        let traffic: Arc<Traffic> = Arc::default();
        Arc::new(Client {
            auth,
            at_root: Mutex::default(),
            page_limit: self.page_limit,
            transport: self.transport,
            endpoint: self.endpoint,
            retry: self.retry,
            clock: self.clock,
            limiter: Limiter::new(self.concurrency, traffic.clone()),
            traffic,
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("transport", &self.transport)
            .field("endpoint", &self.endpoint)
            .field("credentials", &self.credentials)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Rows of a call, one batch a page; nothing is sent before the stream is polled.
    pub fn rows(
        self: &Arc<Self>,
        request: RowRequest,
    ) -> BoxStream<'static, Result<RecordBatch, CallError>> {
        page::rows(self.clone(), request)
    }

    pub(crate) fn page_limit(&self) -> Option<u64> {
        self.page_limit
    }

    /// What this client has sent and received so far.
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// The schema of the batches of [`Client::rows`].
    pub fn schema(request: &RowRequest) -> SchemaRef {
        Decoder::new(request.call.method.clone(), &request.columns, true).schema()
    }

    /// Sends a call, again where that is safe. `extra` are query parameters of a page.
    pub(crate) async fn fetch(
        &self,
        call: &Call,
        next: &Continuation,
    ) -> Result<Answer, CallError> {
        let said = call.method.retry.as_ref();
        let said = said.map(|retry| RetryPolicy::from_document(&self.retry, retry));
        let policy = said.as_ref().unwrap_or(&self.retry);
        let mut attempts = Attempts::new(policy);
        let mut used = Used::default();
        loop {
            let Failed { error, sent } = match self.attempt(call, next, &mut used).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let error = used.mask(error);
            if self.auth.renew(&error, &mut used).await
                || sent.as_ref().is_some_and(|sent| self.moves_to_root(call, sent, &error))
            {
                continue;
            }
            // What was never sent did nothing.
            let repeatable = sent.as_ref().is_none_or(|sent| policy.repeatable(call, &sent.method));
            let Some(wait) = attempts.after(&error, repeatable) else {
                return Err(attempts.give_up(error));
            };
            if let Some(sent) = sent.filter(|sent| error.throttled && sent.host.at_least()) {
                // Fewer at once than one there cannot be: others that go on asking meanwhile would
                // use up what this call waits for.
                sent.host.pause(wait);
            }
            let _waiting = self.traffic.start_waiting();
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(
        &self,
        call: &Call,
        next: &Continuation,
        used: &mut Used,
    ) -> Result<Answer, Failed> {
        let environment = self.auth.environment();
        let built = build(call, &self.endpoint, environment, next)?;
        let (unsigned, payload) = (self.routed(call, built.request), built.payload);
        let mut request = self.prepare(call, &payload, unsigned.clone(), used).await?;
        for _ in 0..=MOST_HOPS {
            let url = request.uri().clone();
            match self.exchange(call, &payload, request).await? {
                Exchanged::Answer(answer) => return Ok(answer),
                Exchanged::Redirect(place) => {
                    request = match redirect::next_hop(call, &unsigned, &url, &place)? {
                        // Signed anew: a signature may cover the path, or stand in the query.
                        (hop, true) => self.prepare(call, &payload, hop, used).await?,
                        (hop, false) => hop,
                    };
                }
            }
        }
        let message = format!("{} was sent on more than {MOST_HOPS} times", call.target);
        Err(CallError::new(CallErrorKind::Answer, message).into())
    }

    /// Documents give every operation of AWS's JSON protocol a path of its own, which AWS ignores:
    /// the operation is in `X-Amz-Target`. Other servers may know `/` only.
    fn routed(&self, call: &Call, mut request: Request<()>) -> Request<()> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let root = self.at_root.lock().unwrap_or_else(PoisonError::into_inner).contains(&host);
        if root && call.has_target() {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(PathAndQuery::from_static("/"));
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
        request
    }

    /// Whether a call is worth another attempt at `/`. In this protocol what is not found is 400,
    /// so that a 404 says that the path is not known, and that nothing was done.
    fn moves_to_root(&self, call: &Call, sent: &Sent, error: &CallError) -> bool {
        let unknown = matches!(error.kind, CallErrorKind::Service { status: 404, .. });
        let moves = unknown && call.has_target() && !sent.to_root;
        if moves {
            let mut hosts = self.at_root.lock().unwrap_or_else(PoisonError::into_inner);
            hosts.insert(sent.authority.clone());
        }
        moves
    }

    /// Adds what authorises the request.
    async fn prepare(
        &self,
        call: &Call,
        payload: &PayloadSource,
        mut request: Request<()>,
        used: &mut Used,
    ) -> Result<Request<()>, CallError> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let host_value = HeaderValue::from_str(&host).map_err(|error| {
            CallError::new(CallErrorKind::Endpoint, format!("{host} is not a usable host"))
                .source(error)
        })?;
        request.headers_mut().insert(header::HOST, host_value);
        self.auth.authorise(call, payload, &mut request, used).await?;
        if !payload.is_empty() || matches!(request.method().as_str(), "PUT" | "POST") {
            request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(payload.len()));
        }
        Ok(request)
    }

    /// Sends a request when its host may be asked, and reads the answer.
    async fn exchange(
        &self,
        call: &Call,
        payload: &PayloadSource,
        request: Request<()>,
    ) -> Result<Exchanged, Failed> {
        let url = request.uri().to_string();
        let uri = request.uri();
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        let scheme = uri.scheme_str().unwrap_or_default();
        // Held until the answer is read.
        let permit = self.limiter.enter(&format!("{scheme}://{host}")).await;
        let sent = Sent {
            method: request.method().clone(),
            host: permit.host().clone(),
            authority: host.clone(),
            to_root: request.uri().path() == "/",
        };
        let response = match self.send(payload, &host, request).await {
            Ok(response) => response,
            Err(error) => return Err(Failed { error, sent: Some(sent) }),
        };
        let (parts, body) = response.into_parts();
        if let Some(place) = redirect::place(call, &sent.method, &parts) {
            permit.succeeded();
            return Ok(Exchanged::Redirect(place));
        }
        // S3 may fail after it has said 200: the error then stands in the body.
        // A body that is bytes may look like one and is none.
        let hidden_failure = parts.status.is_success()
            && call.method.response.body != ResponseBody::Raw
            && is_error_document(&body);
        let now = (self.clock)();
        if parts.status.is_success() && !hidden_failure {
            permit.succeeded();
            let asked = Asked::read(&parts.headers, now).filter(|asked| asked.resets);
            self.pause(&sent.host, asked.map(|asked| asked.wait));
            return Ok(Exchanged::Answer(Answer { headers: parts.headers, body, url }));
        }
        let error = failure(call, parts.status, &parts.headers, &body, now);
        if error.throttled {
            permit.throttled();
        }
        self.pause(&sent.host, error.retry_after);
        Err(Failed { error, sent: Some(sent) })
    }

    /// Keeps all calls from a host for as long as it asks. A wait that no call is made to wait for
    /// is none for the others either: a host has more than one quota.
    fn pause(&self, host: &Host, asked: Option<Duration>) {
        if let Some(wait) = asked.filter(|wait| *wait <= self.retry.longest_asked) {
            host.pause(wait);
        }
    }

    async fn send(
        &self,
        payload: &PayloadSource,
        host: &str,
        request: Request<()>,
    ) -> Result<Response<Bytes>, CallError> {
        let meter = Meter::start(&self.traffic);
        let (parts, ()) = request.into_parts();
        let body = payload.open(&meter).await?;
        let sending = self.transport.send(Request::from_parts(parts, body));
        let (parts, mut body) = meter.while_moving(host, sending).await??.into_parts();
        let mut bytes = BytesMut::new();
        while let Some(frame) = meter.while_moving(host, body.frame()).await? {
            let frame = frame.map_err(|error| {
                CallError::new(
                    CallErrorKind::Transport,
                    format!("the connection to {host} broke in the middle of the answer"),
                )
                .source(error)
            })?;
            if let Ok(data) = frame.into_data() {
                meter.received(data.len());
                bytes.extend_from_slice(&data);
            }
        }
        Ok(Response::from_parts(parts, bytes.freeze()))
    }
}

/// An attempt that failed.
struct Failed {
    error: CallError,
    /// `None` where the request was not even made.
    sent: Option<Sent>,
}

/// A request that may have reached a host.
struct Sent {
    method: Method,
    host: Arc<Host>,
    authority: String,
    /// Its path was `/`.
    to_root: bool,
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Self { error, sent: None }
    }
}

enum Exchanged {
    Answer(Answer),
    Redirect(String),
}

fn is_error_document(body: &[u8]) -> bool {
    let start = &body[..body.len().min(256)];
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start();
    let text = text
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
        .map_or(text, |(_, rest)| rest);
    let text = text.trim_start();
    text.starts_with("<Error>") || text.starts_with("<Error ")
}

#[cfg(test)]
mod tests;
