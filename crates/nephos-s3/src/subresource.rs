//! Sub-resources: names in a query that make a request one about something beside the bucket or
//! object. The protocol layer does not know all of them, and takes `DELETE /bucket?abac` for
//! `DELETE /bucket`.

use crate::error::default_message;
use http::Method;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

/// A name, and the methods that S3 has for it.
type Row = (&'static str, &'static str);

/// Of buckets. From the operations of Amazon S3's API model.
const OF_BUCKETS: [Row; 36] = [
    ("abac", "GET PUT"),
    ("accelerate", "GET PUT"),
    ("acl", "GET PUT"),
    ("analytics", "GET PUT DELETE"),
    ("cors", "GET PUT DELETE"),
    ("delete", "POST"),
    ("encryption", "GET PUT DELETE"),
    ("intelligent-tiering", "GET PUT DELETE"),
    ("inventory", "GET PUT DELETE"),
    ("lifecycle", "GET PUT DELETE"),
    ("location", "GET"),
    ("logging", "GET PUT"),
    ("metadataAnnotationTable", "PUT"),
    ("metadataConfiguration", "GET POST DELETE"),
    ("metadataInventoryTable", "PUT"),
    ("metadataJournalTable", "PUT"),
    ("metadataTable", "GET POST DELETE"),
    ("metrics", "GET PUT DELETE"),
    ("notification", "GET PUT"),
    ("object-lock", "GET PUT"),
    ("ownershipControls", "GET PUT DELETE"),
    ("policy", "GET PUT DELETE"),
    ("policyStatus", "GET"),
    ("publicAccessBlock", "GET PUT DELETE"),
    ("replication", "GET PUT DELETE"),
    ("requestPayment", "GET PUT"),
    ("restore", ""),
    ("session", "GET"),
    ("tagging", "GET PUT DELETE"),
    ("uploads", "GET"),
    ("versioning", "GET PUT"),
    ("versions", "GET"),
    ("website", "GET PUT DELETE"),
    ("annotation", ""),
    ("renameObject", ""),
    ("select", ""),
];

/// Of objects.
const OF_OBJECTS: [Row; 13] = [
    ("acl", "GET PUT"),
    ("annotation", "GET PUT DELETE"),
    ("attributes", "GET"),
    ("encryption", "PUT"),
    ("legal-hold", "GET PUT"),
    ("renameObject", "PUT"),
    ("restore", "POST"),
    ("retention", "GET PUT"),
    ("select", "POST"),
    ("tagging", "GET PUT DELETE"),
    ("torrent", "GET"),
    ("uploadId", "GET PUT POST DELETE"),
    ("uploads", "POST"),
];

/// Operations that serve no sub-resource.
const PLAIN: [&str; 10] = [
    "CopyObject",
    "CreateBucket",
    "DeleteBucket",
    "DeleteObject",
    "GetObject",
    "HeadBucket",
    "HeadObject",
    "ListObjects",
    "ListObjectsV2",
    "PutObject",
];

/// Refuses a request that is about a sub-resource and would be carried out as if it were not.
pub(crate) fn check(
    method: &Method,
    query: &str,
    of_object: bool,
    operation: &str,
) -> S3Result<()> {
    match named(query, of_object) {
        Some(row) if PLAIN.contains(&operation) => Err(refusal(method, row)),
        _ => Ok(()),
    }
}

/// What is said about a request that is no operation of the protocol layer.
pub(crate) fn unknown(method: &Method, query: &str, of_object: bool) -> S3Error {
    named(query, of_object).map_or_else(method_not_allowed, |row| refusal(method, row))
}

fn named(query: &str, of_object: bool) -> Option<&'static Row> {
    let rows = if of_object { &OF_OBJECTS[..] } else { &OF_BUCKETS[..] };
    form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, _)| rows.iter().find(|(known, _)| *known == name))
}

fn refusal(method: &Method, (name, methods): &Row) -> S3Error {
    if methods.split(' ').any(|known| known == method.as_str()) {
        return s3_error!(
            NotImplemented,
            "The local S3 endpoint does not implement the sub-resource {name}"
        );
    }
    method_not_allowed()
}

fn method_not_allowed() -> S3Error {
    let code = S3ErrorCode::MethodNotAllowed;
    let message = default_message(code.as_str());
    S3Error::with_message(code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_resource_is_not_taken_for_what_it_belongs_to() {
        let code = |method, query, of_object, operation| {
            check(&method, query, of_object, operation).err().map(|error| error.code().clone())
        };
        let delete = code(Method::DELETE, "abac", false, "DeleteBucket");
        assert_eq!(delete, Some(S3ErrorCode::MethodNotAllowed));
        let put = code(Method::PUT, "x=1&%61bac=", false, "CreateBucket");
        assert_eq!(put, Some(S3ErrorCode::NotImplemented));
        assert_eq!(code(Method::GET, "tagging", true, "GetObjectTagging"), None);
        assert_eq!(code(Method::PUT, "partNumber=1&x-id=UploadPart", true, "PutObject"), None);
    }
}
