//! Where everything is kept: one metadata file, and data files beside it.

mod backend;
mod commit;
mod directory;
mod fail;
mod held;
mod length;
mod master;
pub(crate) mod open;
mod pieces;
mod reader;
pub(crate) mod reclaim;
pub(crate) mod record;
mod sealer;
mod staged;
mod sums;
pub(crate) mod tables;
pub(crate) mod versions;

pub(crate) use self::directory::BlobDirectory;
pub(crate) use self::fail::{Fail, is_full};
pub(crate) use self::length::Length;
pub(crate) use self::reader::Reader;
pub(crate) use self::staged::{Intent, Staged};

use self::commit::Committer;
use self::held::Held;
use self::master::Master;
use self::reclaim::{Lease, Reclaimer};
use self::record::{
    BlobId, BucketRecord, Extent, Layout, ManifestId, ManifestPart, MarkerRecord, ObjectRecord,
    UploadId, UploadRecord, VersionRecord, decode,
};
use self::tables::{BUCKETS, MANIFESTS, NULLS, OBJECTS, SETTINGS, Tables, UPLOADS, VERSIONS};
use crate::Durability;
use crate::encryption::Secret;
use crate::error::{internal, out_of_space};
use crate::multibuffer::Hashers;
use crate::version::Named;
use rand::Rng;
use redb::{ReadTransaction, ReadableDatabase};
use s3s::{S3Error, S3Result};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Room that no body may take, so that a full disk can still be cleared by deleting.
const RESERVE: u64 = 16 << 20;

/// The open store.
pub(crate) struct Store {
    /// Dropped first: the commit thread holds the database too, and joining it frees the lock.
    committer: Committer,
    held: Arc<Held>,
    directory: BlobDirectory,
    reclaimer: Arc<Reclaimer>,
    durability: Durability,
    /// Whether entity tags are MD5s where S3 has them so.
    md5_tags: bool,
    /// The key of SSE-S3 and SSE-KMS; the commit thread records that it is in use.
    master: Arc<Master>,
    /// The next free number for blobs, manifests and versions; always above every stored one.
    next: Arc<AtomicU64>,
    hashers: Arc<Hashers>,
    /// The directory that was opened.
    pub(crate) home: PathBuf,
}

/// Something that was stored cannot be read back.
#[derive(Debug)]
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
        self.durability == Durability::Safe
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

    /// Makes a change of the metadata and waits until it is kept. It is made again if another
    /// change of the same commit fails.
    pub(crate) async fn commit<T, F>(&self, change: F) -> S3Result<T>
    where
        F: Fn(&mut Tables<'_>) -> Result<T, Fail> + Send + 'static,
        T: Send + 'static,
    {
        self.committer.commit(change).await
    }

    /// A view of the metadata as of now. Reads are a few page look-ups, mostly in memory, so they
    /// are done where they are asked for.
    pub(crate) fn read(&self) -> Result<ReadTransaction, Unavailable> {
        Ok(self.held.get()?.begin_read()?)
    }

    /// Must be taken before [`read`](Self::read) by whoever wants to read data files.
    pub(crate) fn lease(&self) -> Lease {
        self.reclaimer.lease(self.directory.clone())
    }

    /// Refuses a body that the disk has no room for.
    pub(crate) fn check_room(&self, length: u64) -> S3Result<()> {
        match rustix::fs::statvfs(&self.home) {
            Ok(stat) if stat.f_bavail.saturating_mul(stat.f_frsize) < length + RESERVE => {
                Err(out_of_space())
            }
            // Where the room is not known, the write itself will tell.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The key of SSE-S3 and SSE-KMS that something is encrypted with.
    pub(crate) fn master(&self) -> S3Result<Secret> {
        self.master.read().map_err(|error| self.unusable_key(&error))
    }

    /// The key of SSE-S3 and SSE-KMS for a write, which may be the first that needs it.
    pub(crate) fn master_for_write(&self) -> S3Result<Secret> {
        self.master.read_or_make().map_err(|error| self.unusable_key(&error))
    }

    fn unusable_key(&self, error: &std::io::Error) -> S3Error {
        internal(format!("cannot use {}: {error}", self.master.path().display()))
    }

    /// What is set for a bucket under a name.
    pub(crate) fn setting(&self, bucket: &str, kind: &str) -> Result<Option<String>, Unavailable> {
        let settings = self.read()?.open_table(SETTINGS)?;
        let found = settings.get((bucket, kind))?;
        Ok(found.map(|row| row.value().to_owned()))
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

/// What a read finds under a key.
pub(crate) enum Found {
    Object(Box<ObjectRecord>),
    Marker(MarkerRecord),
    Nothing,
}

impl From<VersionRecord> for Found {
    fn from(record: VersionRecord) -> Self {
        match record {
            VersionRecord::Object(record) => Self::Object(record),
            VersionRecord::Marker(record) => Self::Marker(record),
        }
    }
}

/// The version a read names, or the latest one.
pub(crate) fn find(
    txn: &ReadTransaction,
    bucket: &str,
    key: &str,
    named: Option<Named>,
) -> Result<Found, Unavailable> {
    let current = object(txn, bucket, key)?;
    let Some(named) = named else {
        return match current {
            Some(record) => Ok(Found::Object(Box::new(record))),
            None => latest_kept(txn, bucket, key),
        };
    };
    if let Some(record) = current
        && named.is(record.version)
    {
        return Ok(Found::Object(Box::new(record)));
    }
    let place = match named {
        Named::Null => txn.open_table(NULLS)?.get((bucket, key))?.map(|row| row.value()),
        Named::Id { order, .. } => Some(!order),
    };
    let Some(place) = place else { return Ok(Found::Nothing) };
    let found = txn.open_table(VERSIONS)?.get((bucket, key, place))?;
    let found: Option<VersionRecord> = found.map(|row| decode(row.value())).transpose()?;
    Ok(found.filter(|found| named.is(found.version())).map_or(Found::Nothing, Found::from))
}

/// The latest version where there is no object: a delete marker, if anything.
fn latest_kept(txn: &ReadTransaction, bucket: &str, key: &str) -> Result<Found, Unavailable> {
    let versions = txn.open_table(VERSIONS)?;
    let first = versions.range((bucket, key, 0)..=(bucket, key, u64::MAX))?.next();
    match first {
        Some(row) => Ok(decode::<VersionRecord>(row?.1.value())?.into()),
        None => Ok(Found::Nothing),
    }
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
