//! The permissions that operations need, for those who deny one.

/// Denies the use of what a KMS key seals.
pub(crate) const DECRYPT: &str = "kms:Decrypt";

/// Operations whose permission has another name. From the table "Permissions" of each operation's
/// page in the Amazon S3 API Reference.
const NAMED: [(&str, &str); 38] = [
    ("CompleteMultipartUpload", "PutObject"),
    ("CopyObject", "PutObject"),
    ("CreateMultipartUpload", "PutObject"),
    ("DeleteBucketCors", "PutBucketCORS"),
    ("DeleteBucketEncryption", "PutEncryptionConfiguration"),
    ("DeleteBucketLifecycle", "PutLifecycleConfiguration"),
    ("DeleteBucketOwnershipControls", "PutBucketOwnershipControls"),
    ("DeleteBucketTagging", "PutBucketTagging"),
    ("DeleteObjects", "DeleteObject"),
    ("DeletePublicAccessBlock", "PutBucketPublicAccessBlock"),
    ("GetBucketAccelerateConfiguration", "GetAccelerateConfiguration"),
    ("GetBucketCors", "GetBucketCORS"),
    ("GetBucketEncryption", "GetEncryptionConfiguration"),
    ("GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"),
    ("GetBucketNotificationConfiguration", "GetBucketNotification"),
    ("GetBucketReplication", "GetReplicationConfiguration"),
    ("GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"),
    ("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    ("HeadBucket", "ListBucket"),
    ("HeadObject", "GetObject"),
    ("ListBuckets", "ListAllMyBuckets"),
    ("ListMultipartUploads", "ListBucketMultipartUploads"),
    ("ListObjectVersions", "ListBucketVersions"),
    ("ListObjects", "ListBucket"),
    ("ListObjectsV2", "ListBucket"),
    ("ListParts", "ListMultipartUploadParts"),
    ("PostObject", "PutObject"),
    ("PutBucketAccelerateConfiguration", "PutAccelerateConfiguration"),
    ("PutBucketCors", "PutBucketCORS"),
    ("PutBucketEncryption", "PutEncryptionConfiguration"),
    ("PutBucketLifecycleConfiguration", "PutLifecycleConfiguration"),
    ("PutBucketNotificationConfiguration", "PutBucketNotification"),
    ("PutBucketReplication", "PutReplicationConfiguration"),
    ("PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"),
    ("PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
    ("SelectObjectContent", "GetObject"),
    ("UploadPart", "PutObject"),
    ("UploadPartCopy", "PutObject"),
];

/// Operations whose permission has their own name, of those that are here.
const OWN: [&str; 27] = [
    "AbortMultipartUpload",
    "CreateBucket",
    "DeleteBucket",
    "DeleteBucketPolicy",
    "DeleteObject",
    "DeleteObjectTagging",
    "GetBucketAcl",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectTagging",
    "PutBucketAcl",
    "PutBucketPolicy",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutObject",
    "PutObjectAcl",
    "PutObjectTagging",
];

/// The permission that an operation needs, without its `s3:`.
fn permission(operation: &str) -> &str {
    let named = NAMED.iter().find(|(name, _)| *name == operation);
    named.map_or(operation, |(_, permission)| permission)
}

/// Whether one of the denied actions is what an operation needs.
pub(crate) fn is_denied(denied: &[String], operation: &str) -> bool {
    let needed = permission(operation);
    denied.iter().any(|action| {
        action.split_once(':').is_some_and(|(service, name)| {
            service.eq_ignore_ascii_case("s3") && name.eq_ignore_ascii_case(needed)
        })
    })
}

/// The actions that [`Options::denied`](crate::Options::denied) understands, in order.
pub fn actions() -> Vec<String> {
    let named = NAMED.iter().map(|(_, permission)| *permission);
    let mut actions: Vec<String> = named.chain(OWN).map(|name| format!("s3:{name}")).collect();
    actions.push(DECRYPT.to_owned());
    actions.sort();
    actions.dedup();
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_denied_by_the_permission_it_needs() {
        let denied = ["S3:putobject".to_owned()];
        assert!(is_denied(&denied, "UploadPart") && is_denied(&denied, "PutObject"));
        assert!(!is_denied(&denied, "GetObject") && !is_denied(&["PutObject".into()], "PutObject"));
        assert!(actions().contains(&"s3:ListMultipartUploadParts".to_owned()));
    }
}
