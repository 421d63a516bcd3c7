//! Files by GET, unsigned and outside of any provider.

use std::io::Write;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};

use crate::retry::Attempts;
use crate::traffic::Meter;
use crate::{BoxError, CallError, CallErrorKind, Client, RequestBody};

/// Longer chains of redirections lead nowhere.
const MOST_HOPS: usize = 5;

impl Client {
    /// Writes what `url` answers to `sink` and returns its length; more than `limit` bytes is an
    /// error. The request is repeated as those of calls are until the first byte has been written.
    /// Redirections are followed, though not from `https` to anything else.
    pub async fn download(
        &self,
        url: &str,
        limit: u64,
        sink: &mut (dyn Write + Send),
    ) -> Result<u64, CallError> {
        let mut attempts = Attempts::new(&self.retry);
        loop {
            let mut written = 0;
            let error = match self.get(url, limit, sink, &mut written).await {
                Ok(()) => return Ok(written),
                Err(error) => error,
            };
            match attempts.after(&error, true).filter(|_| written == 0) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(attempts.give_up(error)),
            }
        }
    }

    async fn get(
        &self,
        url: &str,
        limit: u64,
        sink: &mut (dyn Write + Send),
        written: &mut u64,
    ) -> Result<(), CallError> {
        let meter = Meter::start(&self.traffic);
        let mut at = url.to_owned();
        for _ in 0..MOST_HOPS {
            let (host, request) = request(&at)?;
            let _permit = self.limiter.enter(&host).await;
            let sending = self.transport.send(request);
            let (parts, mut body) = meter.while_moving(&host, sending).await??.into_parts();
            if parts.status.is_redirection()
                && let Some(next) = parts.headers.get(header::LOCATION)
            {
                at = redirected(&at, next)?;
                continue;
            }
            if !parts.status.is_success() {
                return Err(refused(&at, parts.status, &parts.headers));
            }
            while let Some(frame) = meter.while_moving(&host, body.frame()).await? {
                let frame = frame.map_err(|error| {
                    CallError::new(
                        CallErrorKind::Transport,
                        format!("the connection to {host} broke in the middle of the answer"),
                    )
                    .source(error)
                })?;
                let Ok(data) = frame.into_data() else { continue };
                meter.received(data.len());
                if data.len() as u64 > limit.saturating_sub(*written) {
                    return Err(CallError::new(
                        CallErrorKind::Answer,
                        format!("{at} is larger than the {limit} bytes that it may have"),
                    ));
                }
                *written += data.len() as u64;
                sink.write_all(&data).map_err(|error| {
                    CallError::new(CallErrorKind::Payload, format!("{at} cannot be written"))
                        .source(error)
                })?;
            }
            return Ok(());
        }
        Err(CallError::new(CallErrorKind::Answer, format!("{url} redirects too often")))
    }
}

fn request(url: &str) -> Result<(String, Request<RequestBody>), CallError> {
    let unusable = |error: BoxError| {
        CallError::new(CallErrorKind::Endpoint, format!("{url} is not a usable URL")).source(error)
    };
    let mut request = Request::get(url)
        .body(Empty::new().map_err(|never| match never {}).boxed())
        .map_err(|error| unusable(error.into()))?;
    let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    let value = HeaderValue::from_str(&host).map_err(|error| unusable(error.into()))?;
    request.headers_mut().insert(header::HOST, value);
    Ok((host, request))
}

fn redirected(from: &str, location: &HeaderValue) -> Result<String, CallError> {
    let wrong = || {
        CallError::new(
            CallErrorKind::Answer,
            format!("{from} redirects to a place that is not followed"),
        )
    };
    let base = url::Url::parse(from).map_err(|_| wrong())?;
    let next = location.to_str().ok().and_then(|text| base.join(text).ok()).ok_or_else(wrong)?;
    let stays = match base.scheme() {
        "https" => next.scheme() == "https",
        _ => matches!(next.scheme(), "http" | "https"),
    };
    if stays { Ok(next.into()) } else { Err(wrong()) }
}

fn refused(url: &str, status: StatusCode, headers: &HeaderMap) -> CallError {
    let number = status.as_u16();
    let said = status.canonical_reason().unwrap_or("no reason given");
    let kind = CallErrorKind::Service { status: number, code: None };
    let mut error = CallError::new(kind, format!("GET {url} failed: {said} (HTTP {number})"));
    error.retryable = matches!(number, 408 | 429 | 500 | 502 | 503 | 504);
    let wait = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds = wait.and_then(|text| text.trim().parse().ok());
    error.retry_after = seconds.map(Duration::from_secs);
    error
}
