//! Multipart uploads up to their end: create, upload and copy parts, list them, abort.

use crate::checksum::{Algorithm, Coverage, given_checksums, set_checksum};
use crate::condition::ReadCondition;
use crate::copy::{Source, algorithm, copy_source};
use crate::encryption::Protection;
use crate::error::{entity_too_large, no_such_upload};
use crate::identity::{initiator, owner};
use crate::object::described;
use crate::part::{Promise, parse_upload, part_number, told_length, upload_text};
use crate::service::{Answer, Endpoint};
use crate::store::record::{PartRecord, UploadId, UploadRecord, decode, encode};
use crate::store::tables::PARTS;
use crate::store::{self, Intent, Length, Staged, Unavailable};
use crate::{clock, etag};
use http::HeaderMap;
use redb::{ReadTransaction, ReadableTable};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CopyPartResult,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, ListPartsInput, ListPartsOutput, Part,
    UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};
use std::ops;

/// S3's limit for a page of parts.
const MAX_PAGE: i32 = 1000;

/// S3's limit for one part: 5 GiB.
const MAX_PART_SIZE: u64 = 5 << 30;

/// How many entries a page may have: more than 1000 is read as 1000.
pub(crate) fn page_size(asked: Option<i32>) -> S3Result<usize> {
    usize::try_from(asked.unwrap_or(MAX_PAGE).min(MAX_PAGE)).map_err(|_| {
        s3_error!(InvalidArgument, "Argument max-parts must be an integer between 0 and 2147483647")
    })
}

impl Endpoint {
    pub(crate) async fn create_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        let user = self.user(&request);
        let input = request.input;
        let named = algorithm(input.checksum_algorithm.as_ref())?;
        let asked = match input.checksum_type.as_ref() {
            None => None,
            Some(kind) => Some(Coverage::from_name(kind.as_str()).ok_or_else(|| {
                s3_error!(InvalidRequest, "Value for x-amz-checksum-type header is invalid.")
            })?),
        };
        let checksum = agree(named, asked)?;
        self.existing_bucket(&input.bucket)?;
        let protection = self.protection(&input.bucket, &request.headers)?;
        let initiated = clock::now();
        let id = self.store.next_upload(initiated);
        let record = UploadRecord {
            initiated,
            described: described!(input),
            checksum,
            encryption: protection.encryption.clone(),
            initiator: user,
        };
        let mut headers = protection.headers();
        self.announce_abort(&mut headers, &input.bucket, &input.key, &record)?;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        self.store
            .commit(move |tables| {
                tables.existing_bucket(&bucket)?;
                tables.uploads.insert((bucket.as_str(), key.as_str(), id), &encode(&record)[..])?;
                Ok(())
            })
            .await?;
        let output = CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_text(id)),
            checksum_algorithm: checksum.map(|(algorithm, _)| algorithm.name().to_owned().into()),
            checksum_type: checksum.map(|(_, coverage)| coverage.name().to_owned().into()),
            ..CreateMultipartUploadOutput::default()
        };
        Ok(S3Response::with_headers(output, headers))
    }

    /// The upload, or which of bucket and upload is missing.
    pub(crate) fn existing_upload(
        &self,
        txn: &ReadTransaction,
        bucket: &str,
        key: &str,
        upload: &str,
    ) -> S3Result<(UploadId, UploadRecord)> {
        let missing = || match self.existing_bucket(bucket) {
            Ok(_) => no_such_upload(),
            Err(error) => error,
        };
        let id = parse_upload(upload).map_err(|_| missing())?;
        let found = store::upload(txn, bucket, key, id)?.ok_or_else(missing)?;
        Ok((id, found))
    }

    pub(crate) async fn receive_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> Answer<UploadPartOutput> {
        let payload = Self::payload(&mut request)?;
        let input = request.input;
        let number = part_number(input.part_number)?;
        let promise = Promise::read(
            &request.headers,
            told_length(&request.headers, input.content_length)?,
            input.content_md5.as_deref(),
            given_checksums!(input),
        )?;
        let txn = self.store.read()?;
        let (id, upload) =
            self.existing_upload(&txn, &input.bucket, &input.key, &input.upload_id)?;
        drop(txn);
        let algorithm = algorithm_of_part(&upload, promise.algorithm)?;
        let protection = self.protection_of_part(&upload, &request.headers)?;
        let staged = promise.receive(&self.store, payload, algorithm, &protection).await?;
        let record = self.publish_part(input.bucket, input.key, id, number, staged).await?;
        let mut output = UploadPartOutput {
            e_tag: Some(etag::quoted(&etag::single(record.tag))),
            ..UploadPartOutput::default()
        };
        if let Some(digest) = &record.checksum {
            set_checksum!(output, digest.algorithm, digest.text());
        }
        Ok(S3Response::with_headers(output, protection.headers()))
    }

    pub(crate) async fn copy_part(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> Answer<UploadPartCopyOutput> {
        let headers = &request.headers;
        let input = request.input;
        let number = part_number(input.part_number)?;
        let txn = self.store.read()?;
        let (id, upload) =
            self.existing_upload(&txn, &input.bucket, &input.key, &input.upload_id)?;
        drop(txn);
        let copied = copy_source(headers, input.copy_source)?;
        let source = Source::read(&copied)?;
        let condition = ReadCondition {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let protection = self.protection_of_part(&upload, headers)?;
        let wanted = input.copy_source_range.as_deref();
        let (original, range, reader) =
            self.source_reader(&source, condition, headers, |record| {
                let range = copy_range(wanted, record.size)?;
                if range.end - range.start > MAX_PART_SIZE {
                    return Err(entity_too_large());
                }
                Ok(range)
            })?;
        let intent = Intent {
            length: Length::Exact(range.end - range.start),
            algorithm: upload.checksum.map(|(algorithm, _)| algorithm),
            md5_tag: self.store.has_md5_tag(&upload.encryption),
            md5: false,
            sha256: false,
            secret: protection.secret.clone(),
        };
        let staged = self.store.stage(reader.stream(), intent).await?;
        let mut answered = protection.headers();
        self.announce_source(&mut answered, &source, &original)?;
        let record = self.publish_part(input.bucket, input.key, id, number, staged).await?;
        let mut result = CopyPartResult {
            e_tag: Some(etag::quoted(&etag::single(record.tag))),
            last_modified: Some(clock::timestamp(record.modified)),
            ..CopyPartResult::default()
        };
        if let Some(digest) = &record.checksum {
            set_checksum!(result, digest.algorithm, digest.text());
        }
        let output = UploadPartCopyOutput {
            copy_part_result: Some(result),
            ..UploadPartCopyOutput::default()
        };
        Ok(S3Response::with_headers(output, answered))
    }

    /// How a part is encrypted: as its upload was created.
    fn protection_of_part(
        &self,
        upload: &UploadRecord,
        headers: &HeaderMap,
    ) -> S3Result<Protection> {
        let protection =
            Protection::of_upload(&upload.encryption, headers, || self.store.master())?;
        self.permit_decryption(&upload.encryption)?;
        Ok(protection)
    }

    /// Makes staged bytes a part, in place of an earlier one of the same number. The upload may
    /// have been completed or aborted while the bytes arrived.
    async fn publish_part(
        &self,
        bucket: String,
        key: String,
        upload: UploadId,
        number: u16,
        staged: Staged,
    ) -> S3Result<PartRecord> {
        self.store
            .commit(move |tables| {
                if tables.uploads.get((bucket.as_str(), key.as_str(), upload))?.is_none() {
                    return Err(no_such_upload().into());
                }
                let before: Option<PartRecord> = match tables.parts.get((upload, number))? {
                    Some(row) => Some(decode(row.value())?),
                    None => None,
                };
                let record = PartRecord {
                    tag: staged.tag,
                    crc64: staged.crc64,
                    checksum: staged.checksum.clone(),
                    modified: clock::now(),
                    extent: tables.publish(&staged)?,
                };
                tables.parts.insert((upload, number), &encode(&record)[..])?;
                if let Some(before) = before {
                    tables.release(before.extent)?;
                }
                Ok(record)
            })
            .await
    }

    pub(crate) fn page_of_parts(&self, input: ListPartsInput) -> Answer<ListPartsOutput> {
        let limit = page_size(input.max_parts)?;
        let marker = input.part_number_marker.unwrap_or(0);
        if marker < 0 {
            return Err(s3_error!(
                InvalidArgument,
                "Argument part-number-marker must be an integer between 0 and 2147483647"
            ));
        }
        let txn = self.store.read()?;
        let (id, upload) =
            self.existing_upload(&txn, &input.bucket, &input.key, &input.upload_id)?;
        if upload.checksum.is_some() {
            // Checksums of KMS uploads are sealed with the key: S3 asks for the right to it.
            self.permit_decryption(&upload.encryption)?;
        }
        let (parts, more) = scan_parts(&txn, id, marker, limit, upload.checksum.is_some())?;
        let mut headers = HeaderMap::new();
        self.announce_abort(&mut headers, &input.bucket, &input.key, &upload)?;
        let output = ListPartsOutput {
            // S3 names the last part of the page, and 0 on a page without parts; a client must
            // stop at IsTruncated.
            next_part_number_marker: Some(
                parts.last().and_then(|part| part.part_number).unwrap_or(0),
            ),
            parts: Some(parts),
            is_truncated: Some(more),
            max_parts: i32::try_from(limit).ok(),
            part_number_marker: Some(marker),
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            initiator: Some(initiator(&upload.initiator)),
            owner: Some(owner()),
            storage_class: Some(
                upload.described.storage_class.unwrap_or_else(|| "STANDARD".to_owned()).into(),
            ),
            checksum_algorithm: upload
                .checksum
                .map(|(algorithm, _)| algorithm.name().to_owned().into()),
            checksum_type: upload.checksum.map(|(_, coverage)| coverage.name().to_owned().into()),
            ..ListPartsOutput::default()
        };
        Ok(S3Response::with_headers(output, headers))
    }

    pub(crate) async fn abort_upload(
        &self,
        input: AbortMultipartUploadInput,
    ) -> S3Result<AbortMultipartUploadOutput> {
        let txn = self.store.read()?;
        let (id, _) = self.existing_upload(&txn, &input.bucket, &input.key, &input.upload_id)?;
        drop(txn);
        self.store
            .commit(move |tables| {
                let (bucket, key) = (input.bucket.as_str(), input.key.as_str());
                if tables.uploads.get((bucket, key, id))?.is_none() {
                    return Err(no_such_upload().into());
                }
                tables.delete_upload(bucket, key, id)
            })
            .await?;
        Ok(AbortMultipartUploadOutput::default())
    }
}

/// The checksum an upload is created with.
fn agree(
    algorithm: Option<Algorithm>,
    coverage: Option<Coverage>,
) -> S3Result<Option<(Algorithm, Coverage)>> {
    let Some(algorithm) = algorithm else {
        if coverage.is_some() {
            return Err(s3_error!(
                InvalidRequest,
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            ));
        }
        return Ok(None);
    };
    let coverage = coverage.unwrap_or_else(|| algorithm.default_coverage());
    if !algorithm.allows(coverage) {
        return Err(s3_error!(
            InvalidRequest,
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            coverage.name(),
            algorithm.name().to_ascii_lowercase()
        ));
    }
    Ok(Some((algorithm, coverage)))
}

/// The algorithm to compute for a part: the one its upload was created with, or, if it was
/// created with none, the one the part brings.
fn algorithm_of_part(
    upload: &UploadRecord,
    sent: Option<Algorithm>,
) -> S3Result<Option<Algorithm>> {
    let Some((expected, _)) = upload.checksum else {
        return Ok(sent);
    };
    if sent == Some(expected) {
        return Ok(Some(expected));
    }
    Err(s3_error!(
        InvalidRequest,
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        expected.name().to_ascii_lowercase(),
        sent.map_or_else(|| "null".to_owned(), |algorithm| algorithm.name().to_ascii_lowercase())
    ))
}

/// `x-amz-copy-source-range` is stricter than `Range`: both ends, inside the source.
fn copy_range(text: Option<&str>, size: u64) -> S3Result<ops::Range<u64>> {
    let Some(text) = text else {
        return Ok(0..size);
    };
    let ends = text
        .strip_prefix("bytes=")
        .and_then(|ends| ends.split_once('-'))
        .and_then(|(first, last)| Some((number(first)?, number(last)?)))
        .filter(|(first, last)| first <= last);
    let Some((first, last)) = ends else {
        return Err(s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy"
        ));
    };
    if first >= size {
        return Err(s3_error!(
            InvalidRequest,
            "The specified copy range is invalid for the source object size."
        ));
    }
    if last >= size {
        return Err(s3_error!(
            InvalidArgument,
            "Range specified is not valid for source object of size: {size}"
        ));
    }
    Ok(first..last + 1)
}

fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// One page: a range of one table, so that its cost does not depend on how many parts there are.
fn scan_parts(
    txn: &ReadTransaction,
    upload: UploadId,
    marker: i32,
    limit: usize,
    with_checksums: bool,
) -> Result<(Vec<Part>, bool), Unavailable> {
    let Ok(after) = u16::try_from(marker) else {
        return Ok((Vec::new(), false));
    };
    let table = txn.open_table(PARTS)?;
    let mut parts = Vec::with_capacity(limit);
    let bounds = (ops::Bound::Excluded((upload, after)), ops::Bound::Included((upload, u16::MAX)));
    for row in table.range::<(UploadId, u16)>(bounds)? {
        if parts.len() == limit {
            // S3 answers an empty page as complete, whatever there is.
            return Ok((parts, limit > 0));
        }
        let (key, row) = row?;
        let record: PartRecord = decode(row.value())?;
        let mut part = Part {
            part_number: Some(key.value().1.into()),
            size: i64::try_from(record.extent.length).ok(),
            last_modified: Some(clock::timestamp(record.modified)),
            e_tag: Some(etag::quoted(&etag::single(record.tag))),
            ..Part::default()
        };
        if let Some(digest) = record.checksum.as_ref().filter(|_| with_checksums) {
            set_checksum!(part, digest.algorithm, digest.text());
        }
        parts.push(part);
    }
    Ok((parts, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_range_has_both_ends_inside_the_source() {
        assert_eq!(copy_range(None, 10).unwrap(), 0..10);
        assert_eq!(copy_range(Some("bytes=2-9"), 10).unwrap(), 2..10);
        for bad in ["bytes=0-", "bytes=-5", "bytes=5-2", "0-5", "bytes=0-10", "bytes=+1-2"] {
            assert!(copy_range(Some(bad), 10).is_err(), "{bad}");
        }
    }

    #[test]
    fn algorithms_and_coverages_agree_as_on_s3() {
        let full = Some(Coverage::FullObject);
        let composite = Some(Coverage::Composite);
        assert!(agree(Some(Algorithm::Sha256), full).is_err());
        assert!(agree(Some(Algorithm::Crc64Nvme), composite).is_err());
        assert!(agree(None, full).is_err());
        assert_eq!(
            agree(Some(Algorithm::Crc32), None).unwrap(),
            Some((Algorithm::Crc32, Coverage::Composite))
        );
        assert_eq!(
            agree(Some(Algorithm::Crc64Nvme), None).unwrap(),
            Some((Algorithm::Crc64Nvme, Coverage::FullObject))
        );
    }
}
