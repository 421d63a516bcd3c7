//! Single objects: what is kept of them, and how they are written.

use crate::checksum::{Algorithm, Digest, ObjectChecksum, given_checksums, set_checksum};
use crate::condition::WriteCondition;
use crate::encryption::Protection;
use crate::error::custom;
use crate::lifecycle::Subject;
use crate::listing::Encoding;
use crate::part::{Promise, told_length};
use crate::payload::Payload;
use crate::service::{Answer, Endpoint};
use crate::store::Staged;
use crate::store::record::{Described, Layout, ObjectRecord, Versioning};
use crate::version::Version;
use crate::{clock, etag};
use http::header::HOST;
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::dto::{PutObjectInput, PutObjectOutput, StorageClass};
use s3s::{S3Request, S3Response, S3Result, s3_error};

/// The headers of an input that are kept with an object.
macro_rules! described {
    ($input:expr) => {
        $crate::store::record::Described {
            cache_control: $input.cache_control,
            content_disposition: $input.content_disposition,
            content_encoding: $crate::object::own_encoding($input.content_encoding.as_deref()),
            content_language: $input.content_language,
            content_type: $input.content_type,
            expires: $input.expires.map($crate::clock::seconds),
            metadata: $crate::object::sorted($input.metadata),
            storage_class: $crate::object::storage_class($input.storage_class.as_ref())?,
            redirect: $crate::object::redirect($input.website_redirect_location)?,
            tags: $crate::tags::of_header($input.tagging.as_deref())?,
        }
    };
}
pub(crate) use described;

/// `aws-chunked` says how the request was sent, not what the object is.
pub(crate) fn own_encoding(encoding: Option<&str>) -> Option<String> {
    let kept: Vec<&str> = encoding?
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

pub(crate) fn sorted(metadata: Option<s3s::dto::Metadata>) -> Vec<(String, String)> {
    let mut metadata: Vec<_> = metadata.unwrap_or_default().into_iter().collect();
    metadata.sort();
    metadata
}

/// Keeps the name of a storage class; none means `STANDARD`.
pub(crate) fn storage_class(class: Option<&StorageClass>) -> S3Result<Option<String>> {
    match class.map(StorageClass::as_str) {
        None | Some("STANDARD") => Ok(None),
        Some(
            known @ ("REDUCED_REDUNDANCY"
            | "STANDARD_IA"
            | "ONEZONE_IA"
            | "INTELLIGENT_TIERING"
            | "GLACIER_IR"
            | "GLACIER"
            | "DEEP_ARCHIVE"),
        ) => Ok(Some(known.to_owned())),
        Some(_) => {
            Err(s3_error!(InvalidStorageClass, "The storage class you specified is not valid"))
        }
    }
}

/// Keeps the redirect of an object; it is told and not followed, as there are no websites here.
pub(crate) fn redirect(location: Option<String>) -> S3Result<Option<String>> {
    let valid = |text: &String| ["/", "http://", "https://"].iter().any(|p| text.starts_with(p));
    match location {
        Some(location) if !valid(&location) => Err(custom(
            "InvalidRedirectLocation",
            StatusCode::BAD_REQUEST,
            "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
        )),
        location => Ok(location),
    }
}

/// An object of which everything is known but its bytes.
pub(crate) struct NewObject {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) described: Described,
    pub(crate) condition: WriteCondition,
    pub(crate) promise: Promise,
    /// The checksum that is kept with it; none means the one of S3's choice.
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) protection: Protection,
}

/// The header that names a version, where the bucket keeps versions or has kept them.
pub(crate) fn announce_version(headers: &mut HeaderMap, version: Option<Version>) {
    let value = version.and_then(|version| HeaderValue::from_str(&version.text()).ok());
    if let Some(value) = value {
        headers.insert("x-amz-version-id", value);
    }
}

/// The address of an object, as the client reached the endpoint.
pub(crate) fn location(headers: &HeaderMap, bucket: &str, key: &str) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    format!("http://{host}/{bucket}/{}", Encoding::URL.write(key))
}

impl Endpoint {
    pub(crate) async fn write_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> Answer<PutObjectOutput> {
        let payload = Self::payload(&mut request)?;
        let headers = &request.headers;
        let input = request.input;
        let condition =
            WriteCondition { if_match: input.if_match, if_none_match: input.if_none_match };
        condition.validate()?;
        let promise = Promise::read(
            headers,
            told_length(headers, input.content_length)?,
            input.content_md5.as_deref(),
            given_checksums!(input),
        )?;
        let algorithm = promise.algorithm;
        let described = described!(input);
        self.existing_bucket(&input.bucket)?;
        let protection = self.protection(&input.bucket, headers)?;
        let (bucket, key) = (input.bucket, input.key);
        let new = NewObject { bucket, key, described, condition, promise, algorithm, protection };
        let (record, headers) = self.receive_object(new, payload).await?;
        let mut output = PutObjectOutput {
            e_tag: Some(etag::quoted(&record.etag)),
            ..PutObjectOutput::default()
        };
        if let Some(checksum) = &record.checksum {
            set_checksum!(output, checksum.digest.algorithm, checksum.text());
            output.checksum_type = Some(checksum.coverage.name().to_owned().into());
        }
        Ok(S3Response::with_headers(output, headers))
    }

    /// Receives the bytes of an object and makes it visible; returns what the answer says of it in
    /// headers, besides its tag and its checksum.
    pub(crate) async fn receive_object(
        &self,
        new: NewObject,
        payload: Payload,
    ) -> S3Result<(ObjectRecord, HeaderMap)> {
        let NewObject { bucket, key, described, condition, promise, algorithm, protection } = new;
        let staged = promise.receive(&self.store, payload, algorithm, &protection).await?;
        let (record, version) = self
            .publish_object(bucket.clone(), key.clone(), staged, described, condition, &protection)
            .await?;
        let mut headers = protection.headers();
        announce_version(&mut headers, version);
        // The object is stored: that its rules cannot be read does not change that.
        let subject = Subject::of(&key, &record);
        let _ = self.announce_expiry(&mut headers, &bucket, subject, record.modified);
        Ok((record, headers))
    }

    /// Makes staged bytes the object; says which version it is, where versions are kept.
    pub(crate) async fn publish_object(
        &self,
        bucket: String,
        key: String,
        staged: Staged,
        described: Described,
        condition: WriteCondition,
        protection: &Protection,
    ) -> S3Result<(ObjectRecord, Option<Version>)> {
        // An object whose writer named no checksum has the CRC-64/NVME, as on S3.
        let checksum = staged.checksum.clone().unwrap_or_else(|| Digest::crc64(staged.crc64));
        let encryption = protection.encryption.clone();
        self.store
            .commit(move |tables| {
                let versioning = tables.existing_bucket(&bucket)?.versioning;
                condition.check(tables.object(&bucket, &key)?.as_ref())?;
                let version = tables.new_version(versioning);
                let record = ObjectRecord {
                    version,
                    size: staged.length,
                    modified: clock::now(),
                    etag: etag::single(staged.tag),
                    layout: Layout::Whole(tables.publish(&staged)?),
                    checksum: Some(ObjectChecksum::full(checksum.clone())),
                    described: described.clone(),
                    encryption: encryption.clone(),
                };
                tables.put_object(&bucket, &key, &record, versioning)?;
                Ok((record, Some(version).filter(|_| versioning == Versioning::Enabled)))
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transfer_coding_is_not_part_of_the_object() {
        let own = |text: &str| own_encoding(Some(text));
        assert_eq!(own("aws-chunked"), None);
        assert_eq!(own("gzip, aws-chunked").as_deref(), Some("gzip"));
        assert_eq!(own("gzip").as_deref(), Some("gzip"));
    }
}
