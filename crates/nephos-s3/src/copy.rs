//! Copies within the endpoint.

use crate::checksum::{Algorithm, set_checksum};
use crate::condition::{ReadCondition, WriteCondition};
use crate::object::{announce_version, described};
use crate::service::{Answer, Endpoint};
use crate::store::record::ObjectRecord;
use crate::store::{Intent, Length};
use crate::version::Named;
use crate::{clock, etag};
use http::{HeaderMap, HeaderValue};
use s3s::dto::{
    ChecksumAlgorithm, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource,
    MetadataDirective, TaggingDirective,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

/// S3's limit for one `CopyObject`: 5 GiB.
const MAX_COPY: u64 = 5 << 30;

/// What a copy reads.
pub(crate) struct Source<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    pub(crate) version: Option<Named>,
}

impl<'a> Source<'a> {
    pub(crate) fn read(source: &'a CopySource) -> S3Result<Self> {
        let CopySource::Bucket { bucket, key, version_id } = source else {
            return Err(s3_error!(
                NotImplemented,
                "The local S3 endpoint has no access points and no outposts"
            ));
        };
        Ok(Self { bucket, key, version: version_id.as_deref().map(Named::parse).transpose()? })
    }
}

/// The source of a copy as S3 reads it: a plus is a blank, as in a form.
pub(crate) fn copy_source(headers: &HeaderMap, read: CopySource) -> S3Result<CopySource> {
    let text = headers.get("x-amz-copy-source").and_then(|value| value.to_str().ok());
    let Some(text) = text.filter(|text| text.contains('+')) else {
        return Ok(read);
    };
    let (path, version) = text.split_at(text.find('?').unwrap_or(text.len()));
    CopySource::parse(&format!("{}{version}", path.replace('+', "%20"))).map_err(|_| {
        s3_error!(
            InvalidArgument,
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        )
    })
}

/// Whether a directive says that what comes with the request replaces what the source has.
fn is_replaced(directive: Option<&str>, header: &'static str) -> S3Result<bool> {
    match directive {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(_) => Err(s3_error!(InvalidArgument, "Unknown {header} directive.")),
    }
}

/// The algorithm an input names.
pub(crate) fn algorithm(named: Option<&ChecksumAlgorithm>) -> S3Result<Option<Algorithm>> {
    let Some(named) = named else {
        return Ok(None);
    };
    Algorithm::from_name(named.as_str()).map(Some).ok_or_else(|| {
        s3_error!(
            InvalidRequest,
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
        )
    })
}

impl Endpoint {
    pub(crate) async fn copy_of_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> Answer<CopyObjectOutput> {
        let headers = &request.headers;
        let input = request.input;
        let copied = copy_source(headers, input.copy_source)?;
        let source = Source::read(&copied)?;
        let metadata = input.metadata_directive.as_ref().map(MetadataDirective::as_str);
        let replaces = is_replaced(metadata, "metadata")?;
        let tagging = input.tagging_directive.as_ref().map(TaggingDirective::as_str);
        let retags = is_replaced(tagging, "tagging")?;
        let named = algorithm(input.checksum_algorithm.as_ref())?;
        let target = WriteCondition::read(headers)?;
        target.validate()?;
        self.existing_bucket(&input.bucket)?;
        let protection = self.protection(&input.bucket, headers)?;
        let changes = replaces
            || input.storage_class.is_some()
            || input.website_redirect_location.is_some()
            || named.is_some()
            || source.version.is_some()
            || headers.contains_key("x-amz-server-side-encryption")
            || headers.contains_key("x-amz-server-side-encryption-customer-algorithm");
        if (source.bucket, source.key) == (input.bucket.as_str(), input.key.as_str()) && !changes {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
            ));
        }
        let condition = ReadCondition {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let (original, range, reader) =
            self.source_reader(&source, condition, headers, |record| {
                if record.size > MAX_COPY {
                    return Err(s3_error!(
                        InvalidRequest,
                        "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_COPY}"
                    ));
                }
                Ok(0..record.size)
            })?;
        let mut answered = protection.headers();
        self.announce_source(&mut answered, &source, &original)?;
        // A copy has the checksum algorithm of its original, unless another is named.
        let kept = original.checksum.as_ref().map(|sum| sum.digest.algorithm);
        let given = described!(input);
        let mut described = if replaces { given.clone() } else { original.described.clone() };
        described.storage_class = given.storage_class;
        // A redirect and tags have rules of their own: the one is never copied, the others are
        // unless they are replaced.
        described.redirect = given.redirect;
        described.tags = if retags { given.tags } else { original.described.tags };
        // The bytes are read even if they could be shared: the tag of a copy is the MD5 of its
        // bytes, whatever parts the original was made from.
        let intent = Intent {
            length: Length::Exact(range.end - range.start),
            algorithm: named.or(kept),
            md5_tag: self.store.has_md5_tag(&protection.encryption),
            md5: false,
            sha256: false,
            secret: protection.secret.clone(),
        };
        let staged = self.store.stage(reader.stream(), intent).await?;
        let (record, version) = self
            .publish_object(input.bucket, input.key, staged, described, target, &protection)
            .await?;
        let mut result = CopyObjectResult {
            e_tag: Some(etag::quoted(&record.etag)),
            last_modified: Some(clock::timestamp(record.modified)),
            ..CopyObjectResult::default()
        };
        if let Some(checksum) = &record.checksum {
            set_checksum!(result, checksum.digest.algorithm, checksum.text());
            result.checksum_type = Some(checksum.coverage.name().to_owned().into());
        }
        announce_version(&mut answered, version);
        let output =
            CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() };
        Ok(S3Response::with_headers(output, answered))
    }

    /// The header that names the version a copy was made of.
    pub(crate) fn announce_source(
        &self,
        headers: &mut HeaderMap,
        source: &Source<'_>,
        original: &ObjectRecord,
    ) -> S3Result<()> {
        if self.keeps_versions(source.bucket)?
            && let Ok(version) = HeaderValue::from_str(&original.version.text())
        {
            headers.insert("x-amz-copy-source-version-id", version);
        }
        Ok(())
    }
}
