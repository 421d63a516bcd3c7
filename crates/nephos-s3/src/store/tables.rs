//! The tables of the metadata file, as one transaction sees them.

use super::record::{
    BlobId, Extent, Layout, ManifestId, ManifestPart, ObjectRecord, PartRecord, Place, UploadId,
    decode, encode,
};
use super::{Fail, Staged};
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use std::collections::BTreeMap;

pub(crate) type Row = &'static [u8];

pub(crate) const FORMAT: TableDefinition<&str, u32> = TableDefinition::new("format");
pub(crate) const BUCKETS: TableDefinition<&str, Row> = TableDefinition::new("buckets");
/// By bucket and key. Strings compare by their bytes, which is the order S3 lists keys in.
pub(crate) const OBJECTS: TableDefinition<(&str, &str), Row> = TableDefinition::new("objects");
pub(crate) const MANIFESTS: TableDefinition<ManifestId, Row> = TableDefinition::new("manifests");
/// By bucket, key and upload, so that an upload id is only good for the key it was made for.
pub(crate) const UPLOADS: TableDefinition<(&str, &str, UploadId), Row> =
    TableDefinition::new("uploads");
/// By upload and part number: a page of `ListParts` is one range.
pub(crate) const PARTS: TableDefinition<(UploadId, u16), Row> = TableDefinition::new("parts");
pub(crate) const COMPLETED: TableDefinition<UploadId, Row> = TableDefinition::new("completed");
/// The data files that somebody refers to.
pub(crate) const FILES: TableDefinition<BlobId, ()> = TableDefinition::new("files");
/// Bodies too small for a file of their own.
pub(crate) const ROWS: TableDefinition<BlobId, Row> = TableDefinition::new("rows");

/// All tables, open for writing.
pub(crate) struct Tables<'txn> {
    pub(crate) buckets: Table<'txn, &'static str, Row>,
    pub(crate) objects: Table<'txn, (&'static str, &'static str), Row>,
    pub(crate) manifests: Table<'txn, ManifestId, Row>,
    pub(crate) uploads: Table<'txn, (&'static str, &'static str, UploadId), Row>,
    pub(crate) parts: Table<'txn, (UploadId, u16), Row>,
    pub(crate) completed: Table<'txn, UploadId, Row>,
    files: Table<'txn, BlobId, ()>,
    rows: Table<'txn, BlobId, Row>,
    /// Data files that nobody refers to once this transaction is committed.
    pub(crate) doomed: Vec<BlobId>,
}

impl<'txn> Tables<'txn> {
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, redb::TableError> {
        Ok(Self {
            buckets: txn.open_table(BUCKETS)?,
            objects: txn.open_table(OBJECTS)?,
            manifests: txn.open_table(MANIFESTS)?,
            uploads: txn.open_table(UPLOADS)?,
            parts: txn.open_table(PARTS)?,
            completed: txn.open_table(COMPLETED)?,
            files: txn.open_table(FILES)?,
            rows: txn.open_table(ROWS)?,
            doomed: Vec::new(),
        })
    }

    /// Refers to staged bytes: from the commit on they belong to the store.
    pub(crate) fn publish(&mut self, staged: Staged) -> Result<Extent, Fail> {
        let extent = staged.extent();
        match staged.into_row() {
            Some(bytes) => {
                self.rows.insert(extent.blob, &bytes[..])?;
            }
            None => {
                self.files.insert(extent.blob, ())?;
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

    /// Puts an object in place of what is there.
    pub(crate) fn put_object(
        &mut self,
        bucket: &str,
        key: &str,
        record: &ObjectRecord,
    ) -> Result<(), Fail> {
        let before = self.object(bucket, key)?;
        self.objects.insert((bucket, key), &encode(record)[..])?;
        match before {
            Some(before) => self.release_object(&before),
            None => Ok(()),
        }
    }

    /// Removes an object, if it is there.
    pub(crate) fn delete_object(&mut self, bucket: &str, key: &str) -> Result<(), Fail> {
        let Some(before) = self.object(bucket, key)? else {
            return Ok(());
        };
        self.objects.remove((bucket, key))?;
        self.release_object(&before)
    }

    fn release_object(&mut self, record: &ObjectRecord) -> Result<(), Fail> {
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
