//! What a request may ask for: who it comes from, and which of its headers are understood.

use crate::auth::unknown_key;
use crate::authorization::{parameter, signed_headers};
use crate::error::custom;
use crate::identity::ACCOUNT_ID;
use crate::ownership::acl_not_supported;
use crate::users::{User, Users};
use crate::{action, clock, document, subresource};
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use s3s::access::{S3Access, S3AccessContext};
use s3s::{S3Error, S3Result, s3_error};
use std::sync::Arc;

/// Refuses anonymous requests, and every header whose meaning would otherwise be dropped without
/// a word: a client that asks for a lock must not be told that it got it.
pub(crate) struct Gate {
    pub(crate) users: Arc<Users>,
    /// Actions that everybody is denied.
    pub(crate) denied: Arc<[String]>,
}

/// Headers of features that are absent, by prefix.
const ABSENT: [&str; 7] = [
    "x-amz-bucket-namespace",
    "x-amz-object-lock-",
    "x-amz-bypass-governance-retention",
    "x-amz-bucket-object-lock-enabled",
    "x-amz-write-offset-bytes",
    "x-amz-mfa",
    "x-amz-if-match-",
];

/// Headers about checksums that are understood, after `x-amz-checksum-`.
const CHECKSUMS: [&str; 8] =
    ["algorithm", "crc32", "crc32c", "crc64nvme", "mode", "sha1", "sha256", "type"];

/// Access control lists that say what is the case anyway.
const OWN_ACLS: [&str; 3] = ["private", "bucket-owner-full-control", "bucket-owner-read"];

/// The other lists that have names.
const OTHER_ACLS: [&str; 5] = [
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "log-delivery-write",
];

/// S3's limit for the names and values of user metadata together.
const MAX_METADATA: usize = 2 << 10;

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        self.check_user(cx)?;
        if action::is_denied(&self.denied, cx.s3_op().name()) {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        let query = cx.uri().query().unwrap_or_default();
        let of_object = cx.s3_path().as_object().is_some();
        subresource::check(cx.method(), query, of_object, cx.s3_op().name())?;
        if let Some(signed) = signed_headers(cx.headers(), query) {
            let mut names = cx.headers().keys().map(HeaderName::as_str);
            let covered = |name: &str| signed.iter().any(|given| given == name);
            if names.any(|name| name.starts_with("x-amz-") && !covered(name)) {
                return Err(s3_error!(
                    AccessDenied,
                    "There were headers present in the request which were not signed"
                ));
            }
        }
        check_headers(cx.headers())?;
        if cx.headers().get(CONTENT_MD5).is_some_and(HeaderValue::is_empty) {
            return Err(s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid."));
        }
        document::check(cx).await
    }
}

/// Refuses headers whose meaning would be dropped, and metadata beyond S3's limit. The fields of a
/// form are checked as the headers that they stand for.
pub(crate) fn check_headers(headers: &HeaderMap) -> S3Result<()> {
    let mut metadata = 0;
    for (name, value) in headers {
        let name = name.as_str();
        if !name.starts_with("x-amz-") {
            continue;
        }
        if let Some(rest) = name.strip_prefix("x-amz-meta-") {
            metadata += rest.len() + value.len();
        }
        let other_checksum =
            name.strip_prefix("x-amz-checksum-").is_some_and(|rest| !CHECKSUMS.contains(&rest));
        if other_checksum || ABSENT.iter().any(|absent| name.starts_with(absent)) {
            if value.as_bytes().eq_ignore_ascii_case(b"false") {
                continue;
            }
            return Err(s3_error!(
                NotImplemented,
                "The header {name} implies functionality that the local S3 endpoint does not implement"
            ));
        }
        if name.ends_with("expected-bucket-owner") {
            check_account(value.as_bytes())?;
        }
        let is = |known: &[&str]| known.iter().any(|known| value.as_bytes() == known.as_bytes());
        if name == "x-amz-acl" && !is(&OWN_ACLS) && !is(&OTHER_ACLS) {
            return Err(s3_error!(InvalidArgument, "Invalid canned access control list"));
        }
        if name.starts_with("x-amz-grant-") || name == "x-amz-acl" && !is(&OWN_ACLS) {
            return Err(acl_not_supported());
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
    Ok(())
}

impl Gate {
    /// Checks what a signature does not: that there is one, and that its keys have not ended.
    fn check_user(&self, cx: &S3AccessContext<'_>) -> S3Result<()> {
        let credentials = cx.credentials().ok_or_else(anonymous)?;
        let user = self.users.find(&credentials.access_key).ok_or_else(unknown_key)?;
        let header = cx.headers().get("x-amz-security-token");
        let given = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let given = given
            .or_else(|| parameter(cx.uri().query().unwrap_or_default(), "X-Amz-Security-Token"));
        check_session(&user, given.as_deref())
    }
}

pub(crate) fn anonymous() -> S3Error {
    s3_error!(
        AccessDenied,
        "Anonymous requests are not allowed: sign with the published credentials"
    )
}

/// Checks that temporary keys come with their token and that they have not ended.
pub(crate) fn check_session(user: &User, token: Option<&str>) -> S3Result<()> {
    if token != user.session_token.as_deref() {
        return Err(s3_error!(
            InvalidToken,
            "The provided token is malformed or otherwise invalid."
        ));
    }
    if user.expires.is_some_and(|expires| expires * 1000 <= clock::now()) {
        return Err(s3_error!(ExpiredToken, "The provided token has expired."));
    }
    Ok(())
}

/// Twelve digits.
fn check_account(id: &[u8]) -> S3Result<()> {
    if id.len() == 12 && id.iter().all(u8::is_ascii_digit) {
        return Ok(());
    }
    Err(custom(
        "InvalidBucketOwnerAWSAccountID",
        StatusCode::BAD_REQUEST,
        "The value of the expected bucket owner parameter must be an AWS account ID.",
    ))
}
