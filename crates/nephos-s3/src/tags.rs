//! Tags of objects and buckets.

use crate::error::{custom, malformed_xml, marker_found, no_such_key, no_such_version};
use crate::object::announce_version;
use crate::service::{Answer, Endpoint};
use crate::setting::{Setting, from_xml, to_xml};
use crate::store::Fail;
use crate::store::record::{Tags, VersionRecord, Versioning};
use crate::version::{Named, Version};
use http::{HeaderMap, StatusCode};
use s3s::dto::{
    DeleteBucketTaggingInput, DeleteBucketTaggingOutput, DeleteObjectTaggingInput,
    DeleteObjectTaggingOutput, GetBucketTaggingInput, GetBucketTaggingOutput,
    GetObjectTaggingInput, GetObjectTaggingOutput, PutBucketTaggingInput, PutBucketTaggingOutput,
    PutObjectTaggingInput, PutObjectTaggingOutput, Tag, Tagging,
};
use s3s::{S3Error, S3Response, S3Result, s3_error};

/// S3's limit for the tags of an object.
const MAX_OBJECT_TAGS: usize = 10;

/// S3's limit for the tags of a bucket.
const MAX_BUCKET_TAGS: usize = 50;

/// S3's limits for a name and a value, in characters.
const MAX_NAME: usize = 128;
const MAX_VALUE: usize = 256;

fn invalid(message: &str) -> S3Error {
    s3_error!(InvalidTag, "{message}")
}

/// Reads `x-amz-tagging`: names and values as in a query.
pub(crate) fn of_header(header: Option<&str>) -> S3Result<Tags> {
    let Some(header) = header else {
        return Ok(Tags::new());
    };
    let tags: Tags = form_urlencoded::parse(header.as_bytes()).into_owned().collect();
    check(&tags, MAX_OBJECT_TAGS).map_err(|error| {
        if error.code().as_str() == "BadRequest" { error } else {
            s3_error!(
                InvalidArgument,
                "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
            )
        }
    })?;
    Ok(tags)
}

/// Reads the field `tagging` of a form: a document, as the one that sets tags later.
pub(crate) fn of_field(field: Option<&str>) -> S3Result<Tags> {
    let Some(text) = field else {
        return Ok(Tags::new());
    };
    let tagging: Tagging = from_xml(text).map_err(|_| malformed_xml())?;
    of_set(tagging.tag_set, MAX_OBJECT_TAGS)
}

/// Reads the tags of a document.
fn of_set(set: Vec<Tag>, limit: usize) -> S3Result<Tags> {
    let pair = |tag: Tag| Some((tag.key?, tag.value?));
    let tags: Option<Tags> = set.into_iter().map(pair).collect();
    let tags = tags.ok_or_else(malformed_xml)?;
    check(&tags, limit)?;
    Ok(tags)
}

fn check(tags: &Tags, limit: usize) -> S3Result<()> {
    if tags.len() > limit {
        let what = if limit == MAX_OBJECT_TAGS { "Object tags" } else { "Bucket tag count" };
        let message = format!("{what} cannot be greater than {limit}");
        return Err(custom("BadRequest", StatusCode::BAD_REQUEST, message));
    }
    for (at, (name, value)) in tags.iter().enumerate() {
        if name.is_empty() || name.chars().count() > MAX_NAME || !name.chars().all(allowed) {
            return Err(invalid("The TagKey you have provided is invalid"));
        }
        if value.chars().count() > MAX_VALUE || !value.chars().all(allowed) {
            return Err(invalid("The TagValue you have provided is invalid"));
        }
        if name.starts_with("aws:") {
            return Err(invalid("System tags cannot be added/updated by requester"));
        }
        if tags[..at].iter().any(|(other, _)| other == name) {
            return Err(invalid("Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(())
}

/// Letters, digits, blanks and `_ . : / = + - @`, says S3.
fn allowed(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character)
}

fn set(tags: &Tags) -> Vec<Tag> {
    let tag = |(key, value): &(String, String)| Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    tags.iter().map(tag).collect()
}

impl Endpoint {
    pub(crate) fn object_tags(
        &self,
        input: &GetObjectTaggingInput,
    ) -> Answer<GetObjectTaggingOutput> {
        let named = self.named_version(&input.bucket, input.version_id.as_deref())?;
        let txn = self.store.read()?;
        let record = self.existing_object(&txn, &input.bucket, &input.key, named)?;
        let mut headers = HeaderMap::new();
        if self.keeps_versions(&input.bucket)? {
            announce_version(&mut headers, Some(record.version));
        }
        let output = GetObjectTaggingOutput {
            tag_set: set(&record.described.tags),
            ..GetObjectTaggingOutput::default()
        };
        Ok(S3Response::with_headers(output, headers))
    }

    pub(crate) async fn tag_object(
        &self,
        input: PutObjectTaggingInput,
    ) -> Answer<PutObjectTaggingOutput> {
        let tags = of_set(input.tagging.tag_set, MAX_OBJECT_TAGS)?;
        let named = self.named_version(&input.bucket, input.version_id.as_deref())?;
        let version = self.replace_tags(input.bucket, input.key, named, tags).await?;
        Ok(S3Response::with_headers(PutObjectTaggingOutput::default(), version))
    }

    pub(crate) async fn untag_object(
        &self,
        input: DeleteObjectTaggingInput,
    ) -> Answer<DeleteObjectTaggingOutput> {
        let named = self.named_version(&input.bucket, input.version_id.as_deref())?;
        let version = self.replace_tags(input.bucket, input.key, named, Tags::new()).await?;
        Ok(S3Response::with_headers(DeleteObjectTaggingOutput::default(), version))
    }

    pub(crate) fn bucket_tags(
        &self,
        input: &GetBucketTaggingInput,
    ) -> S3Result<GetBucketTaggingOutput> {
        let found: Tagging = self.existing_setting(&input.bucket, Setting::Tags, || {
            s3_error!(NoSuchTagSet, "The TagSet does not exist")
        })?;
        Ok(GetBucketTaggingOutput { tag_set: found.tag_set })
    }

    pub(crate) async fn tag_bucket(
        &self,
        input: PutBucketTaggingInput,
    ) -> S3Result<PutBucketTaggingOutput> {
        let tags = of_set(input.tagging.tag_set, MAX_BUCKET_TAGS)?;
        let text = to_xml(&Tagging { tag_set: set(&tags) })?;
        self.set(input.bucket, Setting::Tags, text).await?;
        Ok(PutBucketTaggingOutput {})
    }

    pub(crate) async fn untag_bucket(
        &self,
        input: DeleteBucketTaggingInput,
    ) -> S3Result<DeleteBucketTaggingOutput> {
        self.unset(input.bucket, Setting::Tags).await?;
        Ok(DeleteBucketTaggingOutput {})
    }

    /// Sets the tags of an object; returns the header that names its version.
    async fn replace_tags(
        &self,
        bucket: String,
        key: String,
        named: Option<Named>,
        tags: Tags,
    ) -> S3Result<HeaderMap> {
        let version: Option<Version> = self
            .store
            .commit(move |tables| {
                let versioning = tables.existing_bucket(&bucket)?.versioning;
                let mut record = match tables.version(&bucket, &key, named)? {
                    Some(VersionRecord::Object(record)) => record,
                    Some(VersionRecord::Marker(marker)) => {
                        return Err(Fail::Refused(marker_found(&marker, named.is_some())));
                    }
                    None if named.is_some() => return Err(no_such_version().into()),
                    None => return Err(no_such_key().into()),
                };
                record.described.tags.clone_from(&tags);
                tables.rewrite_object(&bucket, &key, &record)?;
                Ok(Some(record.version).filter(|_| versioning != Versioning::Off))
            })
            .await?;
        let mut headers = HeaderMap::new();
        announce_version(&mut headers, version);
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_rules() {
        assert_eq!(
            of_header(Some("a=1&b+c=%2F")).unwrap(),
            [("a".into(), "1".into()), ("b c".into(), "/".into())]
        );
        for bad in ["a=1&a=2", "=1", "aws:x=1", "a=%00", &format!("a={}", "x".repeat(257))] {
            assert!(of_header(Some(bad)).is_err(), "{bad}");
        }
        let many: Vec<String> = (0..11).map(|n| format!("t{n}=1")).collect();
        assert!(of_header(Some(&many.join("&"))).is_err());
    }
}
