//! Answers that say no.

use http::{HeaderMap, StatusCode, header};

use crate::xml::Element;
use crate::{Call, CallError, CallErrorKind};

/// What a failed request means. `body` may be empty, as after HEAD.
pub(crate) fn failure(
    call: &Call,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> CallError {
    let text = String::from_utf8_lossy(body);
    let document = Element::parse(&text).ok();
    let member = |name: &str| {
        let found =
            document.as_ref().and_then(|root| root.child(name)).map(|e| e.text.trim().to_owned());
        found.filter(|text| !text.is_empty())
    };
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let code = member("Code").or_else(|| header("x-amz-error-code")).or_else(|| bare_code(status));
    let message = member("Message").or_else(|| header("x-amz-error-message"));
    let said = match (&code, message) {
        (Some(code), Some(message)) => format!("{code}: {}", message.trim_end_matches('.')),
        (Some(code), None) => code.clone(),
        (None, Some(message)) => message,
        (None, None) => status.canonical_reason().unwrap_or("no reason given").to_owned(),
    };
    let number = status.as_u16();
    let mut error = CallError::new(
        CallErrorKind::Service { status: number, code: code.clone() },
        format!("{} failed: {said} (HTTP {number})", call.target),
    );
    if let Some(id) = member("RequestId").or_else(|| header("x-amz-request-id")) {
        error = error.context("request id", id);
    }
    let region = header("x-amz-bucket-region").or_else(|| member("Region"));
    for hint in hints(call, code.as_deref(), number, region.as_deref()) {
        error = error.hint(hint);
    }
    error.retry_after = header(header::RETRY_AFTER.as_str()).and_then(|v| v.trim().parse().ok());
    let passing_code = matches!(
        code.as_deref(),
        Some(
            "SlowDown"
                | "RequestTimeout"
                | "InternalError"
                | "ServiceUnavailable"
                | "Throttling"
                | "ThrottlingException"
                | "RequestLimitExceeded"
                | "BandwidthLimitExceeded"
        )
    );
    error.retryable = passing_code || matches!(number, 408 | 429 | 500 | 502 | 503 | 504);
    error
}

/// The code that S3 would have written had there been a body.
fn bare_code(status: StatusCode) -> Option<String> {
    let code = match status.as_u16() {
        301 => "PermanentRedirect",
        403 => "AccessDenied",
        404 => "NotFound",
        412 => "PreconditionFailed",
        _ => return None,
    };
    Some(code.to_owned())
}

fn hints(call: &Call, code: Option<&str>, status: u16, region: Option<&str>) -> Vec<String> {
    let named = |name: &str| call.arg(name).unwrap_or("?").to_owned();
    let mut hints: Vec<String> = match code {
        Some("NoSuchUpload") => vec![format!(
            "upload {} of key {} may have been completed, aborted or never begun; \
             EXEC aws.s3.multipart_uploads.multipart_uploads_List shows the open ones",
            named("uploadId"),
            named("Key")
        )],
        Some("NoSuchBucket") => vec![format!(
            "SELECT * FROM aws.s3.buckets WHERE region = '{}' shows the buckets there are",
            named("region")
        )],
        Some("SignatureDoesNotMatch") => {
            vec!["the secret access key does not belong to the access key id".to_owned()]
        }
        Some("InvalidAccessKeyId") => {
            vec!["the service does not know this access key id; is it another account's or endpoint's?".to_owned()]
        }
        Some("RequestTimeTooSkewed") => {
            vec!["the clock of this machine differs from the service's by more than 15 minutes: set it".to_owned()]
        }
        Some("ExpiredToken" | "TokenRefreshRequired") => {
            vec!["the session token has expired: log in again".to_owned()]
        }
        Some("AccessDenied") => vec![format!(
            "the credentials may not do this; it needs the permission for {}",
            call.method.operation
        )],
        Some("EntityTooSmall") => {
            vec!["every part but the last must have at least 5 MiB".to_owned()]
        }
        Some("IllegalLocationConstraintException") => vec![format!(
            "outside us-east-1 a bucket needs its region in the body: \
             @@json='{{\"LocationConstraint\":\"{}\"}}'",
            named("region")
        )],
        Some("SlowDown") => vec!["the service asks for fewer requests a second".to_owned()],
        _ => Vec::new(),
    };
    if let Some(region) = region.filter(|_| matches!(status, 301 | 307 | 400)) {
        hints.push(format!("the bucket is in region {region}"));
    }
    hints
}
