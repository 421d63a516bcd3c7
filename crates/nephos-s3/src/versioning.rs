//! Versioning of buckets, and `ListObjectVersions`.

use crate::error::malformed_xml;
use crate::identity::owner;
use crate::listing::{Encoding, after_prefix, page_size, rolled_up};
use crate::service::Endpoint;
use crate::store::record::{ObjectRecord, VersionRecord, Versioning, decode, encode};
use crate::store::tables::{OBJECTS, VERSIONS};
use crate::store::{self, Found, Unavailable};
use crate::version::Named;
use crate::{clock, etag};
use redb::{ReadOnlyTable, ReadTransaction};
use s3s::dto::{
    BucketVersioningStatus, DeleteMarkerEntry, GetBucketVersioningInput, GetBucketVersioningOutput,
    ListObjectVersionsInput, ListObjectVersionsOutput, ObjectVersion, PutBucketVersioningInput,
    PutBucketVersioningOutput,
};
use s3s::{S3Result, s3_error};
use std::ops::Bound;

impl Endpoint {
    pub(crate) async fn set_versioning(
        &self,
        input: PutBucketVersioningInput,
    ) -> S3Result<PutBucketVersioningOutput> {
        let configuration = input.versioning_configuration;
        if configuration.mfa_delete.is_some_and(|mfa| mfa.as_str() == "Enabled") {
            return Err(s3_error!(
                NotImplemented,
                "The local S3 endpoint has no devices for multi-factor authentication"
            ));
        }
        let versioning = match configuration.status.as_ref().map(BucketVersioningStatus::as_str) {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            None => {
                return Err(s3_error!(
                    IllegalVersioningConfigurationException,
                    "The Versioning element must be specified"
                ));
            }
            Some(_) => return Err(malformed_xml()),
        };
        self.store
            .commit(move |tables| {
                let mut record = tables.existing_bucket(&input.bucket)?;
                record.versioning = versioning;
                tables.buckets.insert(input.bucket.as_str(), &encode(&record)[..])?;
                Ok(())
            })
            .await?;
        Ok(PutBucketVersioningOutput {})
    }

    pub(crate) fn versioning(
        &self,
        input: &GetBucketVersioningInput,
    ) -> S3Result<GetBucketVersioningOutput> {
        let status = match self.existing_bucket(&input.bucket)?.versioning {
            Versioning::Off => None,
            Versioning::Enabled => Some(BucketVersioningStatus::ENABLED),
            Versioning::Suspended => Some(BucketVersioningStatus::SUSPENDED),
        };
        Ok(GetBucketVersioningOutput {
            status: status.map(BucketVersioningStatus::from_static),
            ..GetBucketVersioningOutput::default()
        })
    }
}

/// Where a page of versions starts.
enum Start {
    /// At this key.
    Key(String),
    /// After the versions of this key.
    AfterKey(String),
    /// After one version of this key.
    AfterVersion(String, Named),
    /// After everything there is.
    End,
}

/// One version in a listing.
struct Listed {
    key: String,
    record: VersionRecord,
    latest: bool,
}

/// What a page has room for.
struct Page<'a> {
    bucket: &'a str,
    prefix: &'a str,
    delimiter: &'a str,
    limit: usize,
    versions: Vec<Listed>,
    folders: Vec<String>,
    /// What was listed last, if there is more.
    more: bool,
}

impl Endpoint {
    pub(crate) fn page_of_versions(
        &self,
        input: ListObjectVersionsInput,
    ) -> S3Result<ListObjectVersionsOutput> {
        let encoding = Encoding::read(input.encoding_type.as_ref())?;
        let limit = page_size("max-keys", input.max_keys)?;
        self.existing_bucket(&input.bucket)?;
        let prefix = input.prefix.unwrap_or_default();
        let delimiter = input.delimiter.unwrap_or_default();
        let key_marker = input.key_marker.unwrap_or_default();
        let version_marker = input.version_id_marker.filter(|marker| !marker.is_empty());
        let start = start(&key_marker, version_marker.as_deref(), &prefix, &delimiter)?;
        let mut page = Page {
            bucket: &input.bucket,
            prefix: &prefix,
            delimiter: &delimiter,
            limit,
            versions: Vec::new(),
            folders: Vec::new(),
            more: false,
        };
        if limit > 0 {
            let txn = self.store.read()?;
            page.fill(&txn, start)?;
        }
        let (next_key_marker, next_version_id_marker) = page.next();
        let mut output = ListObjectVersionsOutput {
            is_truncated: Some(page.more),
            next_key_marker: next_key_marker.map(|key| encoding.write(&key)),
            next_version_id_marker,
            common_prefixes: Some(encoding.prefixes(page.folders)),
            key_marker: Some(encoding.write(&key_marker)),
            version_id_marker: Some(version_marker.unwrap_or_default()),
            prefix: Some(encoding.write(&prefix)),
            delimiter: (!delimiter.is_empty()).then(|| encoding.write(&delimiter)),
            max_keys: i32::try_from(limit).ok(),
            encoding_type: input.encoding_type,
            ..ListObjectVersionsOutput::default()
        };
        let (mut versions, mut markers) = (Vec::new(), Vec::new());
        for listed in page.versions {
            match listed.record {
                VersionRecord::Object(record) => {
                    versions.push(shown(encoding.write(&listed.key), &record, listed.latest));
                }
                VersionRecord::Marker(marker) => markers.push(DeleteMarkerEntry {
                    is_latest: Some(listed.latest),
                    key: Some(encoding.write(&listed.key)),
                    last_modified: Some(clock::timestamp(marker.modified)),
                    owner: Some(owner()),
                    version_id: Some(marker.version.text()),
                }),
            }
        }
        output.versions = Some(versions);
        output.delete_markers = Some(markers);
        output.name = Some(input.bucket);
        Ok(output)
    }
}

fn start(
    key_marker: &str,
    version_marker: Option<&str>,
    prefix: &str,
    delimiter: &str,
) -> S3Result<Start> {
    if key_marker.is_empty() && version_marker.is_some() {
        return Err(s3_error!(
            InvalidArgument,
            "A version-id marker cannot be specified without a key marker."
        ));
    }
    if key_marker < prefix || key_marker.is_empty() {
        return Ok(Start::Key(prefix.to_owned()));
    }
    if !key_marker.starts_with(prefix) {
        return Ok(Start::AfterKey(key_marker.to_owned()));
    }
    match (rolled_up(key_marker, prefix, delimiter), version_marker) {
        // The folder was listed with the first key in it.
        (Some(folder), _) if folder == key_marker || version_marker.is_some() => {
            return Ok(after_prefix(folder).map_or(Start::End, Start::Key));
        }
        (None, Some(version)) => {
            return Ok(Start::AfterVersion(key_marker.to_owned(), Named::parse(version)?));
        }
        _ => {}
    }
    Ok(Start::AfterKey(key_marker.to_owned()))
}

impl Page<'_> {
    fn full(&self) -> bool {
        self.versions.len() + self.folders.len() == self.limit
    }

    /// Where the next page starts, if there is one.
    fn next(&self) -> (Option<String>, Option<String>) {
        if !self.more {
            return (None, None);
        }
        match (self.versions.last(), self.folders.last()) {
            (Some(listed), Some(folder)) if *folder > listed.key => (Some(folder.clone()), None),
            (Some(listed), _) => (Some(listed.key.clone()), Some(listed.record.version().text())),
            (None, folder) => (folder.cloned(), None),
        }
    }

    /// Goes through the keys; each costs a look into both tables, and each folder one.
    fn fill(&mut self, txn: &ReadTransaction, start: Start) -> Result<(), Unavailable> {
        let objects = txn.open_table(OBJECTS)?;
        let versions = txn.open_table(VERSIONS)?;
        let mut from = match start {
            Start::End => return Ok(()),
            Start::Key(key) => Bound::Included(key),
            Start::AfterKey(key) => Bound::Excluded(key),
            Start::AfterVersion(key, after) => {
                let after = order_of(txn, self.bucket, &key, after)?;
                if !self.add_versions(&objects, &versions, &key, after)? {
                    return Ok(());
                }
                Bound::Excluded(key)
            }
        };
        while let Some(key) = self.next_key(&objects, &versions, &from)? {
            if self.full() {
                self.more = true;
                return Ok(());
            }
            if let Some(folder) = rolled_up(&key, self.prefix, self.delimiter) {
                self.folders.push(folder.to_owned());
                match after_prefix(folder) {
                    Some(next) => from = Bound::Included(next),
                    None => return Ok(()),
                }
                continue;
            }
            if !self.add_versions(&objects, &versions, &key, None)? {
                return Ok(());
            }
            from = Bound::Excluded(key);
        }
        Ok(())
    }

    /// The next key that has any version.
    fn next_key(
        &self,
        objects: &ReadOnlyTable<(&'static str, &'static str), &'static [u8]>,
        versions: &ReadOnlyTable<(&'static str, &'static str, u64), &'static [u8]>,
        from: &Bound<String>,
    ) -> Result<Option<String>, Unavailable> {
        let bounds = (from.as_ref().map(|key| (self.bucket, key.as_str())), Bound::Unbounded);
        let object = objects.range::<(&str, &str)>(bounds)?.next().transpose()?;
        let object = object.as_ref().map(|(name, _)| name.value());
        let first = match from {
            Bound::Included(key) => Bound::Included((self.bucket, key.as_str(), 0)),
            Bound::Excluded(key) => Bound::Excluded((self.bucket, key.as_str(), u64::MAX)),
            Bound::Unbounded => Bound::Unbounded,
        };
        let bounds = (first, Bound::Unbounded);
        let version = versions.range::<(&str, &str, u64)>(bounds)?.next().transpose()?;
        let version = version.as_ref().map(|(name, _)| name.value());
        let version = version.map(|(bucket, key, _)| (bucket, key));
        let next = [object, version]
            .into_iter()
            .flatten()
            .filter(|(bucket, key)| *bucket == self.bucket && key.starts_with(self.prefix))
            .min();
        Ok(next.map(|(_, key)| key.to_owned()))
    }

    /// Adds the versions of a key, or those written before one; says whether all had room.
    fn add_versions(
        &mut self,
        objects: &ReadOnlyTable<(&'static str, &'static str), &'static [u8]>,
        versions: &ReadOnlyTable<(&'static str, &'static str, u64), &'static [u8]>,
        key: &str,
        before: Option<u64>,
    ) -> Result<bool, Unavailable> {
        let mut latest = before.is_none();
        if before.is_none()
            && let Some(row) = objects.get((self.bucket, key))?
        {
            let record = VersionRecord::Object(decode(row.value())?);
            if !self.add(key, record, std::mem::take(&mut latest)) {
                return Ok(false);
            }
        }
        let first = match before {
            None => Bound::Included((self.bucket, key, 0)),
            Some(order) => Bound::Excluded((self.bucket, key, !order)),
        };
        for row in versions
            .range::<(&str, &str, u64)>((first, Bound::Included((self.bucket, key, u64::MAX))))?
        {
            let record = decode(row?.1.value())?;
            if !self.add(key, record, std::mem::take(&mut latest)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn add(&mut self, key: &str, record: VersionRecord, latest: bool) -> bool {
        if self.full() {
            self.more = true;
            return false;
        }
        self.versions.push(Listed { key: key.to_owned(), record, latest });
        true
    }
}

/// When a version was written. A version called `null` that is gone leaves no trace of that, and
/// the versions of its key are listed again: better twice than not at all.
fn order_of(
    txn: &ReadTransaction,
    bucket: &str,
    key: &str,
    named: Named,
) -> Result<Option<u64>, Unavailable> {
    if let Named::Id { order, .. } = named {
        return Ok(Some(order));
    }
    Ok(match store::find(txn, bucket, key, Some(named))? {
        Found::Object(record) => Some(record.version.order),
        Found::Marker(marker) => Some(marker.version.order),
        Found::Nothing => None,
    })
}

fn shown(key: String, record: &ObjectRecord, latest: bool) -> ObjectVersion {
    ObjectVersion {
        checksum_algorithm: record
            .checksum
            .as_ref()
            .map(|sum| vec![sum.digest.algorithm.name().to_owned().into()]),
        checksum_type: record.checksum.as_ref().map(|sum| sum.coverage.name().to_owned().into()),
        e_tag: Some(etag::quoted(&record.etag)),
        is_latest: Some(latest),
        key: Some(key),
        last_modified: Some(clock::timestamp(record.modified)),
        owner: Some(owner()),
        restore_status: None,
        size: i64::try_from(record.size).ok(),
        storage_class: Some(
            record.described.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned()).into(),
        ),
        version_id: Some(record.version.text()),
    }
}
