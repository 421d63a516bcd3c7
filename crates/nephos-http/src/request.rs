//! A call to an unsigned request.

use http::{HeaderName, HeaderValue, Request, header};
use nephos_catalog::Location;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Call, CallError, CallErrorKind, Endpoint};

/// RFC 3986's unreserved characters stay as they are; AWS signs everything else encoded.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// In a path parameter the slash stays: a key is a path.
const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// Percent-encodes a path segment.
pub(crate) fn encode_segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Builds method, URL and headers; `extra` are further query parameters (page tokens), which
/// replace arguments of the same name.
pub(crate) fn build(
    call: &Call,
    endpoint: &Endpoint,
    extra: &[(String, String)],
) -> Result<Request<()>, CallError> {
    let base = endpoint.base(&call.method, |name| call.arg(name).map(str::to_owned))?;
    let url = format!("{base}{}", path_and_query(call, extra)?);
    let mut request =
        Request::builder().method(call.method.http.as_str()).uri(&url).body(()).map_err(
            |error| {
                CallError::new(CallErrorKind::Argument, format!("{url} is not a usable URL"))
                    .source(error)
            },
        )?;
    let headers = request.headers_mut();
    let mut put = |name: &str, value: &str| -> Result<(), CallError> {
        let fault = |what: &str| {
            CallError::new(CallErrorKind::Argument, format!("{name} is not a usable header {what}"))
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fault("name"))?;
        // Bytes above ASCII are sent as UTF-8; control characters are refused.
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| fault("value"))?;
        headers.insert(header, value);
        Ok(())
    };
    if let Some(media_type) = &call.content_type {
        put(header::CONTENT_TYPE.as_str(), media_type)?;
    }
    if let Some(digest) = &call.content_md5 {
        put("content-md5", digest)?;
    }
    for param in call.method.params.iter().filter(|p| p.location == Location::Header) {
        match (param.family(), call.arg(&param.name), &param.default) {
            (Some(prefix), ..) => {
                for (name, value) in call.args.iter().filter(|(name, _)| name.starts_with(prefix)) {
                    put(name, value)?;
                }
            }
            (None, Some(value), _) => put(&param.name, value)?,
            // Documents rely on header defaults (X-Amz-Target): they are always sent.
            (None, None, Some(default)) => put(&param.name, default)?,
            (None, None, None) => {}
        }
    }
    Ok(request)
}

fn path_and_query(call: &Call, extra: &[(String, String)]) -> Result<String, CallError> {
    let template = call.method.path.as_str();
    let (path, constants) = template.split_once('?').unwrap_or((template, ""));
    let mut path = path.to_owned();
    let mut query: Vec<(String, String)> = Vec::new();
    for (name, value) in &call.args {
        match call.method.param(name).map(|param| param.location) {
            Some(Location::Path) => {
                let encoded = utf8_percent_encode(value, PATH).to_string();
                path = path.replace(&format!("{{{name}}}"), &encoded);
            }
            Some(Location::Query) if !extra.iter().any(|(other, _)| other == name) => {
                query.push((name.clone(), value.clone()));
            }
            _ => {}
        }
    }
    query.extend(extra.iter().cloned());
    // URL parsers fold these segments away, and with them the key that was meant.
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(CallError::new(
            CallErrorKind::Argument,
            "a path parameter with a segment . or .. cannot be sent in a URL",
        ));
    }
    let given = |name: &str| query.iter().any(|(other, _)| other == name);
    let mut parts: Vec<String> = constants
        .split('&')
        .filter(|constant| !constant.is_empty())
        .filter(|constant| !given(constant.split('=').next().unwrap_or(constant)))
        .map(str::to_owned)
        .collect();
    parts.extend(
        query
            .iter()
            .map(|(name, value)| format!("{}={}", encode_segment(name), encode_segment(value))),
    );
    Ok(if parts.is_empty() { path } else { format!("{path}?{}", parts.join("&")) })
}
