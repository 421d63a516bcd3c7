//! Tokens and the endpoints that give them.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use url::form_urlencoded;

use super::cache::Fetched;
use super::used::mask_all;
use super::{Applied, Authoriser};
use crate::{BoxError, CallError, CallErrorKind};

/// An endpoint that has not answered by then will not.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Longer answers hold no token.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// Longer explanations are cut.
const LONGEST_REASON: usize = 300;

/// A bearer token. `Debug` does not show it.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) text: String,
    /// Project that Google bills a user's requests to.
    pub(super) quota_project: Option<String>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// A request for a token.
#[derive(Default)]
pub(super) struct Grant {
    pub(super) url: String,
    pub(super) fields: Vec<(&'static str, String)>,
    /// Fields of the document's own.
    pub(super) more: Vec<(String, String)>,
    /// `Authorization` header.
    pub(super) authorization: Option<String>,
    /// Texts that the endpoint may repeat and no message may show.
    pub(super) secrets: Vec<String>,
}

impl Grant {
    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(self.fields.iter().map(|(name, value)| (*name, value)));
        form.extend_pairs(self.more.iter().map(|(name, value)| (name, value)));
        form.finish()
    }
}

impl Authoriser {
    /// Asks a token endpoint (RFC 6749).
    pub(super) async fn grant(
        &self,
        applied: &Applied<'_>,
        grant: &Grant,
    ) -> Result<Fetched<Token>, CallError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&grant.url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json");
        if let Some(authorization) = &grant.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request
            .body(Bytes::from(grant.form()))
            .map_err(|_| applied.fault("the address of its token endpoint is not a usable URL"))?;
        self.token(applied, request, LONGEST_WAIT, &grant.secrets).await
    }

    /// Sends a request whose answer is a token.
    pub(super) async fn token(
        &self,
        applied: &Applied<'_>,
        request: Request<Bytes>,
        limit: Duration,
        secrets: &[String],
    ) -> Result<Fetched<Token>, CallError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        if host.is_empty() {
            return Err(applied.fault("the address of its token endpoint names no host"));
        }
        let exchange = async {
            let request =
                request.map(|body| Full::new(body).map_err(|never| match never {}).boxed());
            let (parts, mut body) = self.transport.send(request).await?.into_parts();
            let mut text: Vec<u8> = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| broken(&host, error))?;
                text.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                if text.len() > LARGEST_ANSWER {
                    return Err(applied.fault(format!("the answer of {host} is no token")));
                }
            }
            Ok((parts.status, text))
        };
        let exchanged = tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| {
            Err(CallError::new(CallErrorKind::Transport, format!("no answer in time from {host}")))
        });
        // The call itself has not been sent yet: whatever broke, it may be tried again.
        let (status, body) =
            exchanged.map_err(|error| error.context("token for", applied.provider).retryable())?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if !status.is_success() {
            let mut error = refusal(applied, &host, status, &answer, secrets);
            error.retryable = matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504);
            return Err(error);
        }
        let text = answer.get("access_token").and_then(Value::as_str).unwrap_or_default();
        if text.is_empty() {
            return Err(applied.fault(format!("{host} answered without an access_token")));
        }
        let token = Token { text: text.to_owned(), quota_project: None };
        Ok(Fetched { value: token, expires: self.end(&answer) })
    }

    /// When a token ends: in so many seconds, or at a time; numbers may be texts.
    pub(super) fn end(&self, answer: &Value) -> Option<SystemTime> {
        let number = |name: &str| match answer.get(name) {
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.trim().parse::<u64>().ok(),
            _ => None,
        };
        if let Some(seconds) = number("expires_in") {
            return (self.clock)().checked_add(Duration::from_secs(seconds));
        }
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(number("expires_on")?))
    }
}

fn broken(host: &str, error: BoxError) -> CallError {
    let what = format!("the connection to {host} broke in the middle of the answer");
    CallError::new(CallErrorKind::Transport, what).source(error)
}

fn refusal(
    applied: &Applied<'_>,
    host: &str,
    status: StatusCode,
    answer: &Value,
    secrets: &[String],
) -> CallError {
    let text = |pointer: &str| {
        let text = answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        text.lines().next().unwrap_or_default().trim().to_owned()
    };
    let said: Vec<String> = ["/error", "/error_description", "/error/message", "/message"]
        .into_iter()
        .map(text)
        .filter(|text| !text.is_empty())
        .collect();
    let mut said = said.join(": ");
    mask_all(&mut said, secrets);
    if said.is_empty() {
        status.canonical_reason().unwrap_or("no reason given").clone_into(&mut said);
    }
    if let Some((cut, _)) = said.char_indices().nth(LONGEST_REASON) {
        said.truncate(cut);
    }
    let number = status.as_u16();
    applied.fault(format!("{host} gave no token: {said} (HTTP {number})"))
}
