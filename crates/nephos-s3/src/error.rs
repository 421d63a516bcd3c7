//! Errors with S3's code, status and words.

use crate::payload::PayloadError;
use crate::store::record::MarkerRecord;
use http::header::{ALLOW, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::{S3Error, S3ErrorCode, StdError, s3_error};

/// What S3 says when an error has nothing more to tell.
pub(crate) fn default_message(code: &str) -> &'static str {
    match code {
        "AccessDenied" => "Access Denied",
        "BadDigest" => {
            "The Content-MD5 or checksum value you specified did not match what we received."
        }
        "BucketNotEmpty" => "The bucket you tried to delete is not empty",
        "EntityTooLarge" => "Your proposed upload exceeds the maximum allowed size",
        "IncompleteBody" => {
            "You did not provide the number of bytes specified by the Content-Length HTTP header"
        }
        "InternalError" => "We encountered an internal error. Please try again.",
        "InvalidArgument" => "Invalid Argument",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidRange" => "The requested range is not satisfiable",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long",
        "MalformedXML" => {
            "The XML you provided was not well-formed or did not validate against our published schema"
        }
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "MissingRequestBodyError" => "Request body is empty.",
        "NoSuchBucket" => "The specified bucket does not exist",
        "NoSuchKey" => "The specified key does not exist.",
        "NotImplemented" => {
            "A header or operation you provided implies functionality that is not implemented."
        }
        "PreconditionFailed" => "At least one of the pre-conditions you specified did not hold",
        "RequestTimeTooSkewed" => {
            "The difference between the request time and the server's time is too large."
        }
        "SignatureDoesNotMatch" => {
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        }
        _ => "The request could not be completed.",
    }
}

/// An error that the protocol layer does not know by name.
pub(crate) fn custom(
    code: &'static str,
    status: StatusCode,
    message: impl Into<std::borrow::Cow<'static, str>>,
) -> S3Error {
    let mut error = S3Error::with_message(
        S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InvalidRequest),
        message,
    );
    error.set_status_code(status);
    error
}

/// Something failed that the client cannot change; the reason is for whoever runs the endpoint.
pub(crate) fn internal(reason: impl std::fmt::Display) -> S3Error {
    s3_error!(InternalError, "The local S3 endpoint failed: {}", reason)
}

/// No code of S3 says this: its disks do not fill. A status of 507 is not retried by clients.
pub(crate) fn out_of_space() -> S3Error {
    custom(
        "InsufficientStorage",
        StatusCode::INSUFFICIENT_STORAGE,
        "The disk of the local S3 endpoint is full",
    )
}

/// The caller may not use the KMS key that something is encrypted with.
pub(crate) fn decryption_denied() -> S3Error {
    s3_error!(
        AccessDenied,
        "User is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext"
    )
}

pub(crate) fn no_such_bucket() -> S3Error {
    s3_error!(NoSuchBucket, "The specified bucket does not exist")
}

pub(crate) fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

pub(crate) fn no_such_version() -> S3Error {
    s3_error!(NoSuchVersion, "The specified version does not exist.")
}

/// A read met a delete marker. Whoever names the marker's version may not read it at all; whoever
/// names none is told that the key is not there, and why.
pub(crate) fn marker_found(marker: &MarkerRecord, named: bool) -> S3Error {
    let mut error = if named {
        s3_error!(MethodNotAllowed, "The specified method is not allowed against this resource.")
    } else {
        no_such_key()
    };
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    if let Ok(version) = HeaderValue::from_str(&marker.version.text()) {
        headers.insert("x-amz-version-id", version);
    }
    if named {
        headers.insert(ALLOW, HeaderValue::from_static("DELETE"));
        if let Some(modified) = crate::clock::http_date(marker.modified) {
            headers.insert(LAST_MODIFIED, modified);
        }
    }
    error.set_headers(headers);
    error
}

pub(crate) fn no_such_upload() -> S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )
}

pub(crate) fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

pub(crate) fn incomplete_body() -> S3Error {
    s3_error!(
        IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header"
    )
}

pub(crate) fn entity_too_large() -> S3Error {
    s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed size")
}

pub(crate) fn entity_too_small() -> S3Error {
    s3_error!(EntityTooSmall, "Your proposed upload is smaller than the minimum allowed size")
}

pub(crate) fn missing_length() -> S3Error {
    s3_error!(MissingContentLength, "You must provide the Content-Length HTTP header.")
}

/// A form that cannot be taken apart.
pub(crate) fn malformed_form() -> S3Error {
    s3_error!(
        MalformedPOSTRequest,
        "The body of your POST request is not well-formed multipart/form-data."
    )
}

pub(crate) fn invalid_range() -> S3Error {
    s3_error!(InvalidRange, "The requested range is not satisfiable")
}

pub(crate) fn invalid_part_number() -> S3Error {
    custom(
        "InvalidPartNumber",
        StatusCode::RANGE_NOT_SATISFIABLE,
        "The requested partnumber is not satisfiable",
    )
}

/// Explains an error of a request body.
pub(crate) fn stream_error(error: &StdError) -> S3Error {
    if error.is::<crate::patience::Stalled>() {
        return s3_error!(
            RequestTimeout,
            "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed."
        );
    }
    // The source of a copy could not be read: that is not the client's fault.
    if let Some(error) = error.downcast_ref::<std::io::Error>() {
        return internal(error);
    }
    match error.downcast_ref::<PayloadError>() {
        Some(PayloadError::Signature) => s3_error!(
            SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        ),
        Some(PayloadError::Framing(reason)) => {
            s3_error!(InvalidRequest, "The aws-chunked encoding of the body is not valid: {reason}")
        }
        Some(PayloadError::Form) => malformed_form(),
        Some(PayloadError::FormHead) => s3_error!(
            MaxPostPreDataLengthExceededError,
            "Your POST request fields preceding the upload file were too large."
        ),
        Some(PayloadError::Cut) | None => incomplete_body(),
    }
}

pub(crate) fn payload_hash_mismatch() -> S3Error {
    custom(
        "XAmzContentSHA256Mismatch",
        StatusCode::BAD_REQUEST,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    )
}

pub(crate) fn malformed_xml() -> S3Error {
    s3_error!(
        MalformedXML,
        "The XML you provided was not well-formed or did not validate against our published schema"
    )
}

/// A condition S3 defines for reads only.
pub(crate) fn condition_not_implemented() -> S3Error {
    s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented")
}
