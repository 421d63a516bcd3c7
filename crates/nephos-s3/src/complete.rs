//! `CompleteMultipartUpload`: the parts become an object.

use crate::checksum::{Algorithm, Coverage, Digest, ObjectChecksum, given_checksums, set_checksum};
use crate::condition::WriteCondition;
use crate::encryption::{CustomerKey, Encryption, invalid_method};
use crate::error::{decryption_denied, malformed_xml, no_such_upload};
use crate::object::{announce_version, location};
use crate::part::{parse_upload, parse_value, part_number};
use crate::service::{Answer, Endpoint};
use crate::store::Fail;
use crate::store::record::{
    BucketRecord, CompletedRecord, Layout, ManifestId, ManifestPart, ObjectRecord, PartRecord,
    UploadId, UploadRecord, Versioning, decode, encode,
};
use crate::store::tables::Tables;
use crate::{clock, etag};
use md5::{Digest as _, Md5};
use redb::ReadableTable;
use s3s::dto::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};
use std::collections::BTreeMap;

/// S3's minimum for every part but the last: 5 MiB.
const MIN_PART: u64 = 5 << 20;

/// S3's limit for the number of parts.
const MAX_PARTS: usize = 10_000;

/// What a client says about one part.
struct Listed {
    number: u16,
    etag: String,
    checksums: Vec<(Algorithm, String)>,
}

/// A completion as it was asked for.
struct Completion {
    bucket: String,
    key: String,
    upload: UploadId,
    parts: Vec<Listed>,
    condition: WriteCondition,
    size: Option<i64>,
    coverage: Option<Coverage>,
    promised: Option<(Algorithm, String)>,
    manifest: ManifestId,
}

/// What the chosen parts add up to.
struct Assembly {
    size: u64,
    etag: String,
    checksum: Option<ObjectChecksum>,
}

impl Endpoint {
    pub(crate) async fn finish_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let input = request.input;
        self.existing_bucket(&input.bucket)?;
        let customer = CustomerKey::read(&request.headers, false)?;
        let promised =
            given_checksums!(input).map(|(algorithm, text)| (algorithm, text.to_owned())).next();
        let parts = input.multipart_upload.and_then(|list| list.parts).unwrap_or_default();
        if parts.len() > MAX_PARTS {
            return Err(malformed_xml());
        }
        let completion = Completion {
            upload: parse_upload(&input.upload_id)?,
            parts: parts.into_iter().map(listed).collect::<S3Result<_>>()?,
            condition: WriteCondition {
                if_match: input.if_match,
                if_none_match: input.if_none_match,
            },
            size: input.mpu_object_size,
            coverage: input
                .checksum_type
                .as_ref()
                .and_then(|kind| Coverage::from_name(kind.as_str())),
            promised,
            manifest: self.store.next_manifest(),
            bucket: input.bucket.clone(),
            key: input.key.clone(),
        };
        if completion.parts.is_empty() {
            return Err(s3_error!(InvalidRequest, "You must specify at least one part"));
        }
        completion.condition.validate()?;
        let denies = self.denies_decryption();
        let done = self
            .store
            .commit(move |tables| run(tables, &completion, customer.as_ref(), denies))
            .await?;
        let mut output = CompleteMultipartUploadOutput {
            location: Some(location(&request.headers, &input.bucket, &input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(etag::quoted(&done.etag)),
            ..CompleteMultipartUploadOutput::default()
        };
        if let Some(checksum) = &done.checksum {
            set_checksum!(output, checksum.digest.algorithm, checksum.text());
            output.checksum_type = Some(checksum.coverage.name().to_owned().into());
        }
        let mut headers = done.encryption.headers(None);
        announce_version(&mut headers, done.version);
        Ok(S3Response::with_headers(output, headers))
    }
}

fn listed(part: CompletedPart) -> S3Result<Listed> {
    Ok(Listed {
        // A number that no part can have is one that was not uploaded.
        number: part_number(part.part_number.ok_or_else(malformed_xml)?)
            .map_err(|_| invalid_part())?,
        checksums: given_checksums!(part)
            .map(|(algorithm, text)| (algorithm, text.to_owned()))
            .collect(),
        etag: part.e_tag.ok_or_else(malformed_xml)?.into_value(),
    })
}

/// The whole completion, in one commit: every check, then every change.
fn run(
    tables: &mut Tables<'_>,
    completion: &Completion,
    customer: Option<&CustomerKey>,
    denies_decryption: bool,
) -> Result<CompletedRecord, Fail> {
    let (bucket, key) = (completion.bucket.as_str(), completion.key.as_str());
    let id = completion.upload;
    let BucketRecord { versioning, created: bucket_created, .. } =
        tables.existing_bucket(bucket)?;
    let found: Option<UploadRecord> = match tables.uploads.get((bucket, key, id))? {
        Some(row) => Some(decode(row.value())?),
        None => None,
    };
    let Some(upload) = found else {
        return repeat(tables, completion, bucket_created);
    };
    if customer.is_some() {
        // The key is not needed here, but a wrong one is a mistake that should be heard of.
        upload.encryption.unlock(customer, || Err(invalid_method()))?;
    }
    if denies_decryption && matches!(upload.encryption, Encryption::Kms(_)) {
        return Err(decryption_denied().into());
    }
    check_order(&completion.parts)?;
    let mut stored = tables.parts(id)?;
    let chosen = completion
        .parts
        .iter()
        .map(|listed| choose(listed, &stored, &upload))
        .collect::<S3Result<Vec<PartRecord>>>()?;
    let assembly = assemble(completion, &upload, &chosen)?;
    completion.condition.check(tables.object(bucket, key)?.as_ref())?;

    let manifest: Vec<ManifestPart> = completion
        .parts
        .iter()
        .zip(&chosen)
        .map(|(listed, part)| ManifestPart {
            number: listed.number,
            extent: part.extent,
            checksum: part.checksum.clone().filter(|_| upload.checksum.is_some()),
        })
        .collect();
    for part in &manifest {
        stored.remove(&part.number);
    }
    tables.forget_upload(bucket, key, id)?;
    for left_out in stored.values() {
        tables.release(left_out.extent)?;
    }
    tables.manifests.insert(completion.manifest, &encode(&manifest)[..])?;
    let now = clock::now();
    let version = tables.new_version(versioning);
    let object = ObjectRecord {
        version,
        size: assembly.size,
        modified: now,
        etag: assembly.etag.clone(),
        layout: Layout::Parts {
            manifest: completion.manifest,
            count: u32::try_from(manifest.len()).unwrap_or(u32::MAX),
        },
        checksum: assembly.checksum.clone(),
        described: upload.described,
        encryption: upload.encryption.clone(),
    };
    tables.put_object(bucket, key, &object, versioning)?;
    let record = CompletedRecord {
        bucket: completion.bucket.clone(),
        bucket_created,
        key: completion.key.clone(),
        parts: fingerprint(&completion.parts),
        etag: assembly.etag,
        checksum: assembly.checksum,
        version: Some(version).filter(|_| versioning == Versioning::Enabled),
        encryption: upload.encryption,
        completed: now,
    };
    tables.completed.insert(id, &encode(&record)[..])?;
    Ok(record)
}

/// A client that lost the answer asks again; it gets the answer it would have had.
fn repeat(
    tables: &Tables<'_>,
    completion: &Completion,
    bucket_created: i64,
) -> Result<CompletedRecord, Fail> {
    let Some(row) = tables.completed.get(completion.upload)? else {
        return Err(no_such_upload().into());
    };
    let before: CompletedRecord = decode(row.value())?;
    let same = before.bucket == completion.bucket
        && before.bucket_created == bucket_created
        && before.key == completion.key
        && before.parts == fingerprint(&completion.parts);
    if same { Ok(before) } else { Err(no_such_upload().into()) }
}

fn fingerprint(parts: &[Listed]) -> [u8; 16] {
    let mut hasher = Md5::new();
    for part in parts {
        hasher.update(part.number.to_be_bytes());
        hasher.update(part.etag.as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().into()
}

fn check_order(parts: &[Listed]) -> S3Result<()> {
    if parts.is_sorted_by(|a, b| a.number < b.number) {
        return Ok(());
    }
    Err(s3_error!(
        InvalidPartOrder,
        "The list of parts was not in ascending order. The parts list must be specified in order by part number."
    ))
}

fn invalid_part() -> S3Error {
    s3_error!(
        InvalidPart,
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
    )
}

/// The stored part a client means.
fn choose(
    listed: &Listed,
    stored: &BTreeMap<u16, PartRecord>,
    upload: &UploadRecord,
) -> S3Result<PartRecord> {
    let part = stored.get(&listed.number).ok_or_else(invalid_part)?;
    if etag::single(part.tag) != listed.etag {
        return Err(invalid_part());
    }
    for (algorithm, text) in &listed.checksums {
        let known = match &part.checksum {
            Some(digest) if digest.algorithm == *algorithm => digest.text(),
            _ if *algorithm == Algorithm::Crc64Nvme => Digest::crc64(part.crc64).text(),
            // Nothing is known that this value could be compared with.
            _ => return Err(invalid_part()),
        };
        if known != *text {
            return Err(invalid_part());
        }
    }
    if let Some((algorithm, Coverage::Composite)) = upload.checksum
        && !listed.checksums.iter().any(|(given, _)| *given == algorithm)
    {
        return Err(s3_error!(
            InvalidRequest,
            "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
            algorithm.name().to_ascii_lowercase(),
            listed.number
        ));
    }
    Ok(part.clone())
}

/// Checks the object that the parts would make.
fn assemble(
    completion: &Completion,
    upload: &UploadRecord,
    chosen: &[PartRecord],
) -> S3Result<Assembly> {
    if let Some((_, all_but_last)) = chosen.split_last()
        && all_but_last.iter().any(|part| part.extent.length < MIN_PART)
    {
        return Err(s3_error!(
            EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size"
        ));
    }
    let size = chosen.iter().map(|part| part.extent.length).sum::<u64>();
    if let Some(promised) = completion.size
        && u64::try_from(promised).ok() != Some(size)
    {
        return Err(s3_error!(
            InvalidRequest,
            "The provided 'x-amz-mp-object-size' header value {promised} does not match what was computed: {size}"
        ));
    }
    if let (Some((_, agreed)), Some(asked)) = (upload.checksum, completion.coverage)
        && agreed != asked
    {
        return Err(s3_error!(
            InvalidRequest,
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            agreed.name()
        ));
    }
    let checksum = checksum(upload, chosen);
    if upload.checksum.is_none()
        && let (Some(asked), Some(made)) = (completion.coverage, &checksum)
        && asked != made.coverage
    {
        return Err(s3_error!(
            InvalidRequest,
            "The upload was created without a checksum algorithm, and its checksum is of the type {}.",
            made.coverage.name()
        ));
    }
    check_promise(completion.promised.as_ref(), checksum.as_ref())?;
    Ok(Assembly { size, etag: etag::multipart(chosen.iter().map(|part| part.tag)), checksum })
}

/// The checksum of the object: the agreed one, or the CRC-64/NVME that every part has.
fn checksum(upload: &UploadRecord, chosen: &[PartRecord]) -> Option<ObjectChecksum> {
    let lengths = chosen.iter().map(|part| part.extent.length);
    if let Some((algorithm, coverage)) = upload.checksum {
        let digests = chosen.iter().map(|part| part.checksum.as_ref());
        return ObjectChecksum::of_parts(algorithm, coverage, digests.zip(lengths));
    }
    let digests: Vec<Digest> = chosen.iter().map(|part| Digest::crc64(part.crc64)).collect();
    ObjectChecksum::of_parts(
        Algorithm::Crc64Nvme,
        Coverage::FullObject,
        digests.iter().map(Some).zip(lengths),
    )
}

/// Compares the checksum of the whole, where the client sends one.
fn check_promise(
    promised: Option<&(Algorithm, String)>,
    computed: Option<&ObjectChecksum>,
) -> S3Result<()> {
    let Some((algorithm, text)) = promised else {
        return Ok(());
    };
    // A composite is written with or without the number of its parts.
    parse_value(*algorithm, text.split_once('-').map_or(text.as_str(), |(value, _)| value))?;
    let Some(computed) = computed.filter(|sum| sum.digest.algorithm == *algorithm) else {
        return Err(s3_error!(
            InvalidRequest,
            "The upload was not created with the {} checksum algorithm.",
            algorithm.name()
        ));
    };
    if *text == computed.text() || *text == computed.digest.text() {
        return Ok(());
    }
    Err(s3_error!(
        BadDigest,
        "The {} you specified did not match the calculated checksum.",
        algorithm.name()
    ))
}
