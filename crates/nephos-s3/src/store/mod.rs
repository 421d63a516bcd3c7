//! Where everything is kept: one metadata file, and data files beside it.

mod backend;
mod commit;
mod directory;
mod fail;
pub(crate) mod open;
mod reader;
pub(crate) mod reclaim;
pub(crate) mod record;
mod staged;
pub(crate) mod tables;

pub(crate) use self::directory::BlobDirectory;
pub(crate) use self::fail::Fail;
pub(crate) use self::reader::Reader;
pub(crate) use self::staged::Staged;

use self::commit::Committer;
use self::reclaim::{Lease, Reclaimer};
use self::record::{
    BlobId, BucketRecord, Extent, Layout, ManifestId, ManifestPart, ObjectRecord, UploadId,
    UploadRecord, decode,
};
use self::tables::{BUCKETS, MANIFESTS, OBJECTS, Tables, UPLOADS};
use crate::Durability;
use crate::error::internal;
use rand::Rng;
use redb::{Database, ReadTransaction, ReadableDatabase};
use s3s::{S3Error, S3Result};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The open store.
pub(crate) struct Store {
    /// Dropped first: the commit thread holds the database too, and joining it frees the lock.
    committer: Committer,
    database: Arc<Database>,
    directory: BlobDirectory,
    reclaimer: Arc<Reclaimer>,
    durability: Durability,
    /// The next free number for blobs, manifests and uploads; always above every stored one.
    next: AtomicU64,
    /// The directory that was opened.
    pub(crate) home: PathBuf,
}

/// Something that was stored cannot be read back.
pub(crate) struct Unavailable(pub(crate) String);

impl<E: std::error::Error> From<E> for Unavailable {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl From<Unavailable> for S3Error {
    fn from(unavailable: Unavailable) -> Self {
        internal(unavailable.0)
    }
}

impl Store {
    fn syncs(&self) -> bool {
        self.durability == Durability::Fsync
    }

    fn next_blob(&self) -> BlobId {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn next_manifest(&self) -> ManifestId {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// An id that sorts by time, and cannot be guessed from another.
    pub(crate) fn next_upload(&self, initiated: i64) -> UploadId {
        let time = u128::from(initiated.unsigned_abs() & 0xffff_ffff_ffff);
        let count = u128::from(self.next.fetch_add(1, Ordering::Relaxed) & 0xffff);
        time << 80 | count << 64 | u128::from(rand::rng().random::<u64>())
    }

    /// Makes a change of the metadata and waits until it is kept.
    pub(crate) async fn commit<T, F>(&self, change: F) -> S3Result<T>
    where
        F: FnOnce(&mut Tables<'_>) -> Result<T, Fail> + Send + 'static,
        T: Send + 'static,
    {
        self.committer.commit(change).await
    }

    /// A view of the metadata as of now. Reads are a few page look-ups, mostly in memory, so they
    /// are done where they are asked for.
    pub(crate) fn read(&self) -> Result<ReadTransaction, Unavailable> {
        Ok(self.database.begin_read()?)
    }

    /// Must be taken before [`read`](Self::read) by whoever wants to read data files.
    pub(crate) fn lease(&self) -> Lease {
        self.reclaimer.lease(self.directory.clone())
    }

    pub(crate) fn bucket(&self, bucket: &str) -> Result<Option<BucketRecord>, Unavailable> {
        let buckets = self.read()?.open_table(BUCKETS)?;
        let found = buckets.get(bucket)?;
        Ok(found.map(|row| decode(row.value())).transpose()?)
    }
}

pub(crate) fn object(
    txn: &ReadTransaction,
    bucket: &str,
    key: &str,
) -> Result<Option<ObjectRecord>, Unavailable> {
    let objects = txn.open_table(OBJECTS)?;
    let found = objects.get((bucket, key))?;
    Ok(found.map(|row| decode(row.value())).transpose()?)
}

pub(crate) fn upload(
    txn: &ReadTransaction,
    bucket: &str,
    key: &str,
    upload: UploadId,
) -> Result<Option<UploadRecord>, Unavailable> {
    let uploads = txn.open_table(UPLOADS)?;
    let found = uploads.get((bucket, key, upload))?;
    Ok(found.map(|row| decode(row.value())).transpose()?)
}

pub(crate) fn manifest(
    txn: &ReadTransaction,
    manifest: ManifestId,
) -> Result<Vec<ManifestPart>, Unavailable> {
    let manifests = txn.open_table(MANIFESTS)?;
    let found = manifests
        .get(manifest)?
        .ok_or_else(|| Unavailable(format!("manifest {manifest:x} is missing")))?;
    Ok(decode(found.value())?)
}

/// The extents of an object, in order.
pub(crate) fn extents(txn: &ReadTransaction, layout: Layout) -> Result<Vec<Extent>, Unavailable> {
    Ok(match layout {
        Layout::Whole(extent) => vec![extent],
        Layout::Parts { manifest: id, .. } => {
            manifest(txn, id)?.into_iter().map(|part| part.extent).collect()
        }
    })
}
