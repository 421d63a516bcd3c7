//! Snake case as the documents' makers write it.

use std::sync::LazyLock;

use regex::Regex;

/// A plural acronym at the end (`ARNs`) is one word.
static PLURAL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("[A-Z]{2,}s$").ok());

/// Where words begin: botocore's rules, and a number after a small letter.
static WORDS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    ["(.)([A-Z][a-z]+)", "([a-z])([0-9]+)", "([a-z0-9])([A-Z])"]
        .into_iter()
        .filter_map(|rule| Regex::new(rule).ok())
        .collect()
});

/// `VPCId` to `vpc_id`, `TargetGroupARNs` to `target_group_arns`. A name with an underscore stays.
pub fn snake_case(name: &str) -> String {
    if name.contains('_') {
        return name.to_owned();
    }
    let mut out = name.to_owned();
    if let Some(found) = PLURAL.as_ref().and_then(|plural| plural.find(name)) {
        out = format!("{}_{}", &name[..found.start()], found.as_str().to_lowercase());
    }
    for rule in WORDS.iter() {
        out = rule.replace_all(&out, "${1}_${2}").into_owned();
    }
    out.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn names_are_spelled_as_documents_expect() {
        // Answers of botocore's `xform_name`, but for the numbers.
        for (name, expected) in [
            ("VPCId", "vpc_id"),
            ("DBInstanceIdentifier", "db_instance_identifier"),
            ("TargetGroupARNs", "target_group_arns"),
            ("ARNs", "_arns"),
            ("MD5OfBody", "md5_of_body"),
            ("S3Bucket", "s3_bucket"),
            ("Ipv6CidrBlock", "ipv_6_cidr_block"),
            ("already_snake", "already_snake"),
            ("HTTPHeaders", "http_headers"),
            ("SSEKMSKeyId", "ssekms_key_id"),
            ("provisioningState", "provisioning_state"),
            ("next-token", "next-token"),
        ] {
            assert_eq!(snake_case(name), expected, "{name}");
        }
    }
}
