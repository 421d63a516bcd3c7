//! What surrounds every answer: ids, server and date, and errors told in full.

use crate::Body;
use crate::authorization::{self, parameter};
use crate::cors::{self, Foreign};
use crate::error::default_message;
use crate::form::{self, Target};
use crate::host::Domains;
use crate::intake::{self, Leftover, full};
use crate::service::Endpoint;
use crate::setting::Setting;
use crate::subresource;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, EXPECT, HOST, SERVER,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Limited;
use rand::Rng;
use s3s::dto::{CORSConfiguration, CORSRule};
use s3s::service::S3Service;
use s3s::{S3Error, s3_error};
use std::borrow::Cow;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// What a request names, as far as errors tell it back.
struct Resource {
    method: Method,
    query: String,
    path: String,
    bucket: Option<String>,
    key: Option<String>,
    version: Option<String>,
    upload: Option<String>,
}

impl Resource {
    fn of<B>(domains: &Domains, request: &Request<B>) -> Self {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let path = request.uri().path();
        let (bucket, key) = match domains.bucket(host.unwrap_or_default()) {
            Some(bucket) => (bucket.to_ascii_lowercase(), path.trim_start_matches('/')),
            None => {
                let path = path.trim_start_matches('/');
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (bucket.to_owned(), key)
            }
        };
        let decoded = percent_encoding::percent_decode_str(key).decode_utf8_lossy().into_owned();
        let query = request.uri().query().unwrap_or_default();
        Self {
            method: request.method().clone(),
            query: query.to_owned(),
            path: path.to_owned(),
            bucket: Some(bucket).filter(|bucket| !bucket.is_empty()),
            key: Some(decoded).filter(|key| !key.is_empty()),
            version: parameter(query, "versionId"),
            upload: parameter(query, "uploadId"),
        }
    }

    /// The bucket, if it and no key is named.
    fn target(&self) -> Option<Target<'_>> {
        let bucket = self.bucket.as_deref().filter(|_| self.key.is_none())?;
        Some(Target { bucket, in_host: self.path.trim_matches('/').is_empty() })
    }

    /// The elements that S3 adds to an error to say what it is about.
    fn details(&self, code: &str) -> Vec<(&'static str, &str)> {
        let bucket = ("BucketName", &self.bucket);
        let key = ("Key", &self.key);
        let upload = ("UploadId", &self.upload);
        let told: &[(&'static str, &Option<String>)] = match code {
            "NoSuchKey" => &[key],
            "NoSuchVersion" => &[("VersionId", &self.version), key],
            "NoSuchUpload" | "InvalidPartOrder" | "InvalidPart" => &[upload],
            "NoSuchBucket"
            | "NoSuchBucketPolicy"
            | "NoSuchTagSet"
            | "NoSuchCORSConfiguration"
            | "NoSuchLifecycleConfiguration"
            | "NoSuchWebsiteConfiguration"
            | "ReplicationConfigurationNotFoundError"
            | "ObjectLockConfigurationNotFoundError"
            | "NoSuchPublicAccessBlockConfiguration"
            | "OwnershipControlsNotFoundError"
            | "BucketNotEmpty"
            | "BucketAlreadyOwnedByYou"
            | "InvalidBucketName" => &[bucket],
            _ => &[],
        };
        told.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect()
    }
}

/// Where an Object Lambda answers.
const ANSWERING: &str = "/WriteGetObjectResponse";

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
    let question = request.method() == Method::OPTIONS;
    let foreign = Foreign::read(request.method(), request.headers());
    let named = Resource::of(domains, &request);
    let rules = foreign.as_ref().and_then(|_| cors_rules(endpoint, named.bucket.as_deref()?));
    let mut response = if request.method() == Method::POST && named.path == ANSWERING {
        // Its name would be taken for a bucket's, which it cannot be.
        refused(&s3_error!(NotImplemented), &named, &ids)
    } else if question {
        preflight(foreign.as_ref(), rules.as_deref(), &request, &named, &ids)
    } else if form::is_form(&request, named.target().is_some()) {
        answer_form(endpoint, request, &named, &ids).await
    } else {
        answer(service, request, &named, &ids).await
    };
    let headers = response.headers_mut();
    if let (Some(foreign), Some(rules)) = (&foreign, &rules)
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

/// The rules of a bucket; none if it has none.
fn cors_rules(endpoint: &Endpoint, bucket: &str) -> Option<Vec<CORSRule>> {
    let found: Option<CORSConfiguration> = endpoint.setting(bucket, Setting::Cors).ok()?;
    found.map(|found| found.cors_rules)
}

/// Answers a browser that asks whether it may send a request; such questions are not signed.
fn preflight(
    foreign: Option<&Foreign>,
    rules: Option<&[CORSRule]>,
    request: &Request<Body>,
    named: &Resource,
    ids: &Ids,
) -> Response<Body> {
    let allowed = foreign.zip(rules).and_then(|(foreign, rules)| foreign.allowed(rules));
    if allowed.is_some() {
        return Response::new(full(Bytes::new()));
    }
    let refusal =
        cors::incomplete(request.headers()).unwrap_or_else(|| cors::refused(rules.is_some()));
    refused(&refusal, named, ids)
}

/// An error that the protocol layer does not come to.
fn refused(error: &S3Error, named: &Resource, ids: &Ids) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>",
        error.code().as_str(),
        escaped(error.message().unwrap_or_else(|| default_message(error.code().as_str())))
    );
    let document = completed(&text, named, ids);
    let mut response = Response::new(full(document.into()));
    *response.status_mut() = error.status_code().unwrap_or(StatusCode::BAD_REQUEST);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

async fn answer(
    service: &S3Service,
    request: Request<Body>,
    named: &Resource,
    ids: &Ids,
) -> Response<Body> {
    let head = request.method() == Method::HEAD;
    let tags_bucket = request.method() == Method::PUT
        && named.key.is_none()
        && request
            .uri()
            .query()
            .is_some_and(|query| query.split(['=', '&']).next() == Some("tagging"));
    let bare_tags = request.method() == Method::GET && asks_for_attributes(request.uri());
    let waits = request.headers().contains_key(EXPECT);
    if let Err(error) = authorization::check(request.headers(), &named.query) {
        let mut response = refused(&error, named, ids);
        // What is left of the body is not read.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    let (request, leftover) = request_body(with_token(request));
    let answer = service.call(request).await;
    let reusable = leftover.drain(waits).await;
    let mut response = match answer {
        Ok(response) if bare_tags && response.status().is_success() => without_quotes(response),
        Ok(response) => told_in_full(response, named, ids),
        Err(_) => error_response(named, ids),
    };
    if head {
        settle_head(&mut response);
    }
    if tags_bucket && response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    if !reusable {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// URLs that are presigned with temporary keys in the way of signature version 2 have the token in
/// the query, and it was signed as if it were a header.
fn with_token(mut request: Request<Body>) -> Request<Body> {
    let query = request.uri().query().unwrap_or_default();
    if parameter(query, "Signature").is_some()
        && let Some(token) = parameter(query, "x-amz-security-token")
        && let Ok(token) = HeaderValue::try_from(token)
    {
        request.headers_mut().insert("x-amz-security-token", token);
    }
    request
}

/// Answers a form, which the protocol layer does not see.
async fn answer_form(
    endpoint: &Endpoint,
    request: Request<Body>,
    named: &Resource,
    ids: &Ids,
) -> Response<Body> {
    let waits = request.headers().contains_key(EXPECT);
    let (head, body) = request.into_parts();
    let (intake, leftover) = intake::split(body);
    let answer = endpoint.upload_form(&head, named.target(), intake).await;
    let reusable = leftover.drain(waits).await;
    let mut response = answer.unwrap_or_else(|error| refused(&error, named, ids));
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
fn told_in_full(response: Response<s3s::Body>, named: &Resource, ids: &Ids) -> Response<Body> {
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let (mut parts, body) = response.into_parts();
    if parts.status == StatusCode::NOT_MODIFIED {
        parts.headers.remove(CONTENT_TYPE);
        return Response::from_parts(parts, full(Bytes::new()));
    }
    let bytes = body.bytes();
    if !failed && let Some(document) = bytes.as_ref().and_then(settled) {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
        return Response::from_parts(parts, full(document));
    }
    let text = bytes.filter(|_| failed).and_then(|bytes| String::from_utf8(bytes.into()).ok());
    let Some(text) = text.filter(|text| text.contains("</Error>")) else {
        return Response::from_parts(parts, Body::new(body));
    };
    if text.contains("<Code>NotImplemented</Code><Message>Unknown operation</Message>") {
        let error = subresource::unknown(&named.method, &named.query, named.key.is_some());
        return refused(&error, named, ids);
    }
    let document = Bytes::from(completed(&text, named, ids));
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
    Response::from_parts(parts, full(document))
}

/// A document as S3 writes it, where it is not so already.
fn settled(document: &Bytes) -> Option<Bytes> {
    let namespaced = with_namespace(document);
    let referred = with_references(namespaced.as_ref().unwrap_or(document));
    referred.or(namespaced)
}

/// Refers by number to control characters in keys: a reader would refuse them as they are, and take
/// a carriage return for a line feed.
fn with_references(document: &Bytes) -> Option<Bytes> {
    // Without an early end, and without calls, the compiler makes vector instructions of it.
    let below_blank = document.iter().map(|byte| usize::from((*byte < b' ') != (*byte == b'\n')));
    if below_blank.sum::<usize>() == 0 || !document.starts_with(b"<?xml") {
        return None;
    }
    let control = |byte: &u8| *byte < b' ' && !b"\t\n".contains(byte);
    let controls = document.iter().filter(|byte| control(byte)).count();
    let mut text = Vec::with_capacity(document.len() + 5 * controls);
    for byte in document {
        if control(byte) {
            text.extend_from_slice(format!("&#x{byte:X};").as_bytes());
        } else {
            text.push(*byte);
        }
    }
    Some(text.into())
}

/// Results that the protocol layer writes without the namespace that all others have.
const BARE: [&str; 5] = [
    "CopyObjectResult",
    "CopyPartResult",
    "OwnershipControls",
    "PublicAccessBlockConfiguration",
    "ServerSideEncryptionConfiguration",
];

/// Adds the namespace where it is missing.
fn with_namespace(document: &Bytes) -> Option<Bytes> {
    let head = &document[..document.len().min(100)];
    let opens = |name: &str| format!("<{name}>");
    let name = BARE.into_iter().find(|name| {
        let open = opens(name);
        head.windows(open.len()).any(|window| window == open.as_bytes())
    })?;
    let text = std::str::from_utf8(document).ok()?;
    let namespaced = format!("<{name} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    Some(text.replacen(&opens(name), &namespaced, 1).into())
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

fn completed(text: &str, named: &Resource, ids: &Ids) -> String {
    let code = between(text, "<Code>", "</Code>").unwrap_or_default();
    let mut added = String::new();
    if between(text, "<Message>", "</Message>").is_none_or(str::is_empty) {
        added.push_str(&format_element("Message", default_message(code)));
    }
    for (name, content) in named.details(code) {
        added.push_str(&format_element(name, content));
    }
    added.push_str(&format_element("Resource", &named.path));
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
fn error_response(named: &Resource, ids: &Ids) -> Response<Body> {
    let document = completed(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>InternalError</Code></Error>",
        named,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_document_is_completed() {
        let ids = Ids { request: "R".into(), host: "H".into() };
        let request = Request::get("/bucket/%3Ck%3E").body(full(Bytes::new())).unwrap();
        let named = Resource::of(&Domains::new(&[]), &request);
        let text = "<Error><Code>NoSuchKey</Code></Error>";
        assert_eq!(
            completed(text, &named, &ids),
            "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>\
             <Key>&lt;k&gt;</Key><Resource>/bucket/%3Ck%3E</Resource><RequestId>R</RequestId><HostId>H</HostId></Error>"
        );
    }
}
