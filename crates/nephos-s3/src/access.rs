//! What a request may ask for: who it comes from, and which of its headers are understood.

use crate::identity::ACCOUNT_ID;
use s3s::access::{S3Access, S3AccessContext};
use s3s::{S3Result, s3_error};

/// Refuses anonymous requests, and every header whose meaning would otherwise be dropped without
/// a word: a client that asks for encryption must not be told that it got it.
pub(crate) struct Gate;

/// Headers of features that are absent, by prefix.
const ABSENT: [&str; 11] = [
    "x-amz-server-side-encryption",
    "x-amz-copy-source-server-side-encryption",
    "x-amz-object-lock-",
    "x-amz-bypass-governance-retention",
    "x-amz-bucket-object-lock-enabled",
    "x-amz-tagging",
    "x-amz-grant-",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
    "x-amz-mfa",
    "x-amz-if-match-",
];

/// Access control lists that say what is the case anyway.
const OWN_ACLS: [&str; 3] = ["private", "bucket-owner-full-control", "bucket-owner-read"];

/// S3's limit for the names and values of user metadata together.
const MAX_METADATA: usize = 2 << 10;

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        if cx.credentials().is_none() {
            return Err(s3_error!(
                AccessDenied,
                "Anonymous requests are not allowed: sign with the published credentials"
            ));
        }
        let mut metadata = 0;
        for (name, value) in cx.headers() {
            let name = name.as_str();
            if !name.starts_with("x-amz-") {
                continue;
            }
            if let Some(rest) = name.strip_prefix("x-amz-meta-") {
                metadata += rest.len() + value.len();
            }
            if name == "x-amz-tagging-directive" && value.as_bytes() == b"COPY" {
                continue;
            }
            if ABSENT.iter().any(|absent| name.starts_with(absent)) {
                return Err(s3_error!(
                    NotImplemented,
                    "The header {name} implies functionality that the local S3 endpoint does not implement"
                ));
            }
            let is =
                |known: &[&str]| known.iter().any(|known| value.as_bytes() == known.as_bytes());
            if name == "x-amz-acl" && !is(&OWN_ACLS) {
                return Err(s3_error!(
                    NotImplemented,
                    "The local S3 endpoint has one account and no access control lists"
                ));
            }
            if name.ends_with("expected-bucket-owner") && !is(&[ACCOUNT_ID]) {
                return Err(s3_error!(AccessDenied, "Access Denied"));
            }
        }
        if metadata > MAX_METADATA {
            return Err(s3_error!(
                MetadataTooLarge,
                "Your metadata headers exceed the maximum allowed metadata size"
            ));
        }
        check_version(cx.uri().query().unwrap_or_default())
    }
}

/// Buckets have no versions, so that the only version of an object is the one called `null`.
fn check_version(query: &str) -> S3Result<()> {
    let version = query.split('&').find_map(|pair| pair.strip_prefix("versionId="));
    match version {
        None | Some("null") => Ok(()),
        Some(_) => Err(s3_error!(InvalidArgument, "Invalid version id specified")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_null_version_exists() {
        assert!(check_version("partNumber=1&versionId=null").is_ok());
        assert!(check_version("versionId=3HL4kqtJlcpXroDTDmJ").is_err());
    }
}
