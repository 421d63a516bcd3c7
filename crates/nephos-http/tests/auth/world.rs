//! A provider of one resource, a transport that answers by a script, a clock that is set by hand.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use nephos_catalog::{Catalog, ProviderDirectory, RegistryConfig, ResourceRef};
use nephos_http::{
    Call, CallError, CallErrorKind, Client, ClientBuilder, Environment, InProcess, Paging, Payload,
    RequestBody, ResponseBody, RetryPolicy, RowRequest, Transport, parse_auth,
};
use tempfile::TempDir;

thread_local! {
    /// Seconds since 1970. A test runs on one thread.
    static NOW: Cell<u64> = const { Cell::new(1_440_938_160) };
}

/// The clock of the clients here; it starts at 2015-08-30 12:36:00 UTC.
pub(crate) fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.get())
}

pub(crate) fn advance(seconds: u64) {
    NOW.set(NOW.get() + seconds);
}

/// A request as the transport got it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The fields of a form.
    pub(crate) fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

type Script = dyn Fn(&Seen) -> (u16, String) + Send + Sync;

pub(crate) struct World {
    _folder: TempDir,
    resource: ResourceRef,
    pub(crate) client: Arc<Client>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// Loses requests before it sends any.
#[derive(Debug)]
struct Lossy {
    transport: InProcess,
    left: AtomicUsize,
}

#[async_trait]
impl Transport for Lossy {
    async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, CallError> {
        let left = self.left.load(Ordering::SeqCst);
        if left > 0 {
            self.left.store(left - 1, Ordering::SeqCst);
            return Err(CallError::new(CallErrorKind::Transport, "the request was lost"));
        }
        self.transport.send(request).await
    }
}

/// What a world is made of.
pub(crate) struct Setting {
    provider: &'static str,
    server: &'static str,
    service: &'static str,
    auth: String,
    variables: HashMap<String, String>,
    given: Option<String>,
    script: Arc<Script>,
    /// Requests that the transport loses first.
    cut: usize,
    build: fn(ClientBuilder) -> ClientBuilder,
}

/// A provider `test` whose document has this `auth`, in YAML or JSON.
pub(crate) fn documented(auth: &str) -> Setting {
    Setting {
        provider: "test",
        server: "https://api.example.com",
        service: "things",
        auth: auth.to_owned(),
        variables: HashMap::new(),
        given: None,
        script: Arc::new(|_| (200, String::new())),
        cut: 0,
        build: |builder| builder,
    }
}

impl Setting {
    pub(crate) fn provider(mut self, name: &'static str) -> Self {
        self.provider = name;
        self
    }

    pub(crate) fn server(mut self, server: &'static str, service: &'static str) -> Self {
        self.server = server;
        self.service = service;
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// `--auth` for the provider.
    pub(crate) fn given(mut self, auth: &str) -> Self {
        self.given = Some(auth.to_owned());
        self
    }

    /// The transport loses the first requests on their way.
    pub(crate) fn cut(mut self, requests: usize) -> Self {
        self.cut = requests;
        self
    }

    pub(crate) fn build(mut self, build: fn(ClientBuilder) -> ClientBuilder) -> Self {
        self.build = build;
        self
    }

    /// Answers every request, the API's and those for tokens.
    pub(crate) fn answers(
        mut self,
        script: impl Fn(&Seen) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        self.script = Arc::new(script);
        self
    }

    /// Answers requests to other hosts than the API's.
    pub(crate) fn tokens(
        self,
        script: impl Fn(&Seen) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        self.answers(move |seen| {
            if seen.line.contains("//api.example.com") {
                (200, String::new())
            } else {
                script(seen)
            }
        })
    }

    pub(crate) fn make(self) -> World {
        let folder = tempfile::tempdir().unwrap();
        let resource = self.resource(folder.path());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (noted, script) = (seen.clone(), self.script.clone());
        let transport = InProcess::new("script", move |request: Request<_>| {
            let (noted, script) = (noted.clone(), script.clone());
            async move {
                let (parts, body): (http::request::Parts, RequestBody) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let headers = parts.headers.iter();
                let one = Seen {
                    line: format!("{} {}", parts.method, parts.uri),
                    headers: headers
                        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                        .collect(),
                    body: String::from_utf8(body.to_vec()).unwrap(),
                };
                noted.lock().unwrap().push(one.clone());
                // Others that ask at the same time get to run.
                tokio::task::yield_now().await;
                let (status, text) = script(&one);
                let body = Full::new(Bytes::from(text)).map_err(|never| match never {});
                let mut response = Response::new(body.boxed_unsync());
                *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
                response
            }
            .boxed()
        });
        let variables = self.variables;
        let environment: Environment = Arc::new(move |name| variables.get(name).cloned());
        let mut builder = ClientBuilder::new(Arc::new(Lossy { transport, left: self.cut.into() }))
            .clock(clock)
            .environment(environment)
            .retry(RetryPolicy { first_wait: Duration::ZERO, ..RetryPolicy::default() });
        if let Some(given) = &self.given {
            for (provider, auth) in
                parse_auth(&format!("{{\"{}\": {given}}}", self.provider)).unwrap()
            {
                builder = builder.auth(provider, auth);
            }
        }
        World { _folder: folder, resource, client: (self.build)(builder).build(), seen }
    }

    fn resource(&self, folder: &Path) -> ResourceRef {
        let provider = self.provider;
        let source = folder.join("src").join(provider).join("v1");
        std::fs::create_dir_all(&source).unwrap();
        std::fs::write(
            source.join("provider.yaml"),
            format!(
                "name: {provider}\nversion: v1\nproviderServices:\n  main:\n    id: main:v1\n    \
                 name: main\n    service:\n      $ref: {provider}/v1/main.yaml\n{}",
                if self.auth.is_empty() {
                    String::new()
                } else {
                    format!("config:\n  auth: {}\n", self.auth)
                }
            ),
        )
        .unwrap();
        let document = SERVICE.replace("SERVER", self.server).replace("SERVICE", self.service);
        std::fs::write(source.join("main.yaml"), document).unwrap();
        let url = format!("{{\"url\": \"file://{}\"}}", folder.display());
        let directory =
            ProviderDirectory::open(&RegistryConfig::parse(&url).unwrap().sources(None)[0])
                .unwrap();
        let catalog = Catalog::new().with_directory(directory);
        catalog.resource(provider, "main", "things").unwrap()
    }
}

const SERVICE: &str = r##"
openapi: 3.0.0
info: { title: main, version: v1, x-serviceName: SERVICE }
servers:
- url: SERVER
  variables: { region: { default: "" } }
paths:
  /things/{id}:
    get:
      operationId: get
      x-nephos-idempotent: true
      parameters:
      - { name: id, in: path, required: true, schema: { type: string } }
      - { name: q, in: query, schema: { type: string } }
      - { name: B, in: query, schema: { type: string } }
      responses: { "200": { description: ok } }
  /:
    post:
      operationId: send
      parameters:
      - { name: X-Amz-Target, in: header, schema: { type: string } }
      requestBody:
        content: { application/x-amz-json-1.0: { schema: { type: object, properties: {} } } }
      responses: { "200": { description: ok } }
components:
  x-stackQL-resources:
    things:
      id: x.main.things
      name: things
      methods:
        get:
          operation: { $ref: "#/paths/~1things~1{id}/get" }
          response: { openAPIDocKey: "200" }
        send:
          operation: { $ref: "#/paths/~1/post" }
          response: { openAPIDocKey: "200" }
      sqlVerbs: { select: [], insert: [], update: [], delete: [] }
"##;

impl World {
    /// Sends `GET /things/1` and gives it as it was seen.
    pub(crate) async fn get(&self) -> Result<Seen, CallError> {
        self.send("get", &[("id", "1")], None).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        arguments: &[(&str, &str)],
        payload: Option<&str>,
    ) -> Result<Seen, CallError> {
        let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
        let call = Call::new(
            &self.resource,
            self.resource.method(method).unwrap(),
            arguments.collect(),
            payload.map(|text| Payload::Json(text.to_owned())),
        )?;
        let request = RowRequest { call, columns: Vec::new(), paging: Paging::One };
        let mut rows = self.client.rows(request);
        while let Some(batch) = rows.next().await {
            batch?;
        }
        Ok(self.seen().pop().unwrap())
    }

    /// The error of a call that must not succeed.
    pub(crate) async fn fails(&self) -> CallError {
        self.get().await.unwrap_err()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Everything that an error says, to users and in logs.
pub(crate) fn everything(error: &CallError) -> String {
    let mut text = format!("{error} {error:?} {error:#?} {:?} {:?}", error.hints, error.context);
    let mut at = std::error::Error::source(error);
    while let Some(cause) = at {
        text = format!("{text} {cause} {cause:?}");
        at = cause.source();
    }
    text
}
