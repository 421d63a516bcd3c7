//! Bytes that were received and are not visible yet.

use super::record::{BlobId, Extent, Place};
use super::sealer::Sealer;
use super::{BlobDirectory, Store, is_full};
use crate::checksum::{Algorithm, Digest};
use crate::encryption::{Salt, Secret};
use crate::error::{incomplete_body, internal, out_of_space, stream_error};
use crate::store::sums::Sums;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use md5::{Digest as _, Md5};
use s3s::{S3Error, S3Result, StdError};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// A body up to this size is a row of the metadata file: one commit instead of a file, its name
/// and a commit.
const ROW_LIMIT: usize = 8 << 10;

/// How much is handed to a lane at once: enough that waking it costs nothing.
const BATCH: usize = 512 << 10;

/// How many batches wait for a lane. An upload holds a few megabytes at most, whatever its size.
const WAITING: usize = 3;

/// What is to become of a body.
pub(crate) struct Intent {
    /// How long it must be.
    pub(crate) length: u64,
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
    data: Data,
}

enum Data {
    Row { id: BlobId, bytes: Vec<u8> },
    File(Unpublished),
}

/// A data file nobody refers to; it goes with this value.
struct Unpublished {
    id: BlobId,
    directory: BlobDirectory,
    published: bool,
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        if !self.published {
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

    /// Gives up the right to remove the bytes; the ones that belong into a row are returned.
    pub(super) fn into_row(self) -> Option<Vec<u8>> {
        match self.data {
            Data::Row { bytes, .. } => Some(bytes),
            Data::File(mut file) => {
                file.published = true;
                None
            }
        }
    }
}

/// MD5 runs alone: it is the slowest step, and everything else fits beside it.
fn hash(mut md5: Md5, batch: &[Bytes]) -> Md5 {
    for bytes in batch {
        md5.update(bytes);
    }
    md5
}

/// Writes to the file, and computes the cheap checksums while the bytes are in the cache.
struct Writer {
    file: File,
    sums: Sums,
    sealer: Option<Sealer>,
}

impl Writer {
    fn write(mut self, batch: &[Bytes]) -> io::Result<Self> {
        for bytes in batch {
            self.sums.update(bytes);
            match &mut self.sealer {
                Some(sealer) => sealer.write(bytes, &mut self.file)?,
                None => self.file.write_all(bytes)?,
            }
        }
        Ok(self)
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

/// The two lanes a large body goes through. Each works on one batch and has the next ones waiting,
/// so that neither the sockets nor the disk make the hashing wait.
struct Pipeline {
    file: Unpublished,
    hashing: Option<(mpsc::Sender<Arc<Vec<Bytes>>>, JoinHandle<S3Result<Md5>>)>,
    to_write: mpsc::Sender<Arc<Vec<Bytes>>>,
    writer: JoinHandle<S3Result<Writer>>,
}

impl Pipeline {
    fn start(file: Unpublished, writer: Writer, md5: bool) -> Self {
        let hashing = md5.then(|| {
            let (to_hash, batches) = mpsc::channel(WAITING);
            (to_hash, tokio::spawn(hash_lane(batches)))
        });
        let (to_write, writing) = mpsc::channel(WAITING);
        Self { file, hashing, to_write, writer: tokio::spawn(write_lane(writing, writer)) }
    }

    /// Hands over a batch. A lane that has failed takes no more; `finish` tells why.
    async fn push(&self, batch: Vec<Bytes>) -> bool {
        let batch = Arc::new(batch);
        if let Some((to_hash, _)) = &self.hashing {
            let _ = to_hash.send(Arc::clone(&batch)).await;
        }
        self.to_write.send(batch).await.is_ok()
    }

    async fn finish(self) -> S3Result<(Unpublished, Option<[u8; 16]>, Writer)> {
        drop(self.to_write);
        let mut md5 = None;
        if let Some((to_hash, hashing)) = self.hashing {
            drop(to_hash);
            md5 = Some(hashing.await.map_err(internal)??.finalize().into());
        }
        let writer = self.writer.await.map_err(internal)??;
        Ok((self.file, md5, writer))
    }
}

async fn hash_lane(mut batches: mpsc::Receiver<Arc<Vec<Bytes>>>) -> S3Result<Md5> {
    let mut md5 = Md5::new();
    while let Some(batch) = batches.recv().await {
        md5 = spawn_blocking(move || hash(md5, &batch)).await.map_err(internal)?;
    }
    Ok(md5)
}

async fn write_lane(
    mut batches: mpsc::Receiver<Arc<Vec<Bytes>>>,
    mut writer: Writer,
) -> S3Result<Writer> {
    while let Some(batch) = batches.recv().await {
        writer = spawn_blocking(move || writer.write(&batch))
            .await
            .map_err(internal)?
            .map_err(|error| disk_error("write", &error))?;
    }
    Ok(writer)
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
        self.check_room(intent.length)?;
        let mut received = 0_u64;
        let mut batch = Vec::new();
        let mut pending = 0;
        let mut pipeline: Option<(Pipeline, Option<Salt>)> = None;
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| stream_error(&error))?;
            received += bytes.len() as u64;
            if received > intent.length {
                return Err(incomplete_body());
            }
            pending += bytes.len();
            batch.push(bytes);
            if pending >= BATCH {
                if pipeline.is_none() {
                    pipeline = Some(self.start(&intent).await?);
                }
                if let Some((running, _)) = &pipeline
                    && !running.push(std::mem::take(&mut batch)).await
                {
                    break;
                }
                pending = 0;
            }
        }
        if pipeline.is_none() && received == intent.length && pending <= ROW_LIMIT {
            return self.row(&batch, &intent);
        }
        let (running, salt) = match pipeline {
            Some(running) => running,
            None => self.start(&intent).await?,
        };
        running.push(batch).await;
        let (file, md5, writer) = running.finish().await?;
        if received != intent.length {
            return Err(incomplete_body());
        }
        let sync = self.syncs().then(|| self.directory.clone());
        let sums = spawn_blocking(move || writer.finish(sync.as_ref()))
            .await
            .map_err(internal)?
            .map_err(|error| disk_error("flush", &error))?;
        Ok(staged(&intent, md5, sums, salt, Data::File(file)))
    }

    async fn start(&self, intent: &Intent) -> S3Result<(Pipeline, Option<Salt>)> {
        let id = self.next_blob();
        let unpublished = Unpublished { id, directory: self.directory.clone(), published: false };
        // The file goes with its guard, even if nobody waits for it any more.
        let (unpublished, file) = spawn_blocking(move || {
            let file = unpublished.directory.create(id)?;
            Ok((unpublished, file))
        })
        .await
        .map_err(internal)?
        .map_err(|error: io::Error| disk_error("create", &error))?;
        let (salt, sealer) = sealer(intent)?;
        let writer = Writer { file, sums: Sums::new(intent), sealer };
        Ok((Pipeline::start(unpublished, writer, intent.md5 || intent.md5_tag), salt))
    }

    fn row(&self, batch: &[Bytes], intent: &Intent) -> S3Result<Staged> {
        let mut bytes = batch.concat();
        let mut sums = Sums::new(intent);
        sums.update(&bytes);
        let md5 = (intent.md5 || intent.md5_tag).then(|| Md5::digest(&bytes).into());
        let (salt, sealer) = sealer(intent)?;
        if let Some(mut sealer) = sealer {
            let mut sealed = Vec::new();
            let written =
                sealer.write(&bytes, &mut sealed).and_then(|()| sealer.finish(&mut sealed));
            written.map_err(internal)?;
            bytes = sealed;
        }
        Ok(staged(intent, md5, sums, salt, Data::Row { id: self.next_blob(), bytes }))
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
    md5: Option<[u8; 16]>,
    sums: Sums,
    salt: Option<Salt>,
    data: Data,
) -> Staged {
    let sums = sums.finish();
    let tag = match md5.filter(|_| intent.md5_tag) {
        Some(md5) => md5,
        // Like an MD5 it changes with the bytes; unlike one it says nothing about them.
        None => (u128::from(sums.crc64) << 64 | u128::from(rand::random::<u64>())).to_be_bytes(),
    };
    Staged {
        length: intent.length,
        tag,
        md5,
        sha256: sums.sha256,
        crc64: sums.crc64,
        checksum: sums.checksum,
        salt,
        data,
    }
}
