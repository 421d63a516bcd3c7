//! `GetObjectAttributes`.

use crate::checksum::{Coverage, set_checksum};
use crate::encryption::CustomerKey;
use crate::multipart::page_size;
use crate::object::announce_version;
use crate::service::{Answer, Endpoint};
use crate::store;
use crate::store::record::{Layout, ManifestPart, ObjectRecord};
use crate::{clock, etag};
use http::HeaderMap;
use redb::ReadTransaction;
use s3s::dto::{
    Checksum, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
    ObjectPart,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

/// What can be asked for.
const ATTRIBUTES: [&str; 5] = ["Checksum", "ETag", "ObjectParts", "ObjectSize", "StorageClass"];

impl Endpoint {
    pub(crate) fn attributes(
        &self,
        request: &S3Request<GetObjectAttributesInput>,
    ) -> Answer<GetObjectAttributesOutput> {
        let input = &request.input;
        // Clients join the names with commas in one header, which `s3s` hands over whole.
        let listed = input.object_attributes.iter().flat_map(|a| a.as_str().split(','));
        let wanted: Vec<&str> = listed.map(str::trim).collect();
        if let Some(unknown) = wanted.iter().find(|name| !ATTRIBUTES.contains(name)) {
            return Err(s3_error!(InvalidArgument, "Invalid attribute name specified: {unknown}."));
        }
        let txn = self.store.read()?;
        let named = self.named_version(&input.bucket, input.version_id.as_deref())?;
        let record = self.existing_object(&txn, &input.bucket, &input.key, named)?;
        let customer = CustomerKey::read(&request.headers, false)?;
        record.encryption.unlock(customer.as_ref(), || self.store.master())?;
        let mut headers = HeaderMap::new();
        if self.keeps_versions(&input.bucket)? {
            announce_version(&mut headers, Some(record.version));
        }
        let asked = |name: &str| wanted.contains(&name);
        let mut output = GetObjectAttributesOutput {
            last_modified: Some(clock::timestamp(record.modified)),
            ..GetObjectAttributesOutput::default()
        };
        if asked("ETag") {
            output.e_tag = Some(etag::quoted(&record.etag));
        }
        if asked("ObjectSize") {
            output.object_size = i64::try_from(record.size).ok();
        }
        if asked("StorageClass") {
            let class = record.described.storage_class.clone();
            output.storage_class = Some(class.unwrap_or_else(|| "STANDARD".to_owned()).into());
        }
        if asked("Checksum") {
            output.checksum = checksum(&record);
        }
        if asked("ObjectParts") {
            output.object_parts = parts(&txn, &record, input)?;
        }
        Ok(S3Response::with_headers(output, headers))
    }
}

fn checksum(record: &ObjectRecord) -> Option<Checksum> {
    let found = record.checksum.as_ref()?;
    let mut checksum = Checksum::default();
    // Here a composite has no part count: that is what TotalPartsCount is for.
    set_checksum!(checksum, found.digest.algorithm, found.digest.text());
    checksum.checksum_type = Some(found.coverage.name().to_owned().into());
    Some(checksum)
}

/// The parts of an object, a page at a time. S3 lists single parts only where they were uploaded
/// with checksums that the object's is made of; their number is always known.
fn parts(
    txn: &ReadTransaction,
    record: &ObjectRecord,
    input: &GetObjectAttributesInput,
) -> S3Result<Option<GetObjectAttributesParts>> {
    let Layout::Parts { manifest, count } = record.layout else {
        return Ok(None);
    };
    let all = store::manifest(txn, manifest)?;
    let mut output = GetObjectAttributesParts {
        total_parts_count: i32::try_from(count).ok(),
        ..GetObjectAttributesParts::default()
    };
    let composite = record.checksum.as_ref().is_some_and(|sum| sum.coverage == Coverage::Composite);
    if !composite || all.iter().any(|part| part.checksum.is_none()) {
        return Ok(Some(output));
    }
    let marker = input.part_number_marker.unwrap_or(0);
    let limit = page_size(input.max_parts)?;
    let mut rest = all.iter().filter(|part| i32::from(part.number) > marker);
    let page: Vec<ObjectPart> = rest.by_ref().take(limit).map(shown).collect();
    output.is_truncated = Some(rest.next().is_some());
    output.max_parts = i32::try_from(limit).ok();
    output.part_number_marker = Some(marker);
    output.next_part_number_marker =
        Some(page.last().and_then(|part| part.part_number).unwrap_or(0));
    output.parts = Some(page);
    Ok(Some(output))
}

fn shown(part: &ManifestPart) -> ObjectPart {
    let mut output = ObjectPart {
        part_number: Some(part.number.into()),
        size: i64::try_from(part.extent.length).ok(),
        ..ObjectPart::default()
    };
    if let Some(digest) = &part.checksum {
        set_checksum!(output, digest.algorithm, digest.text());
    }
    output
}
