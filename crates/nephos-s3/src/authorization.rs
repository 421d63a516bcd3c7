//! The form of a request's signature, in its URL or its header. Whether it matches is for the
//! protocol layer to say.

use crate::error::custom;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use s3s::{S3Error, S3Result, s3_error};

/// S3's limit for the life of a presigned URL: seven days, in seconds.
const MAX_LIFETIME: i64 = 604_800;

/// What a presigned URL must have.
const PARAMETERS: [&str; 6] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
];

/// Ways of signing that S3 has, or had.
const KINDS: [&str; 3] = ["AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "AWS"];

/// One parameter of a query.
pub(crate) fn parameter(query: &str, wanted: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// The headers that a signature covers. None for signatures of version 2, which cover all that
/// matter.
pub(crate) fn signed_headers(headers: &HeaderMap, query: &str) -> Option<Vec<String>> {
    let names = |text: &str| text.split(';').map(str::to_owned).collect();
    if let Some(text) = parameter(query, "X-Amz-SignedHeaders") {
        return Some(names(&text));
    }
    field(headers.get(AUTHORIZATION)?.to_str().ok()?, "SignedHeaders").map(names)
}

/// Refuses a signature that is none.
pub(crate) fn check(headers: &HeaderMap, query: &str) -> S3Result<()> {
    if PARAMETERS.iter().any(|name| parameter(query, name).is_some()) {
        return check_query(query);
    }
    let Some(authorization) = headers.get(AUTHORIZATION) else {
        return Ok(());
    };
    let text = authorization.to_str().unwrap_or_default();
    let kind = text.split(' ').next().unwrap_or_default();
    if !KINDS.contains(&kind) {
        return Err(s3_error!(InvalidArgument, "Unsupported Authorization Type"));
    }
    if kind != KINDS[0] {
        return Ok(());
    }
    match ["Credential", "SignedHeaders", "Signature"]
        .iter()
        .find(|name| field(text, name).is_none())
    {
        Some(name) => Err(s3_error!(
            AuthorizationHeaderMalformed,
            "The authorization header is malformed; {name} is missing"
        )),
        None if is_credential(field(text, "Credential").unwrap_or_default()) => Ok(()),
        None => Err(s3_error!(
            AuthorizationHeaderMalformed,
            "The authorization header is malformed; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."
        )),
    }
}

fn field<'a>(authorization: &'a str, name: &str) -> Option<&'a str> {
    let fields = authorization.split_once(' ')?.1.split(',');
    fields
        .filter_map(|field| field.trim().split_once('='))
        .find_map(|(known, value)| (known == name && !value.is_empty()).then_some(value))
}

/// An access key may have slashes in it.
fn is_credential(text: &str) -> bool {
    let scope: Vec<&str> = text.rsplitn(5, '/').collect();
    scope.len() == 5 && scope[0] == "aws4_request" && scope[3].len() == 8
}

fn check_query(query: &str) -> S3Result<()> {
    let found = PARAMETERS.map(|name| parameter(query, name));
    let [Some(_), Some(credential), Some(_), Some(date), Some(_), Some(expires)] = found else {
        return Err(malformed(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ));
    };
    if !is_credential(&credential) {
        return Err(malformed(
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ));
    }
    if date.len() != 16 || date.as_bytes()[8] != b'T' || !date.ends_with('Z') {
        return Err(malformed(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
        ));
    }
    match expires.parse::<i64>() {
        Err(_) => Err(malformed("X-Amz-Expires should be a number")),
        Ok(seconds) if seconds < 0 => Err(malformed("X-Amz-Expires must be non-negative")),
        Ok(seconds) if seconds > MAX_LIFETIME => Err(malformed(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
        )),
        Ok(_) => Ok(()),
    }
}

fn malformed(message: &'static str) -> S3Error {
    custom("AuthorizationQueryParametersError", StatusCode::BAD_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_signature_is_checked() {
        let headed = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, text.parse().unwrap());
            check(&headers, "").is_ok()
        };
        let scope = "20261125/us-east-1/s3/aws4_request";
        assert!(headed(&format!(
            "AWS4-HMAC-SHA256 Credential=a/b/{scope}, SignedHeaders=host;x-amz-date,Signature=00"
        )));
        assert!(headed("AWS key:signature"));
        assert!(!headed("Bearer token"));
        assert!(!headed(&format!("AWS4-HMAC-SHA256 Credential=a/{scope}, Signature=00")));
        assert!(!headed("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=00"));
        let asked = |date: &str, expires: &str| {
            let query = format!(
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/{scope}&X-Amz-Signature=00&X-Amz-SignedHeaders=host&X-Amz-Date={date}&X-Amz-Expires={expires}"
            );
            check(&HeaderMap::new(), &query).is_ok()
        };
        assert!(asked("20261125T101112Z", "604800"));
        assert!(!asked("20261125T101112Z", "604801"));
        assert!(!asked("20261125T101112Z", "-1"));
        assert!(!asked("2026-11-25", "60"));
        assert!(check(&HeaderMap::new(), "X-Amz-Signature=00").is_err());
    }
}
