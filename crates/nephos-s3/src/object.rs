//! Single objects: put, get, head, delete.

use crate::checksum::{Digest, ObjectChecksum, given_checksums, set_checksum};
use crate::condition::{ReadCondition, WriteCondition};
use crate::error::{invalid_part_number, invalid_range, no_such_bucket, no_such_key};
use crate::part::{Promise, part_number};
use crate::service::Endpoint;
use crate::store::record::{Described, Layout, ManifestPart, ObjectRecord};
use crate::store::{self, Reader, Staged};
use crate::{clock, etag};
use redb::{ReadTransaction, ReadableTable};
use s3s::dto::{
    ChecksumMode, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput,
    DeletedObject, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    PutObjectInput, PutObjectOutput, Range, StorageClass, StreamingBlob,
};
use s3s::{Body, S3Request, S3Result, s3_error};
use std::ops;

/// The default of S3, which clients show to people.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// S3's limit for the keys of one `DeleteObjects`.
const MAX_DELETIONS: usize = 1000;

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
            | "GLACIER_IR"),
        ) => Ok(Some(known.to_owned())),
        // These must be restored before they can be read, which is not built.
        Some(archive @ ("GLACIER" | "DEEP_ARCHIVE")) => Err(s3_error!(
            NotImplemented,
            "The local S3 endpoint does not implement the storage class {archive}"
        )),
        Some(_) => {
            Err(s3_error!(InvalidStorageClass, "The storage class you specified is not valid"))
        }
    }
}

/// What a read gives of an object.
struct Selected {
    record: ObjectRecord,
    range: ops::Range<u64>,
    /// Whether a part or a range was asked for.
    partial: bool,
    parts_count: Option<i32>,
}

impl Selected {
    fn content_range(&self) -> Option<String> {
        self.partial.then(|| {
            format!(
                "bytes {}-{}/{}",
                self.range.start,
                self.range.end.saturating_sub(1),
                self.record.size
            )
        })
    }

    /// The checksum, if it is asked for and covers what is given.
    fn checksum(&self, mode: Option<&ChecksumMode>) -> Option<&ObjectChecksum> {
        let asked = mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        let whole = self.range == (0..self.record.size);
        self.record.checksum.as_ref().filter(|_| asked && whole)
    }
}

/// Fills what `GetObjectOutput` and `HeadObjectOutput` have in common.
macro_rules! fill {
    ($output:expr, $selected:expr, $mode:expr) => {{
        let output = &mut $output;
        let selected = &$selected;
        let described = &selected.record.described;
        output.accept_ranges = Some("bytes".to_owned());
        output.cache_control = described.cache_control.clone();
        output.content_disposition = described.content_disposition.clone();
        output.content_encoding = described.content_encoding.clone();
        output.content_language = described.content_language.clone();
        output.content_type =
            Some(described.content_type.clone().unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned()));
        output.expires = described.expires.map(|seconds| clock::timestamp(seconds * 1000));
        output.metadata = Some(described.metadata.iter().cloned().collect());
        output.storage_class = described.storage_class.clone().map(StorageClass::from);
        output.e_tag = Some(etag::quoted(&selected.record.etag));
        output.last_modified = Some(clock::timestamp(selected.record.modified));
        output.parts_count = selected.parts_count;
        output.content_range = selected.content_range();
        output.content_length = i64::try_from(selected.range.end - selected.range.start).ok();
        if let Some(checksum) = selected.checksum($mode.as_ref()) {
            set_checksum!(output, checksum.digest.algorithm, checksum.text());
            output.checksum_type = Some(checksum.coverage.name().to_owned().into());
        }
    }};
}

impl Endpoint {
    pub(crate) async fn write_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<PutObjectOutput> {
        let input = request.input;
        let condition =
            WriteCondition { if_match: input.if_match, if_none_match: input.if_none_match };
        condition.validate()?;
        let promise = Promise::read(
            &request.headers,
            input.content_length,
            input.content_md5.as_deref(),
            given_checksums!(input),
            request.trailing_headers,
        )?;
        let described = described!(input);
        self.existing_bucket(&input.bucket)?;
        let body = input.body.unwrap_or_else(|| Body::empty().into());
        let staged = self.store.stage(body, promise.length, promise.algorithm).await?;
        promise.check(&staged)?;
        let record =
            self.publish_object(input.bucket, input.key, staged, described, condition).await?;
        let mut output = PutObjectOutput {
            e_tag: Some(etag::quoted(&record.etag)),
            ..PutObjectOutput::default()
        };
        if let Some(checksum) = &record.checksum {
            set_checksum!(output, checksum.digest.algorithm, checksum.text());
            output.checksum_type = Some(checksum.coverage.name().to_owned().into());
        }
        Ok(output)
    }

    /// Makes staged bytes the object.
    pub(crate) async fn publish_object(
        &self,
        bucket: String,
        key: String,
        staged: Staged,
        described: Described,
        condition: WriteCondition,
    ) -> S3Result<ObjectRecord> {
        // An object whose writer named no checksum has the CRC-64/NVME, as on S3.
        let checksum = staged.checksum.clone().unwrap_or_else(|| Digest::crc64(staged.crc64));
        self.store
            .commit(move |tables| {
                if tables.buckets.get(bucket.as_str())?.is_none() {
                    return Err(no_such_bucket().into());
                }
                condition.check(tables.object(&bucket, &key)?.as_ref())?;
                let size = staged.length;
                let tag = etag::single(staged.md5);
                let record = ObjectRecord {
                    size,
                    modified: clock::now(),
                    etag: tag,
                    layout: Layout::Whole(tables.publish(staged)?),
                    checksum: Some(ObjectChecksum::full(checksum)),
                    described,
                };
                tables.put_object(&bucket, &key, &record)?;
                Ok(record)
            })
            .await
    }

    pub(crate) fn read_object(&self, input: GetObjectInput) -> S3Result<GetObjectOutput> {
        let lease = self.store.lease();
        let txn = self.store.read()?;
        let condition = ReadCondition {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let selected = self.select(
            &txn,
            (&input.bucket, &input.key),
            condition,
            input.range,
            input.part_number,
        )?;
        let extents = store::extents(&txn, selected.record.layout)?;
        let reader = self.store.reader(&txn, lease, extents, selected.range.clone())?;
        let mut output = GetObjectOutput {
            body: Some(StreamingBlob::new(reader.stream())),
            ..GetObjectOutput::default()
        };
        fill!(output, selected, input.checksum_mode);
        Ok(output)
    }

    pub(crate) fn probe_object(&self, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
        let txn = self.store.read()?;
        let condition = ReadCondition {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let selected = self.select(
            &txn,
            (&input.bucket, &input.key),
            condition,
            input.range,
            input.part_number,
        )?;
        let mut output = HeadObjectOutput::default();
        fill!(output, selected, input.checksum_mode);
        Ok(output)
    }

    /// Finds an object and the bytes of it that are asked for.
    fn select(
        &self,
        txn: &ReadTransaction,
        (bucket, key): (&str, &str),
        condition: ReadCondition,
        range: Option<Range>,
        part: Option<i32>,
    ) -> S3Result<Selected> {
        let record = self.existing_object(txn, bucket, key)?;
        condition.check(&record)?;
        if range.is_some() && part.is_some() {
            return Err(s3_error!(
                InvalidRequest,
                "Cannot specify both Range header and partNumber query parameter"
            ));
        }
        if let Some(number) = part {
            return select_part(txn, record, part_number(number)?);
        }
        let whole = 0..record.size;
        let (range, partial) = match range {
            None => (whole, false),
            Some(range) => (satisfy(range, record.size)?, true),
        };
        Ok(Selected { record, range, partial, parts_count: None })
    }

    /// The object, or which of bucket and key is missing.
    pub(crate) fn existing_object(
        &self,
        txn: &ReadTransaction,
        bucket: &str,
        key: &str,
    ) -> S3Result<ObjectRecord> {
        if let Some(record) = store::object(txn, bucket, key)? {
            return Ok(record);
        }
        self.existing_bucket(bucket)?;
        Err(no_such_key())
    }

    /// The bytes of a range of an object, for a copy.
    pub(crate) fn source_reader(
        &self,
        bucket: &str,
        key: &str,
        condition: ReadCondition,
        range: impl FnOnce(&ObjectRecord) -> S3Result<ops::Range<u64>>,
    ) -> S3Result<(ObjectRecord, ops::Range<u64>, Reader)> {
        let lease = self.store.lease();
        let txn = self.store.read()?;
        let record = self.existing_object(&txn, bucket, key)?;
        condition.check_source(&record)?;
        let range = range(&record)?;
        let extents = store::extents(&txn, record.layout)?;
        let reader = self.store.reader(&txn, lease, extents, range.clone())?;
        Ok((record, range, reader))
    }

    pub(crate) async fn remove_object(
        &self,
        input: DeleteObjectInput,
    ) -> S3Result<DeleteObjectOutput> {
        let condition = WriteCondition { if_match: input.if_match, if_none_match: None };
        self.store
            .commit(move |tables| {
                if tables.buckets.get(input.bucket.as_str())?.is_none() {
                    return Err(no_such_bucket().into());
                }
                condition.check(tables.object(&input.bucket, &input.key)?.as_ref())?;
                tables.delete_object(&input.bucket, &input.key)
            })
            .await?;
        Ok(DeleteObjectOutput::default())
    }

    /// Deletes many objects in one commit. A key that is not there counts as deleted.
    pub(crate) async fn remove_objects(
        &self,
        input: DeleteObjectsInput,
    ) -> S3Result<DeleteObjectsOutput> {
        let objects = input.delete.objects;
        if objects.is_empty() || objects.len() > MAX_DELETIONS {
            return Err(s3_error!(
                MalformedXML,
                "The XML you provided was not well-formed or did not validate against our published schema"
            ));
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        let bucket = input.bucket;
        let (deleted, errors) = self
            .store
            .commit(move |tables| {
                if tables.buckets.get(bucket.as_str())?.is_none() {
                    return Err(no_such_bucket().into());
                }
                let mut deleted = Vec::new();
                let mut errors = Vec::new();
                for object in objects {
                    let version = object.version_id.as_deref();
                    let refusal = if version.is_some_and(|version| version != "null") {
                        Some(("NoSuchVersion", "The specified version does not exist."))
                    } else if object.last_modified_time.is_some() || object.size.is_some() {
                        Some(("NotImplemented", "Deleting by time or size is not implemented"))
                    } else if let Some(tag) = object.e_tag.as_ref()
                        && tables
                            .object(&bucket, &object.key)?
                            .is_none_or(|record| record.etag != tag.value())
                    {
                        Some((
                            "PreconditionFailed",
                            "At least one of the pre-conditions you specified did not hold",
                        ))
                    } else {
                        None
                    };
                    if let Some((code, message)) = refusal {
                        errors.push(s3s::dto::Error {
                            code: Some(code.to_owned()),
                            message: Some(message.to_owned()),
                            key: Some(object.key),
                            version_id: object.version_id,
                        });
                        continue;
                    }
                    tables.delete_object(&bucket, &object.key)?;
                    deleted.push(DeletedObject {
                        key: Some(object.key),
                        version_id: object.version_id,
                        ..DeletedObject::default()
                    });
                }
                Ok((deleted, errors))
            })
            .await?;
        Ok(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            errors: Some(errors),
            request_charged: None,
        })
    }
}

/// The bytes a range names. A suffix longer than the object is the whole object.
fn satisfy(range: Range, size: u64) -> S3Result<ops::Range<u64>> {
    let found = range.check(size).map_err(|_| invalid_range())?;
    if found.is_empty() {
        return Err(invalid_range());
    }
    Ok(found)
}

/// One part of an object; an object written in one piece is its own part 1.
fn select_part(txn: &ReadTransaction, record: ObjectRecord, number: u16) -> S3Result<Selected> {
    let (range, parts_count) = match record.layout {
        Layout::Whole(_) if number == 1 => (0..record.size, None),
        Layout::Whole(_) => return Err(invalid_part_number()),
        Layout::Parts { manifest, count } => {
            let parts = store::manifest(txn, manifest)?;
            (
                range_of_part(&parts, number).ok_or_else(invalid_part_number)?,
                i32::try_from(count).ok(),
            )
        }
    };
    Ok(Selected {
        // An empty object has no byte that a Content-Range could name.
        partial: record.size > 0,
        record,
        range,
        parts_count,
    })
}

/// Where a part lies. Its number is the one it was uploaded under, gaps included.
fn range_of_part(parts: &[ManifestPart], number: u16) -> Option<ops::Range<u64>> {
    let mut start = 0;
    for part in parts {
        let end = start + part.extent.length;
        if part.number == number {
            return Some(start..end);
        }
        start = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::{Extent, Place};

    #[test]
    fn the_transfer_coding_is_not_part_of_the_object() {
        let own = |text: &str| own_encoding(Some(text));
        assert_eq!(own("aws-chunked"), None);
        assert_eq!(own("gzip, aws-chunked").as_deref(), Some("gzip"));
        assert_eq!(own("gzip").as_deref(), Some("gzip"));
    }

    #[test]
    fn parts_keep_their_numbers() {
        let part = |number, length| ManifestPart {
            number,
            extent: Extent { blob: 0, length, place: Place::File },
            checksum: None,
        };
        let parts = [part(2, 10), part(7, 5)];
        assert_eq!(range_of_part(&parts, 7), Some(10..15));
        assert_eq!(range_of_part(&parts, 1), None);
    }
}
