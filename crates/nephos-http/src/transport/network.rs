//! The network.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};
use http_body_util::BodyExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{BoxError, RequestBody, ResponseBody, Transport};
use crate::{CallError, CallErrorKind};

/// A service that does not take a connection in this time is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a silent connection is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// HTTP over TCP, with connections kept open between calls.
#[derive(Debug, Default)]
pub struct Network {
    /// Made on first use: reading the certificates of the system takes longer than most statements.
    secure: OnceLock<reqwest::Client>,
    /// For `http://`, which needs no certificates.
    plain: OnceLock<reqwest::Client>,
}

impl Network {
    /// A network with no connection yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn client(&self, secure: bool) -> Result<&reqwest::Client, CallError> {
        let client = if secure { &self.secure } else { &self.plain };
        if let Some(client) = client.get() {
            return Ok(client);
        }
        // Installing twice is harmless: the first provider stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(KEEPALIVE)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .dns_resolver(Arc::new(Names))
            .user_agent(concat!("nephos/", env!("CARGO_PKG_VERSION")));
        if !secure {
            builder = builder.tls_certs_only([]);
        }
        let built = builder.build().map_err(|error| {
            CallError::new(CallErrorKind::Transport, "the HTTP client cannot be set up")
                .source(error)
        })?;
        Ok(client.get_or_init(|| built))
    }
}

/// The system's resolver, but for names under `localhost`: they are this machine (RFC 6761), which
/// not every system knows, and buckets of a local endpoint are named `bucket.localhost`.
struct Names;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            let local = host.ends_with(".localhost");
            let found =
                tokio::net::lookup_host((if local { "localhost" } else { host }, 0)).await?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, CallError> {
        let (parts, body) = request.into_parts();
        let client = self.client(parts.uri.scheme_str() == Some("https"))?;
        let host = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
        let request = Request::from_parts(parts, reqwest::Body::wrap(body));
        let request = reqwest::Request::try_from(request).map_err(|error| failed(&host, error))?;
        let response = client.execute(request).await.map_err(|error| failed(&host, error))?;
        let response: Response<reqwest::Body> = response.into();
        Ok(response
            .map(|body| body.map_err(|error| BoxError::from(error.without_url())).boxed_unsync()))
    }
}

fn failed(host: &str, error: reqwest::Error) -> CallError {
    let never_left = error.is_connect();
    let what = if error.is_timeout() && never_left {
        "no connection in time to"
    } else if never_left {
        "cannot connect to"
    } else if error.is_timeout() {
        "no answer in time from"
    } else {
        "the connection broke while talking to"
    };
    // The URL may carry a signature or a token.
    let mut failure = CallError::new(CallErrorKind::Transport, format!("{what} {host}"))
        .source(error.without_url());
    if never_left {
        failure = failure.retryable();
    }
    failure
}
