//! Sends calls: sign, send, retry.

use std::sync::Arc;
use std::time::SystemTime;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::BytesMut;
use futures::stream::BoxStream;
use http::{HeaderValue, Request, header};
use http_body_util::BodyExt;
use nephos_catalog::ResponseBody;
use tokio::sync::Semaphore;

use crate::aws_credentials::AwsChain;
use crate::decode::{Answer, Decoder};
use crate::failure::failure;
use crate::page;
use crate::request::build;
use crate::sign::{SignedPayload, sign_v4};
use crate::traffic::{Meter, Traffic};
use crate::{
    Call, CallError, CallErrorKind, Credentials, CredentialsSource, Endpoint, PayloadSource,
    RetryPolicy, Transport,
};

/// Requests under way at once.
const MOST_AT_ONCE: usize = 32;

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
    fixed: Option<Credentials>,
    chain: AwsChain,
    pub(crate) retry: RetryPolicy,
    clock: fn() -> SystemTime,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) permits: Semaphore,
}

/// Makes a [`Client`].
#[derive(Debug)]
pub struct ClientBuilder {
    transport: Arc<dyn Transport>,
    endpoint: Endpoint,
    credentials: CredentialsSource,
    retry: RetryPolicy,
    clock: fn() -> SystemTime,
}

impl ClientBuilder {
    /// A client with AWS's credential chain and the servers of documents.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            endpoint: Endpoint::default(),
            credentials: CredentialsSource::AwsChain { profile: None },
            retry: RetryPolicy::default(),
            clock: SystemTime::now,
        }
    }

    /// Another endpoint than the documents name.
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Where credentials come from.
    pub fn credentials(mut self, source: CredentialsSource) -> Self {
        self.credentials = source;
        self
    }

    /// When calls are repeated.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// The clock that signatures are dated by.
    pub fn clock(mut self, clock: fn() -> SystemTime) -> Self {
        self.clock = clock;
        self
    }

    /// The client. Nothing is asked for yet.
    pub fn build(self) -> Arc<Client> {
        let (fixed, profile) = match self.credentials {
            CredentialsSource::Static(credentials) => (Some(credentials), None),
            CredentialsSource::AwsChain { profile } => (None, profile),
        };
        Arc::new(Client {
            chain: AwsChain::new(profile, self.transport.clone()),
            transport: self.transport,
            endpoint: self.endpoint,
            fixed,
            retry: self.retry,
            clock: self.clock,
            traffic: Arc::default(),
            permits: Semaphore::new(MOST_AT_ONCE),
        })
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
        extra: &[(String, String)],
    ) -> Result<Answer, CallError> {
        let mut attempt = 1;
        loop {
            let error = match self.attempt(call, extra).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            attempt += 1;
            match self.retry.wait(&error, call.method.idempotent, attempt) {
                Some(wait) => tokio::time::sleep(wait).await,
                None if attempt > 2 => {
                    return Err(error.context("attempts", (attempt - 1).to_string()));
                }
                None => return Err(error),
            }
        }
    }

    async fn attempt(&self, call: &Call, extra: &[(String, String)]) -> Result<Answer, CallError> {
        let mut request = build(call, &self.endpoint, extra)?;
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let host_value = HeaderValue::from_str(&host).map_err(|error| {
            CallError::new(CallErrorKind::Endpoint, format!("{host} is not a usable host"))
                .source(error)
        })?;
        request.headers_mut().insert(header::HOST, host_value);
        self.sign(call, &mut request).await?;
        if !call.payload.is_empty() || matches!(request.method().as_str(), "PUT" | "POST") {
            request
                .headers_mut()
                .insert(header::CONTENT_LENGTH, HeaderValue::from(call.payload.len()));
        }
        // Held until the answer is read: more calls at once than this exhaust files and memory.
        let _permit = self.permits.acquire().await;
        let meter = Meter::start(&self.traffic);
        let (parts, ()) = request.into_parts();
        let body = call.payload.open(&meter).await?;
        let sending = self.transport.send(Request::from_parts(parts, body));
        let (parts, mut body) = meter.while_moving(&host, sending).await??.into_parts();
        let mut bytes = BytesMut::new();
        while let Some(frame) = meter.while_moving(&host, body.frame()).await? {
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
        let body = bytes.freeze();
        // S3 may fail after it has said 200: the error then stands in the body.
        // A body that is bytes may look like one and is none.
        let hidden_failure = parts.status.is_success()
            && call.method.response.body != ResponseBody::Raw
            && is_error_document(&body);
        if !parts.status.is_success() || hidden_failure {
            return Err(failure(call, parts.status, &parts.headers, &body));
        }
        Ok(Answer { headers: parts.headers, body })
    }

    async fn sign(&self, call: &Call, request: &mut Request<()>) -> Result<(), CallError> {
        let kind = call.auth.as_ref().map(|auth| auth.kind.as_str());
        match kind {
            Some("null_auth") => return Ok(()),
            // AWS documents published before `config.auth` existed say nothing; they are signed.
            Some("aws_signing_v4") | None => {}
            Some(other) => {
                return Err(CallError::new(
                    CallErrorKind::Credentials,
                    format!("authorisation of kind {other} is not supported yet"),
                ));
            }
        }
        let now = (self.clock)();
        let credentials = match &self.fixed {
            Some(credentials) => credentials.clone(),
            None => self.chain.credentials(now).await?,
        };
        let default = call.method.server_variables().find(|v| v.name == "region");
        let region = call
            .arg("region")
            .or_else(|| default.and_then(|v| v.default.as_deref()))
            .unwrap_or("us-east-1")
            .to_owned();
        let payload = signed_payload(request, &call.payload).await?;
        sign_v4(request, payload, &credentials, &region, &call.signing_name, now)
    }
}

/// Over TLS and on this machine a body is sent unsigned: hashing it would cost twice what sending
/// does, and nobody can change it on the way. Elsewhere its SHA-256 is signed.
async fn signed_payload(
    request: &Request<()>,
    payload: &PayloadSource,
) -> Result<SignedPayload, CallError> {
    let uri = request.uri();
    let private = uri.scheme_str() == Some("https") || Endpoint::is_loopback(&uri.to_string());
    if matches!(payload, PayloadSource::File { .. }) && private {
        return Ok(SignedPayload::Unsigned);
    }
    Ok(SignedPayload::Sha256(payload.sha256().await?))
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
