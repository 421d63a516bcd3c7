//! Answers that say that the thing is elsewhere.

use http::response::Parts;
use http::{Method, Request, Uri, header};
use url::Url;

use crate::{Call, CallError, CallErrorKind};

/// How often a call is sent on.
pub(crate) const MOST_HOPS: usize = 5;

/// Headers that another host may see. Any other may hold a secret: APIs name the header of their
/// key as they like.
const HARMLESS: [header::HeaderName; 3] =
    [header::ACCEPT, header::ACCEPT_LANGUAGE, header::USER_AGENT];

/// Where a read is sent on to. Signed requests of AWS are not: their 301 says that the region is
/// wrong, and a signature is good for one host and region only.
pub(crate) fn place(call: &Call, sent: &Method, answer: &Parts) -> Option<String> {
    let signed = call.auth.as_ref().is_none_or(|auth| auth.kind.starts_with("aws_"));
    let moved = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    if signed || !moved || !matches!(*sent, Method::GET | Method::HEAD) {
        return None;
    }
    let place = answer.headers.get(header::LOCATION)?.to_str().ok()?;
    Some(place.to_owned())
}

/// The request at `place`, which an answer from `url` named, and whether it may carry credentials:
/// only where scheme, host and port stay the same.
pub(crate) fn next_hop(
    call: &Call,
    unsigned: &Request<()>,
    url: &Uri,
    place: &str,
) -> Result<(Request<()>, bool), CallError> {
    let fault = |why: &str| {
        CallError::new(
            CallErrorKind::Answer,
            format!("{} is sent on to an address that {why}", call.target),
        )
    };
    let unusable = || fault("is not a usable URL");
    let before = Url::parse(&url.to_string()).map_err(|error| unusable().source(error))?;
    let mut next = before.join(place).map_err(|error| unusable().source(error))?;
    next.set_fragment(None);
    // The transport would send these as credentials.
    if !next.username().is_empty() || next.password().is_some() {
        return Err(fault("holds a user name or a password"));
    }
    if !matches!(next.scheme(), "http" | "https") {
        return Err(fault("is neither http nor https"));
    }
    if before.scheme() == "https" && next.scheme() == "http" {
        return Err(fault("is not encrypted, though the first one is"));
    }
    let first =
        Url::parse(&unsigned.uri().to_string()).map_err(|error| unusable().source(error))?;
    let same = next.origin() == first.origin();
    let mut request = unsigned.clone();
    *request.uri_mut() = next.as_str().parse().map_err(|error| unusable().source(error))?;
    if !same {
        let host = request.uri().host().unwrap_or_default();
        let host = next.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        let host = host.parse().map_err(|_| unusable())?;
        let headers = std::mem::take(request.headers_mut());
        for name in HARMLESS {
            if let Some(value) = headers.get(&name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        request.headers_mut().insert(header::HOST, host);
    }
    Ok((request, same))
}
