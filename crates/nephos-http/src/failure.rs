//! Answers that say no.

mod asked;
mod hint;
mod said;

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use crate::{Call, CallError, CallErrorKind};

pub(crate) use asked::Asked;
use said::Said;

/// Codes with which services refuse a call because there are too many; they do not begin it.
const THROTTLED: &[&str] = &[
    // AWS, in the spellings of its services.
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    // Google, GitHub, Azure.
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
    "RATE_LIMITED",
    "TooManyRequests",
];

/// Codes of failures that pass, whatever the status.
const PASSING: &[&str] =
    &["InternalError", "InternalFailure", "RequestTimeout", "ServerBusy", "ServiceUnavailable"];

/// GitHub asks to wait at least a minute where its secondary limit names no time.
const SECONDARY_LIMIT: Duration = Duration::from_mins(1);

/// What a failed request means. `body` may be empty, as after HEAD; `now` dates an answer that does
/// not date itself.
pub(crate) fn failure(
    call: &Call,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> CallError {
    let mut said = Said::read(headers, body, status);
    if said.code.is_none() && hint::is_s3(call) {
        said.code = bare_code(status).map(str::to_owned);
    }
    let code = said.code.clone().map(|code| hide_secrets(call, code));
    let message = said.message.take().map(|message| hide_secrets(call, message));
    let text = match (&code, &message) {
        (Some(code), Some(message)) => format!("{code}: {}", message.trim_end_matches('.')),
        (Some(code), None) => code.clone(),
        (None, Some(message)) => message.trim_end_matches('.').to_owned(),
        (None, None) => status.canonical_reason().unwrap_or("no reason given").to_owned(),
    };
    let number = status.as_u16();
    let mut error = CallError::new(
        CallErrorKind::Service { status: number, code: code.clone() },
        format!("{} failed: {text} (HTTP {number})", call.target),
    );
    if let Some(id) = said.request_id.take() {
        error = error.context("request id", id);
    }

    let asked = Asked::read(headers, now);
    let named = |codes: &[&str]| said.codes.iter().any(|code| codes.contains(&code.as_str()));
    let secondary = message.as_deref().is_some_and(|m| m.contains("secondary rate limit"));
    let limited =
        number == 429 || named(THROTTLED) || number == 403 && (secondary || asked.is_some());
    // What fails after the service has said 200 had begun; GraphQL says 200 to everything.
    error.throttled = limited && (!status.is_success() || named(&["RATE_LIMITED"]));
    error.retryable = limited || named(PASSING) || matches!(number, 408 | 500 | 502 | 503 | 504);
    error.retry_after =
        asked.map(|asked| asked.wait).or_else(|| secondary.then_some(SECONDARY_LIMIT));

    let region = said.region.as_deref();
    for hint in hint::hints(call, code.as_deref(), number, error.throttled, region) {
        error = error.hint(hint);
    }
    if let Some(wait) = error.retry_after.filter(|wait| error.retryable && !wait.is_zero()) {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        error = error.hint(match asked {
            Some(Asked { resets: true, .. }) => format!("the rate limit resets in {seconds} s"),
            _ => format!("the service asks to wait {seconds} s"),
        });
    }
    error
}

/// The code that S3 would have written had there been a body.
fn bare_code(status: StatusCode) -> Option<&'static str> {
    match status.as_u16() {
        301 => Some("PermanentRedirect"),
        403 => Some("AccessDenied"),
        404 => Some("NotFound"),
        412 => Some("PreconditionFailed"),
        _ => None,
    }
}

/// Services quote what they refuse.
fn hide_secrets(call: &Call, mut text: String) -> String {
    for (name, value) in &call.args {
        let secret = call.method.param(name).is_some_and(|param| param.secret);
        if secret && !value.text.is_empty() && text.contains(&value.text) {
            text = text.replace(&value.text, "[secret]");
        }
    }
    text
}

#[cfg(test)]
mod tests;
