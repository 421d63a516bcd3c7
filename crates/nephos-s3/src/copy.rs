//! Copies within the endpoint.

use crate::checksum::{Algorithm, set_checksum};
use crate::condition::{ReadCondition, WriteCondition};
use crate::error::no_such_key;
use crate::object::described;
use crate::service::Endpoint;
use crate::{clock, etag};
use s3s::dto::{
    ChecksumAlgorithm, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource,
    MetadataDirective,
};
use s3s::{S3Result, s3_error};

/// S3's limit for one `CopyObject`: 5 GiB.
const MAX_COPY: u64 = 5 << 30;

/// The bucket and key a copy reads from.
pub(crate) fn source(source: &CopySource) -> S3Result<(&str, &str)> {
    let CopySource::Bucket { bucket, key, version_id } = source else {
        return Err(s3_error!(
            NotImplemented,
            "The local S3 endpoint has no access points and no outposts"
        ));
    };
    match version_id.as_deref() {
        None | Some("null") => Ok((bucket, key)),
        Some(_) => Err(no_such_key()),
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
        input: CopyObjectInput,
    ) -> S3Result<CopyObjectOutput> {
        let (source_bucket, source_key) = source(&input.copy_source)?;
        let replaces = input
            .metadata_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let named = algorithm(input.checksum_algorithm.as_ref())?;
        let changes = replaces || input.storage_class.is_some() || named.is_some();
        if (source_bucket, source_key) == (input.bucket.as_str(), input.key.as_str()) && !changes {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
            ));
        }
        self.existing_bucket(&input.bucket)?;
        let condition = ReadCondition {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let (original, range, reader) =
            self.source_reader(source_bucket, source_key, condition, |record| {
                if record.size > MAX_COPY {
                    return Err(s3_error!(
                        InvalidRequest,
                        "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_COPY}"
                    ));
                }
                Ok(0..record.size)
            })?;
        // A copy has the checksum algorithm of its original, unless another is named.
        let kept = original.checksum.as_ref().map(|sum| sum.digest.algorithm);
        let given = described!(input);
        let described = if replaces {
            given
        } else {
            let mut described = original.described;
            described.storage_class = given.storage_class;
            described
        };
        // The bytes are read even if they could be shared: the tag of a copy is the MD5 of its
        // bytes, whatever parts the original was made from.
        let staged =
            self.store.stage(reader.stream(), range.end - range.start, named.or(kept)).await?;
        let record = self
            .publish_object(input.bucket, input.key, staged, described, WriteCondition::default())
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
        Ok(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() })
    }
}
