//! What surrounds every answer: ids, server and date, and errors told in full.

use crate::cors::{self, Foreign};
use crate::error::default_message;
use crate::host::Domains;
use crate::intake::{self, Leftover};
use crate::service::Endpoint;
use crate::setting::Setting;
use crate::{Body, BoxError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, EXPECT, HOST, SERVER,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use rand::Rng;
use s3s::dto::{CORSConfiguration, CORSRule};
use s3s::service::S3Service;
use std::borrow::Cow;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// A document is small, with its framing as well.
const MAX_FRAMED_DOCUMENT: usize = 9 << 20;

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

pub(crate) async fn call(
    service: &S3Service,
    endpoint: &Endpoint,
    domains: &Domains,
    request: Request<Body>,
) -> Response<Body> {
    let ids = Ids::new();
    let foreign = Foreign::read(request.method(), request.headers());
    let rules = foreign.as_ref().map(|_| cors_rules(endpoint, domains, &request));
    let mut response = match &foreign {
        Some(foreign) if foreign.preflight => preflight(foreign, rules.as_ref(), &request, &ids),
        _ => answer(service, request, &ids).await,
    };
    let headers = response.headers_mut();
    if let (Some(foreign), Some(Some(rules))) = (&foreign, &rules)
        && let Some(allowed) = foreign.allowed(rules)
    {
        headers.extend(allowed);
    }
    for (name, value) in
        [("x-amz-request-id", ids.request.as_str()), ("x-amz-id-2", ids.host.as_str())]
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers.insert(SERVER, HeaderValue::from_static("nephos"));
    let date = time::OffsetDateTime::now_utc().format(HTTP_DATE);
    if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
        headers.insert(DATE, date);
    }
    response
}

/// The rules of the bucket that a request names; none if it has none.
fn cors_rules(
    endpoint: &Endpoint,
    domains: &Domains,
    request: &Request<Body>,
) -> Option<Vec<CORSRule>> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = request.uri().path().trim_start_matches('/');
    let bucket = domains.bucket(host).or_else(|| path.split('/').next())?;
    let found: Option<CORSConfiguration> = endpoint.setting(bucket, Setting::Cors).ok()?;
    found.map(|found| found.cors_rules)
}

/// Answers a browser that asks whether it may send a request; such questions are not signed.
fn preflight(
    foreign: &Foreign,
    rules: Option<&Option<Vec<CORSRule>>>,
    request: &Request<Body>,
    ids: &Ids,
) -> Response<Body> {
    let rules = rules.and_then(Option::as_ref);
    if rules.is_some_and(|rules| foreign.allowed(rules).is_some()) {
        return Response::new(full(Bytes::new()));
    }
    let error = cors::refused(rules.is_some());
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>",
        error.code().as_str(),
        escaped(error.message().unwrap_or_default())
    );
    let document = completed(&text, request.uri().path(), ids);
    let mut response = Response::new(full(document.into()));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

async fn answer(service: &S3Service, request: Request<Body>, ids: &Ids) -> Response<Body> {
    let head = request.method() == Method::HEAD;
    let resource = request.uri().path().to_owned();
    let bare_tags = request.method() == Method::GET && asks_for_attributes(request.uri());
    let waits = request.headers().contains_key(EXPECT);
    let (request, leftover) = request_body(request);
    let answer = service.call(request).await;
    let reusable = leftover.drain(waits).await;
    let mut response = match answer {
        Ok(response) if bare_tags && response.status().is_success() => without_quotes(response),
        Ok(response) => told_in_full(response, &resource, ids),
        Err(_) => error_response(&resource, ids),
    };
    if head {
        settle_head(&mut response);
    }
    if !reusable {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The body goes to the operation beside the protocol layer, which would hold a whole chunk of an
/// `aws-chunked` body in memory. What the protocol layer reads itself is a small document.
fn request_body(mut request: Request<Body>) -> (s3s::HttpRequest, Leftover) {
    let framed = request
        .headers()
        .get("x-amz-content-sha256")
        .is_some_and(|payload| payload.as_bytes().starts_with(b"STREAMING-"));
    let body = std::mem::replace(request.body_mut(), full(Bytes::new()));
    let (intake, leftover) = intake::split(body);
    let (mut parts, _) = request.into_parts();
    parts.extensions.insert(intake.clone());
    let body = if framed {
        s3s::Body::http_body_unsync(Limited::new(intake, MAX_FRAMED_DOCUMENT))
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
