//! The tables of the metadata file, as one transaction sees them.

use super::record::{
    BlobId, BucketRecord, Extent, Layout, ManifestId, ManifestPart, ObjectRecord, PartRecord,
    Place, UploadId, decode,
};
use super::staged::{Data, Unpublished};
use super::{Fail, Staged};
use crate::error::no_such_bucket;
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub(crate) type Row = &'static [u8];

pub(crate) const FORMAT: TableDefinition<&str, u32> = TableDefinition::new("format");
/// Numbers below the one under `next` have been given out, to blobs, manifests and versions. Under
/// `key` is the fingerprint of the key of SSE-S3 and SSE-KMS, once it has been needed.
pub(crate) const COUNTERS: TableDefinition<&str, u64> = TableDefinition::new("counters");
pub(crate) const BUCKETS: TableDefinition<&str, Row> = TableDefinition::new("buckets");
/// What is set for a bucket, as the XML or JSON that clients sent, by bucket and kind.
pub(crate) const SETTINGS: TableDefinition<(&str, &str), &str> = TableDefinition::new("settings");
/// The objects that reads without a version id see, by bucket and key. Strings compare by their
/// bytes, which is the order S3 lists keys in.
pub(crate) const OBJECTS: TableDefinition<(&str, &str), Row> = TableDefinition::new("objects");
/// All other versions, and all delete markers. By bucket, key, and the complement of the order in
/// which they were written, so that the latest comes first.
pub(crate) const VERSIONS: TableDefinition<(&str, &str, u64), Row> =
    TableDefinition::new("versions");
/// Which row of `VERSIONS` is the version called `null`.
pub(crate) const NULLS: TableDefinition<(&str, &str), u64> = TableDefinition::new("nulls");
pub(crate) const MANIFESTS: TableDefinition<ManifestId, Row> = TableDefinition::new("manifests");
/// By bucket, key and upload, so that an upload id is only good for the key it was made for.
pub(crate) const UPLOADS: TableDefinition<(&str, &str, UploadId), Row> =
    TableDefinition::new("uploads");
/// By upload and part number: a page of `ListParts` is one range.
pub(crate) const PARTS: TableDefinition<(UploadId, u16), Row> = TableDefinition::new("parts");
pub(crate) const COMPLETED: TableDefinition<UploadId, Row> = TableDefinition::new("completed");
/// The data files that somebody refers to.
pub(crate) const FILES: TableDefinition<BlobId, ()> = TableDefinition::new("files");
/// The data files that nobody refers to any more and that may still be there.
pub(crate) const DOOMED: TableDefinition<BlobId, ()> = TableDefinition::new("doomed");
/// Bodies too small for a file of their own.
pub(crate) const ROWS: TableDefinition<BlobId, Row> = TableDefinition::new("rows");

/// All tables, open for writing.
pub(crate) struct Tables<'txn> {
    pub(crate) buckets: Table<'txn, &'static str, Row>,
    pub(crate) settings: Table<'txn, (&'static str, &'static str), &'static str>,
    pub(crate) objects: Table<'txn, (&'static str, &'static str), Row>,
    pub(crate) versions: Table<'txn, (&'static str, &'static str, u64), Row>,
    pub(super) nulls: Table<'txn, (&'static str, &'static str), u64>,
    pub(crate) manifests: Table<'txn, ManifestId, Row>,
    pub(crate) uploads: Table<'txn, (&'static str, &'static str, UploadId), Row>,
    pub(crate) parts: Table<'txn, (UploadId, u16), Row>,
    pub(crate) completed: Table<'txn, UploadId, Row>,
    files: Table<'txn, BlobId, ()>,
    rows: Table<'txn, BlobId, Row>,
    /// Where the next number comes from.
    pub(super) next: &'txn AtomicU64,
    /// Data files that somebody refers to once this transaction is committed.
    pub(super) published: Vec<Arc<Unpublished>>,
    /// Data files that nobody refers to once this transaction is committed.
    pub(super) doomed: Vec<BlobId>,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(
        txn: &'txn WriteTransaction,
        next: &'txn AtomicU64,
    ) -> Result<Self, redb::TableError> {
        Ok(Self {
            buckets: txn.open_table(BUCKETS)?,
            settings: txn.open_table(SETTINGS)?,
            objects: txn.open_table(OBJECTS)?,
            versions: txn.open_table(VERSIONS)?,
            nulls: txn.open_table(NULLS)?,
            manifests: txn.open_table(MANIFESTS)?,
            uploads: txn.open_table(UPLOADS)?,
            parts: txn.open_table(PARTS)?,
            completed: txn.open_table(COMPLETED)?,
            files: txn.open_table(FILES)?,
            rows: txn.open_table(ROWS)?,
            next,
            published: Vec::new(),
            doomed: Vec::new(),
        })
    }

    /// The bucket, if it is there.
    pub(crate) fn bucket(&self, bucket: &str) -> Result<Option<BucketRecord>, Fail> {
        match self.buckets.get(bucket)? {
            Some(row) => Ok(Some(decode(row.value())?)),
            None => Ok(None),
        }
    }

    /// The bucket, or `NoSuchBucket`.
    pub(crate) fn existing_bucket(&self, bucket: &str) -> Result<BucketRecord, Fail> {
        self.bucket(bucket)?.ok_or_else(|| no_such_bucket().into())
    }

    /// Refers to staged bytes: once this transaction is committed they belong to the store.
    pub(crate) fn publish(&mut self, staged: &Staged) -> Result<Extent, Fail> {
        let extent = staged.extent();
        match &staged.data {
            Data::Row { bytes, .. } => {
                self.rows.insert(extent.blob, &bytes[..])?;
            }
            Data::File(file) => {
                self.files.insert(extent.blob, ())?;
                self.published.push(Arc::clone(file));
            }
        }
        Ok(extent)
    }

    /// Refers no more to an extent.
    pub(crate) fn release(&mut self, extent: Extent) -> Result<(), Fail> {
        match extent.place {
            Place::Row => {
                self.rows.remove(extent.blob)?;
            }
            Place::File => {
                self.files.remove(extent.blob)?;
                self.doomed.push(extent.blob);
            }
        }
        Ok(())
    }

    /// The object as it is now.
    pub(crate) fn object(&self, bucket: &str, key: &str) -> Result<Option<ObjectRecord>, Fail> {
        match self.objects.get((bucket, key))? {
            Some(row) => Ok(Some(decode(row.value())?)),
            None => Ok(None),
        }
    }

    /// Refers no more to the bytes of an object.
    pub(super) fn release_object(&mut self, record: &ObjectRecord) -> Result<(), Fail> {
        match record.layout {
            Layout::Whole(extent) => self.release(extent),
            Layout::Parts { manifest, .. } => {
                let parts: Vec<ManifestPart> = match self.manifests.remove(manifest)? {
                    Some(row) => decode(row.value())?,
                    None => Vec::new(),
                };
                parts.iter().try_for_each(|part| self.release(part.extent))
            }
        }
    }

    /// The parts of an upload, by number.
    pub(crate) fn parts(&self, upload: UploadId) -> Result<BTreeMap<u16, PartRecord>, Fail> {
        let mut parts = BTreeMap::new();
        for row in self.parts.range((upload, 0)..=(upload, u16::MAX))? {
            let (key, row) = row?;
            parts.insert(key.value().1, decode(row.value())?);
        }
        Ok(parts)
    }

    /// Removes an upload and its list of parts; their bytes stay.
    pub(crate) fn forget_upload(
        &mut self,
        bucket: &str,
        key: &str,
        upload: UploadId,
    ) -> Result<(), Fail> {
        self.uploads.remove((bucket, key, upload))?;
        self.parts.retain_in((upload, 0)..=(upload, u16::MAX), |_, _| false)?;
        Ok(())
    }

    /// Removes an upload with the bytes of its parts.
    pub(crate) fn delete_upload(
        &mut self,
        bucket: &str,
        key: &str,
        upload: UploadId,
    ) -> Result<(), Fail> {
        let parts = self.parts(upload)?;
        self.forget_upload(bucket, key, upload)?;
        parts.values().try_for_each(|part| self.release(part.extent))
    }
}
