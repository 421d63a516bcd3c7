//! Uploads by HTML form. The protocol layer reads the form and checks its policy.

use crate::store::record::ObjectRecord;
use http::header::ETAG;
use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::dto::PutObjectInput;

/// The headers that a `PUT` would have had where the form has fields.
pub(crate) fn headers(input: &PutObjectInput) -> HeaderMap {
    let method = input.server_side_encryption.as_ref().map(s3s::dto::ServerSideEncryption::as_str);
    let bucket_key = input.bucket_key_enabled.map(|enabled| enabled.to_string());
    let fields = [
        ("", method),
        ("-aws-kms-key-id", input.ssekms_key_id.as_deref()),
        ("-context", input.ssekms_encryption_context.as_deref()),
        ("-bucket-key-enabled", bucket_key.as_deref()),
        ("-customer-algorithm", input.sse_customer_algorithm.as_deref()),
        ("-customer-key", input.sse_customer_key.as_deref()),
        ("-customer-key-md5", input.sse_customer_key_md5.as_deref()),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::try_from(format!("x-amz-server-side-encryption{name}"));
        if let (Ok(name), Some(Ok(value))) = (name, value.map(HeaderValue::from_str)) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Where the object is. It becomes `Location` unless the form asked for a redirect, which is known
/// only when the answer is written.
pub(crate) const PLACE: HeaderName = HeaderName::from_static("x-nephos-place");

/// What an answer to a form tells in headers.
pub(crate) fn announce(headers: &mut HeaderMap, record: &ObjectRecord, place: String) {
    let checksum = record.checksum.as_ref();
    let told = [
        (ETAG, Some(format!("\"{}\"", record.etag))),
        (PLACE, Some(place)),
        (
            HeaderName::from_static("x-amz-checksum-type"),
            checksum.map(|sum| sum.coverage.name().to_owned()),
        ),
        (
            HeaderName::from_static(
                checksum.map_or("x-amz-checksum-crc64nvme", |sum| sum.digest.algorithm.header()),
            ),
            checksum.map(crate::checksum::ObjectChecksum::text),
        ),
    ];
    for (name, value) in told {
        if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
            headers.insert(name, value);
        }
    }
}
