//! What surrounds every answer: ids, server and date, and errors told in full.

use crate::chunked::Reframed;
use crate::error::default_message;
use crate::intake::{self, Leftover};
use crate::{Body, BoxError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, EXPECT, SERVER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use rand::Rng;
use s3s::service::S3Service;
use std::borrow::Cow;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// The two ids that S3 gives every answer.
struct Ids {
    request: String,
    host: String,
}

impl Ids {
    fn new() -> Self {
        let mut rng = rand::rng();
        let host: [u8; 48] = rng.random();
        Self { request: format!("{:016X}", rng.random::<u64>()), host: STANDARD.encode(host) }
    }
}

pub(crate) async fn call(service: &S3Service, request: Request<Body>) -> Response<Body> {
    let ids = Ids::new();
    let head = request.method() == Method::HEAD;
    let resource = request.uri().path().to_owned();
    let bare_tags = request.method() == Method::GET && asks_for_attributes(request.uri());
    let waits = request.headers().contains_key(EXPECT);
    let (request, leftover) = request_body(request);
    let answer = service.call(request).await;
    let reusable = leftover.drain(waits).await;
    let mut response = match answer {
        Ok(response) if bare_tags && response.status().is_success() => without_quotes(response),
        Ok(response) => told_in_full(response, &resource, &ids),
        Err(_) => error_response(&resource, &ids),
    };
    if head {
        settle_head(&mut response);
    }
    let headers = response.headers_mut();
    for (name, value) in
        [("x-amz-request-id", ids.request.as_str()), ("x-amz-id-2", ids.host.as_str())]
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if !reusable {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(SERVER, HeaderValue::from_static("nephos"));
    let date = time::OffsetDateTime::now_utc().format(HTTP_DATE);
    if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
        headers.insert(DATE, date);
    }
    response
}

/// The protocol layer holds a whole chunk of an `aws-chunked` body in memory before it passes it
/// on, and some clients send a part as one chunk, so such bodies are cut smaller on the way in.
fn request_body(request: Request<Body>) -> (s3s::HttpRequest, Leftover) {
    let payload =
        request.headers().get("x-amz-content-sha256").map_or(&b""[..], HeaderValue::as_bytes);
    let streaming = payload.starts_with(b"STREAMING-");
    let unsigned = payload.starts_with(b"STREAMING-UNSIGNED-");
    let (parts, body) = request.into_parts();
    let (intake, leftover) = intake::split(body);
    let body = if streaming {
        s3s::Body::http_body_unsync(Reframed::new(intake, !unsigned))
    } else {
        s3s::Body::http_body_unsync(intake)
    };
    (Request::from_parts(parts, body), leftover)
}

/// Completes an error document: where it happened, and the ids to ask about it with.
fn told_in_full(response: Response<s3s::Body>, resource: &str, ids: &Ids) -> Response<Body> {
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let (mut parts, body) = response.into_parts();
    if parts.status == StatusCode::NOT_MODIFIED {
        parts.headers.remove(CONTENT_TYPE);
        return Response::from_parts(parts, full(Bytes::new()));
    }
    let text =
        body.bytes().filter(|_| failed).and_then(|bytes| String::from_utf8(bytes.into()).ok());
    let Some(text) = text.filter(|text| text.contains("</Error>")) else {
        return Response::from_parts(parts, Body::new(body));
    };
    let document = Bytes::from(completed(&text, resource, ids));
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
    Response::from_parts(parts, full(document))
}

/// `GetObjectAttributes` is the one operation that writes entity tags without quotes.
fn without_quotes(response: Response<s3s::Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let text = body.bytes().and_then(|bytes| String::from_utf8(bytes.into()).ok());
    let Some(text) = text else {
        return Response::from_parts(parts, Body::new(body));
    };
    let document = match between(&text, "<ETag>", "</ETag>") {
        Some(tag) => text.replacen(tag, &tag.replace('"', "").replace("&quot;", ""), 1),
        None => text,
    };
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
    Response::from_parts(parts, full(document.into()))
}

fn asks_for_attributes(uri: &http::Uri) -> bool {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    pairs.any(|pair| pair.split('=').next() == Some("attributes"))
}

fn completed(text: &str, resource: &str, ids: &Ids) -> String {
    let code = between(text, "<Code>", "</Code>").unwrap_or_default();
    let mut added = String::new();
    if between(text, "<Message>", "</Message>").is_none_or(str::is_empty) {
        added.push_str(&format_element("Message", default_message(code)));
    }
    added.push_str(&format_element("Resource", resource));
    added.push_str(&format_element("RequestId", &ids.request));
    added.push_str(&format_element("HostId", &ids.host));
    added.push_str("</Error>");
    text.replacen("</Error>", &added, 1)
}

fn format_element(name: &str, content: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(content))
}

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return text.into();
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").into()
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inner, _)| inner)
}

/// The protocol layer gives up where it would break a connection; a client learns more from an
/// answer.
fn error_response(resource: &str, ids: &Ids) -> Response<Body> {
    let document = completed(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>InternalError</Code></Error>",
        resource,
        ids,
    );
    let mut response = Response::new(full(document.into()));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

/// An answer to `HEAD` has no body, errors included, and says 206 where `GET` would.
fn settle_head(response: &mut Response<Body>) {
    if response.status().is_success() {
        if response.headers().contains_key(CONTENT_RANGE) {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
    } else {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    *response.body_mut() = full(Bytes::new());
}

fn full(bytes: Bytes) -> Body {
    Body::new(Full::new(bytes).map_err(|never| -> BoxError { match never {} }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_document_is_completed() {
        let ids = Ids { request: "R".into(), host: "H".into() };
        let text = "<Error><Code>NoSuchKey</Code></Error>";
        assert_eq!(
            completed(text, "/b/<k>", &ids),
            "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>\
             <Resource>/b/&lt;k&gt;</Resource><RequestId>R</RequestId><HostId>H</HostId></Error>"
        );
    }
}
