//! A small signing client for calls in process.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http_body_util::{BodyExt, Full};
use nephos_s3::{ACCESS_KEY_ID, Body, LocalS3, Options, REGION, SECRET_ACCESS_KEY};
use std::path::Path;
use std::time::SystemTime;

/// The parts of a response that tests look at.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The content of the first element of a name.
    pub(crate) fn element(&self, name: &str) -> String {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("<{name}>")).expect(&text);
        rest.split_once(&format!("</{name}>")).expect(&text).0.to_owned()
    }

    pub(crate) fn etag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }
}

pub(crate) fn open(dir: &Path) -> LocalS3 {
    LocalS3::open(dir, Options::default()).unwrap()
}

/// Signs a request with the published key id and the given secret.
pub(crate) fn signed(method: &str, path: &str, body: &[u8], secret: &str) -> http::Request<Body> {
    signed_with(method, path, body, secret, &[])
}

/// The same with more headers.
pub(crate) fn signed_with(
    method: &str,
    path: &str,
    body: &[u8],
    secret: &str,
    more: &[(&'static str, String)],
) -> http::Request<Body> {
    let url = format!("http://localhost:9000{path}");
    let identity = Credentials::new(ACCESS_KEY_ID, secret, None, None, "test").into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("s3")
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let headers = more.iter().map(|(name, value)| (*name, value.as_str()));
    let headers = headers.chain([("host", "localhost:9000")]);
    let signable = SignableRequest::new(method, &url, headers, SignableBody::Bytes(body)).unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    let bytes = bytes::Bytes::copy_from_slice(body);
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost:9000")
        .header("content-length", body.len())
        .body(Body::new(Full::new(bytes).map_err(|never| match never {})))
        .unwrap();
    for (name, value) in more {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    instructions.apply_to_request_http1x(&mut request);
    request
}

pub(crate) async fn send(endpoint: &LocalS3, request: http::Request<Body>) -> Answer {
    let (parts, body) = endpoint.call(request).await.into_parts();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

pub(crate) async fn call(endpoint: &LocalS3, method: &str, path: &str, body: &[u8]) -> Answer {
    send(endpoint, signed(method, path, body, SECRET_ACCESS_KEY)).await
}

/// A call that must succeed.
pub(crate) async fn ok(endpoint: &LocalS3, method: &str, path: &str, body: &[u8]) -> Answer {
    let answer = call(endpoint, method, path, body).await;
    assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
    answer
}

/// A call that must fail with a code.
pub(crate) async fn fails(
    endpoint: &LocalS3,
    (method, path, body): (&str, &str, &[u8]),
    (status, code): (u16, &str),
) {
    let answer = call(endpoint, method, path, body).await;
    assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
    assert_eq!(answer.element("Code"), code);
}

/// The document that completes an upload.
pub(crate) fn completion(parts: &[(u16, &str)]) -> Vec<u8> {
    let part = |(number, etag): &(u16, &str)| {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
    };
    let parts: String = parts.iter().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>").into_bytes()
}
