//! Reading single objects: whole, in ranges, part by part, or their heads alone.

use crate::checksum::{Digest, ObjectChecksum, set_checksum};
use crate::condition::ReadCondition;
use crate::encryption::{CustomerKey, Secret};
use crate::error::{
    invalid_part_number, invalid_range, marker_found, no_such_key, no_such_version,
};
use crate::lifecycle::Subject;
use crate::object::announce_version;
use crate::part::part_number;
use crate::service::{Answer, Endpoint};
use crate::store::record::{Layout, ManifestPart, ObjectRecord, Versioning};
use crate::store::{self, Found, Reader};
use crate::version::Named;
use crate::{clock, etag};
use http::HeaderMap;
use redb::ReadTransaction;
use s3s::dto::{
    ChecksumMode, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, Range,
    StorageClass, StreamingBlob,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};
use std::ops;

/// The default of S3, which clients show to people.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// What a read gives of an object.
struct Selected {
    record: ObjectRecord,
    range: ops::Range<u64>,
    /// Whether a part or a range was asked for.
    partial: bool,
    parts_count: Option<i32>,
    /// The checksum of the part that was asked for.
    part_checksum: Option<Digest>,
    secret: Option<Secret>,
    /// What else the answer says.
    headers: HeaderMap,
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

    /// The checksum, if it is asked for and there is one of what is given.
    fn checksum(&self, mode: Option<&ChecksumMode>) -> Option<ObjectChecksum> {
        let asked = is_enabled(mode);
        let whole = self.range == (0..self.record.size);
        let of_part = self.part_checksum.clone().map(ObjectChecksum::of_part);
        of_part.or_else(|| self.record.checksum.clone().filter(|_| whole)).filter(|_| asked)
    }
}

fn is_enabled(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

/// What a read asks for.
struct Wanted<'a> {
    bucket: &'a str,
    key: &'a str,
    version: Option<&'a str>,
    condition: ReadCondition,
    range: Option<Range>,
    part: Option<i32>,
    headers: &'a HeaderMap,
    /// Whether the answer tells what a KMS key seals: the bytes, or their checksum.
    sealed: bool,
}

/// Takes what `GetObjectInput` and `HeadObjectInput` have in common.
macro_rules! wanted {
    ($request:expr) => {
        Wanted {
            bucket: &$request.input.bucket,
            key: &$request.input.key,
            version: $request.input.version_id.as_deref(),
            condition: ReadCondition {
                if_match: $request.input.if_match.clone(),
                if_none_match: $request.input.if_none_match.clone(),
                if_modified_since: $request.input.if_modified_since.clone(),
                if_unmodified_since: $request.input.if_unmodified_since.clone(),
            },
            range: $request.input.range,
            part: $request.input.part_number,
            headers: &$request.headers,
            sealed: true,
        }
    };
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
        output.website_redirect_location = described.redirect.clone();
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
    pub(crate) fn read_object(
        &self,
        request: &S3Request<GetObjectInput>,
    ) -> Answer<GetObjectOutput> {
        let lease = self.store.lease();
        let txn = self.store.read()?;
        let selected = self.select(&txn, wanted!(request))?;
        check_readable(&selected.record)?;
        let extents = store::extents(&txn, selected.record.layout)?;
        let reader = self.store.reader(
            &txn,
            lease,
            extents,
            selected.range.clone(),
            selected.secret.as_ref(),
        )?;
        let mut output = GetObjectOutput {
            body: Some(StreamingBlob::new(reader.stream())),
            ..GetObjectOutput::default()
        };
        fill!(output, selected, request.input.checksum_mode);
        Ok(S3Response::with_headers(output, selected.headers))
    }

    pub(crate) fn probe_object(
        &self,
        request: &S3Request<HeadObjectInput>,
    ) -> Answer<HeadObjectOutput> {
        let txn = self.store.read()?;
        let mut wanted = wanted!(request);
        // Without a checksum a head tells nothing that is sealed.
        wanted.sealed = is_enabled(request.input.checksum_mode.as_ref());
        let selected = self.select(&txn, wanted)?;
        let mut output = HeadObjectOutput::default();
        fill!(output, selected, request.input.checksum_mode);
        let input = &request.input;
        for (field, asked) in [
            (&mut output.cache_control, &input.response_cache_control),
            (&mut output.content_disposition, &input.response_content_disposition),
            (&mut output.content_encoding, &input.response_content_encoding),
            (&mut output.content_language, &input.response_content_language),
            (&mut output.content_type, &input.response_content_type),
        ] {
            if asked.is_some() {
                field.clone_from(asked);
            }
        }
        if let Some(expires) = &input.response_expires {
            output.expires = Some(expires.clone());
        }
        Ok(S3Response::with_headers(output, selected.headers))
    }

    /// Finds an object and the bytes of it that are asked for.
    fn select(&self, txn: &ReadTransaction, wanted: Wanted<'_>) -> S3Result<Selected> {
        let named = self.named_version(wanted.bucket, wanted.version)?;
        let record = self.existing_object(txn, wanted.bucket, wanted.key, named)?;
        let customer = CustomerKey::read(wanted.headers, false)?;
        let secret = record.encryption.unlock(customer.as_ref(), || self.store.master())?;
        if wanted.sealed {
            self.permit_decryption(&record.encryption)?;
        }
        wanted.condition.check(&record)?;
        let mut headers = record.encryption.headers(customer.as_ref());
        if self.keeps_versions(wanted.bucket)? {
            announce_version(&mut headers, Some(record.version));
        }
        if !record.described.tags.is_empty() {
            headers.insert("x-amz-tagging-count", record.described.tags.len().into());
        }
        let subject = Subject::of(wanted.key, &record);
        self.announce_expiry(&mut headers, wanted.bucket, subject, record.modified)?;
        if wanted.range.is_some() && wanted.part.is_some() {
            return Err(s3_error!(
                InvalidRequest,
                "Cannot specify both Range header and partNumber query parameter"
            ));
        }
        let mut part_checksum = None;
        let (range, partial, parts_count) = match (wanted.part, wanted.range) {
            (Some(number), _) => {
                let part = select_part(txn, &record, part_number(number)?)?;
                part_checksum = part.checksum;
                // An empty object has no byte that a Content-Range could name.
                (part.range, record.size > 0, part.count)
            }
            (None, Some(range)) => (satisfy(range, record.size)?, true, None),
            (None, None) => (0..record.size, false, None),
        };
        Ok(Selected { record, range, partial, parts_count, part_checksum, secret, headers })
    }

    /// The object, or which of bucket, key and version is missing.
    pub(crate) fn existing_object(
        &self,
        txn: &ReadTransaction,
        bucket: &str,
        key: &str,
        named: Option<Named>,
    ) -> S3Result<ObjectRecord> {
        match store::find(txn, bucket, key, named)? {
            Found::Object(record) => Ok(*record),
            Found::Marker(marker) => Err(marker_found(&marker, named.is_some())),
            Found::Nothing => {
                self.existing_bucket(bucket)?;
                Err(if named.is_some() { no_such_version() } else { no_such_key() })
            }
        }
    }

    /// The bytes of a range of an object, for a copy.
    pub(crate) fn source_reader(
        &self,
        source: &crate::copy::Source<'_>,
        condition: ReadCondition,
        headers: &HeaderMap,
        range: impl FnOnce(&ObjectRecord) -> S3Result<ops::Range<u64>>,
    ) -> S3Result<(ObjectRecord, ops::Range<u64>, Reader)> {
        let lease = self.store.lease();
        let txn = self.store.read()?;
        let record = self.existing_object(&txn, source.bucket, source.key, source.version)?;
        let customer = CustomerKey::read(headers, true)?;
        let secret = record.encryption.unlock(customer.as_ref(), || self.store.master())?;
        self.permit_decryption(&record.encryption)?;
        check_readable(&record)?;
        condition.check_source(&record)?;
        let range = range(&record)?;
        let extents = store::extents(&txn, record.layout)?;
        let reader = self.store.reader(&txn, lease, extents, range.clone(), secret.as_ref())?;
        Ok((record, range, reader))
    }

    /// The version a request names. Where versions are kept, what cannot be an id names nothing.
    pub(crate) fn named_version(
        &self,
        bucket: &str,
        version: Option<&str>,
    ) -> S3Result<Option<Named>> {
        let Some(text) = version.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        match Named::parse(text) {
            Err(_) if self.keeps_versions(bucket)? => Err(no_such_version()),
            named => named.map(Some),
        }
    }

    /// Whether answers about a bucket's objects name versions.
    pub(crate) fn keeps_versions(&self, bucket: &str) -> S3Result<bool> {
        let record = self.store.bucket(bucket)?;
        Ok(record.is_some_and(|record| record.versioning != Versioning::Off))
    }
}

/// Archived objects must be restored before they are read, and nothing restores them here.
fn check_readable(record: &ObjectRecord) -> S3Result<()> {
    match record.described.storage_class.as_deref() {
        Some("GLACIER" | "DEEP_ARCHIVE") => Err(s3_error!(
            InvalidObjectState,
            "The operation is not valid for the object's storage class"
        )),
        _ => Ok(()),
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

/// One part of an object.
struct SelectedPart {
    range: ops::Range<u64>,
    /// How many parts there are, if the object was completed from parts.
    count: Option<i32>,
    checksum: Option<Digest>,
}

/// One part of an object; an object written in one piece is its own part 1.
fn select_part(
    txn: &ReadTransaction,
    record: &ObjectRecord,
    number: u16,
) -> S3Result<SelectedPart> {
    match record.layout {
        Layout::Whole(_) if number == 1 => {
            Ok(SelectedPart { range: 0..record.size, count: None, checksum: None })
        }
        Layout::Whole(_) => Err(invalid_part_number()),
        Layout::Parts { manifest, count } => {
            let parts = store::manifest(txn, manifest)?;
            let range = range_of_part(&parts, number).ok_or_else(invalid_part_number)?;
            let part = parts.into_iter().find(|part| part.number == number);
            Ok(SelectedPart {
                range,
                count: i32::try_from(count).ok(),
                checksum: part.and_then(|part| part.checksum),
            })
        }
    }
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
    fn parts_keep_their_numbers() {
        let part = |number, length| ManifestPart {
            number,
            extent: Extent { blob: 0, length, place: Place::File, salt: None },
            checksum: None,
        };
        let parts = [part(2, 10), part(7, 5)];
        assert_eq!(range_of_part(&parts, 7), Some(10..15));
        assert_eq!(range_of_part(&parts, 1), None);
    }
}
