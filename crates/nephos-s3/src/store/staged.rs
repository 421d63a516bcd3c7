//! Bytes that were received and are not visible yet.

use super::pieces::Pieces;
use super::record::{BlobId, Extent, Place};
use super::sealer::Sealer;
use super::{BlobDirectory, Length, Store, is_full};
use crate::checksum::{Algorithm, Digest};
use crate::encryption::{Salt, Secret};
use crate::error::{internal, out_of_space, stream_error};
use crate::multibuffer::Md5Stream;
use crate::store::sums::Sums;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use md5::{Digest as _, Md5};
use s3s::{S3Error, S3Result, StdError};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::spawn_blocking;

/// A body up to this size is a row of the metadata file: one commit instead of a file, its name
/// and a commit.
const ROW_LIMIT: usize = 8 << 10;

/// How much is written at once: enough that a call costs nothing, and little enough for a cache.
const BATCH: usize = 256 << 10;

/// What is to become of a body.
pub(crate) struct Intent {
    /// How long it must be.
    pub(crate) length: Length,
    /// The checksum to compute, besides the CRC-64/NVME.
    pub(crate) algorithm: Option<Algorithm>,
    /// Whether its MD5 is its entity tag.
    pub(crate) md5_tag: bool,
    /// Whether its MD5 is needed for another reason.
    pub(crate) md5: bool,
    /// Whether its SHA-256 was signed.
    pub(crate) sha256: bool,
    /// What it is encrypted with.
    pub(crate) secret: Option<Secret>,
}

/// Bytes that were received, with everything that was computed on the way.
pub(crate) struct Staged {
    pub(crate) length: u64,
    /// The MD5, or what stands for it in an entity tag.
    pub(crate) tag: [u8; 16],
    pub(crate) md5: Option<[u8; 16]>,
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) crc64: u64,
    /// The checksum that was asked for.
    pub(crate) checksum: Option<Digest>,
    salt: Option<Salt>,
    pub(super) data: Data,
}

pub(super) enum Data {
    Row {
        id: BlobId,
        bytes: Vec<u8>,
    },
    /// The commit thread has a share in it while it publishes it.
    File(Arc<Unpublished>),
}

/// A data file nobody refers to; it goes with this value, unless it is kept.
pub(super) struct Unpublished {
    pub(super) id: BlobId,
    directory: BlobDirectory,
    kept: AtomicBool,
}

impl Unpublished {
    /// Gives up the right to remove the file: it belongs to the store.
    pub(super) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        if !*self.kept.get_mut() {
            self.directory.remove(&[self.id]);
        }
    }
}

impl Staged {
    pub(super) fn extent(&self) -> Extent {
        let (blob, place) = match &self.data {
            Data::Row { id, .. } => (*id, Place::Row),
            Data::File(file) => (file.id, Place::File),
        };
        Extent { blob, length: self.length, place, salt: self.salt }
    }
}

/// Writes to the file, and computes the cheap checksums while the bytes are in the cache.
struct Writer {
    file: File,
    sums: Sums,
    sealer: Option<Sealer>,
}

impl Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sums.update(bytes);
        match &mut self.sealer {
            Some(sealer) => sealer.write(bytes, &mut self.file),
            None => self.file.write_all(bytes),
        }
    }

    fn finish(mut self, sync: Option<&BlobDirectory>) -> io::Result<Sums> {
        if let Some(sealer) = self.sealer {
            sealer.finish(&mut self.file)?;
        }
        if let Some(directory) = sync {
            self.file.sync_data()?;
            directory.sync_incoming()?;
        }
        Ok(self.sums)
    }
}

/// A large body on its way into a file.
///
/// Bytes are written where they arrive, while they are in the cache of that core: handing them to
/// another thread costs more than the write, which is a copy into the page cache. Their MD5 is
/// computed elsewhere, together with those of other bodies.
struct Arriving {
    file: Unpublished,
    writer: Writer,
    md5: Option<Md5Stream>,
}

impl Arriving {
    async fn take(&mut self, batch: Vec<Bytes>) -> S3Result<()> {
        for bytes in &batch {
            self.writer.write(bytes).map_err(|error| disk_error("write", &error))?;
        }
        if let Some(md5) = &mut self.md5 {
            md5.push(batch).await;
        }
        Ok(())
    }
}

fn disk_error(action: &str, error: &io::Error) -> S3Error {
    if is_full(error) {
        return out_of_space();
    }
    internal(format!("cannot {action} a data file: {error}"))
}

impl Store {
    /// Whether entity tags of this kind of object are MD5s here.
    pub(crate) fn has_md5_tag(&self, encryption: &crate::encryption::Encryption) -> bool {
        self.md5_tags && encryption.has_md5_tag()
    }

    /// Receives a body. It is dropped, files and all, unless it is published.
    pub(crate) async fn stage<S>(&self, mut body: S, intent: Intent) -> S3Result<Staged>
    where
        S: Stream<Item = Result<Bytes, StdError>> + Unpin,
    {
        self.check_room(intent.length.room())?;
        let mut received = 0_u64;
        let mut pending = Pieces::default();
        let mut arriving: Option<(Arriving, Option<Salt>)> = None;
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| stream_error(&error))?;
            received += bytes.len() as u64;
            intent.length.check_part(received)?;
            pending.push(bytes);
            if pending.length() >= BATCH {
                if arriving.is_none() {
                    arriving = Some(self.start(&intent).await?);
                }
                if let Some((arriving, _)) = &mut arriving {
                    arriving.take(pending.take()).await?;
                }
            }
        }
        intent.length.check_whole(received)?;
        if arriving.is_none() && pending.length() <= ROW_LIMIT {
            return self.row(&pending.take(), &intent);
        }
        let (mut arriving, salt) = match arriving {
            Some(arriving) => arriving,
            None => self.start(&intent).await?,
        };
        arriving.take(pending.take()).await?;
        let Arriving { file, writer, md5 } = arriving;
        let sums = if let Some(directory) = self.syncs().then(|| self.directory.clone()) {
            spawn_blocking(move || writer.finish(Some(&directory))).await.map_err(internal)?
        } else {
            writer.finish(None)
        };
        let sums = sums.map_err(|error| disk_error("flush", &error))?;
        let md5 = match md5 {
            Some(md5) => Some(md5.finish().await),
            None => None,
        };
        Ok(staged(&intent, received, md5, sums, salt, Data::File(Arc::new(file))))
    }

    async fn start(&self, intent: &Intent) -> S3Result<(Arriving, Option<Salt>)> {
        let id = self.next_blob();
        let file =
            Unpublished { id, directory: self.directory.clone(), kept: AtomicBool::new(false) };
        // The file goes with its guard, even if nobody waits for it any more.
        let (file, opened) = spawn_blocking(move || {
            let opened = file.directory.create(id)?;
            Ok((file, opened))
        })
        .await
        .map_err(internal)?
        .map_err(|error: io::Error| disk_error("create", &error))?;
        let (salt, sealer) = sealer(intent)?;
        let writer = Writer { file: opened, sums: Sums::new(intent), sealer };
        let md5 = (intent.md5 || intent.md5_tag).then(|| Md5Stream::new(Arc::clone(&self.hashers)));
        Ok((Arriving { file, writer, md5 }, salt))
    }

    fn row(&self, batch: &[Bytes], intent: &Intent) -> S3Result<Staged> {
        let mut bytes = batch.concat();
        let length = bytes.len() as u64;
        let mut sums = Sums::new(intent);
        sums.update(&bytes);
        let md5 = (intent.md5 || intent.md5_tag).then(|| Md5::digest(&bytes).into());
        let (salt, sealer) = sealer(intent)?;
        if let Some(mut sealer) = sealer {
            let mut encrypted = Vec::new();
            let written =
                sealer.write(&bytes, &mut encrypted).and_then(|()| sealer.finish(&mut encrypted));
            written.map_err(internal)?;
            bytes = encrypted;
        }
        Ok(staged(intent, length, md5, sums, salt, Data::Row { id: self.next_blob(), bytes }))
    }
}

fn sealer(intent: &Intent) -> S3Result<(Option<Salt>, Option<Sealer>)> {
    let Some(secret) = &intent.secret else {
        return Ok((None, None));
    };
    let salt: Salt = rand::random();
    let key = secret.data_key(&salt).map_err(internal)?;
    Ok((Some(salt), Some(Sealer::new(key))))
}

fn staged(
    intent: &Intent,
    length: u64,
    md5: Option<[u8; 16]>,
    sums: Sums,
    salt: Option<Salt>,
    data: Data,
) -> Staged {
    let sums = sums.finish();
    let tag = match md5.filter(|_| intent.md5_tag) {
        Some(md5) => md5,
        // Like an MD5 it changes with the bytes. Unlike one it says nothing about them, as they may
        // be encrypted; the same bytes get another one each time, as on S3.
        None => rand::random(),
    };
    Staged {
        length,
        tag,
        md5,
        sha256: sums.sha256,
        crc64: sums.crc64,
        checksum: sums.checksum,
        salt,
        data,
    }
}
