//! Bytes that were received and are not visible yet.

use super::record::{BlobId, Extent, Place};
use super::{BlobDirectory, Store};
use crate::checksum::{Algorithm, Digest, Hasher};
use crate::error::{incomplete_body, internal, stream_error};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use md5::{Digest as _, Md5};
use s3s::{S3Result, StdError};
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

/// Bytes that were received, with everything that was computed on the way.
pub(crate) struct Staged {
    pub(crate) length: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) crc64: u64,
    /// The checksum that was asked for.
    pub(crate) checksum: Option<Digest>,
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
        Extent { blob, length: self.length, place }
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
}

struct Sums {
    crc64: crc_fast::Digest,
    asked: Option<Hasher>,
}

impl Sums {
    fn new(algorithm: Option<Algorithm>) -> Self {
        Self {
            crc64: crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme),
            asked: algorithm
                .filter(|algorithm| *algorithm != Algorithm::Crc64Nvme)
                .map(Hasher::new),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.crc64.update(bytes);
        if let Some(hasher) = &mut self.asked {
            hasher.update(bytes);
        }
    }

    fn finish(self, algorithm: Option<Algorithm>) -> (u64, Option<Digest>) {
        let crc64 = self.crc64.finalize();
        let checksum = match self.asked {
            Some(hasher) => Some(hasher.finish()),
            None => algorithm.map(|_| Digest::crc64(crc64)),
        };
        (crc64, checksum)
    }
}

impl Writer {
    fn write(mut self, batch: &[Bytes]) -> io::Result<Self> {
        for bytes in batch {
            self.file.write_all(bytes)?;
            self.sums.update(bytes);
        }
        Ok(self)
    }
}

/// The two lanes a large body goes through. Each works on one batch and has the next ones waiting,
/// so that neither the sockets nor the disk make the hashing wait.
struct Pipeline {
    to_hash: mpsc::Sender<Arc<Vec<Bytes>>>,
    to_write: mpsc::Sender<Arc<Vec<Bytes>>>,
    md5: JoinHandle<S3Result<Md5>>,
    writer: JoinHandle<S3Result<Writer>>,
}

impl Pipeline {
    fn start(writer: Writer) -> Self {
        let (to_hash, hashing) = mpsc::channel(WAITING);
        let (to_write, writing) = mpsc::channel(WAITING);
        Self {
            to_hash,
            to_write,
            md5: tokio::spawn(hash_lane(hashing)),
            writer: tokio::spawn(write_lane(writing, writer)),
        }
    }

    /// Hands over a batch. A lane that has failed takes no more; `finish` tells why.
    async fn push(&self, batch: Vec<Bytes>) {
        let batch = Arc::new(batch);
        let _ = self.to_hash.send(Arc::clone(&batch)).await;
        let _ = self.to_write.send(batch).await;
    }

    async fn finish(self) -> S3Result<(Md5, Writer)> {
        drop((self.to_hash, self.to_write));
        let md5 = self.md5.await.map_err(internal)??;
        let writer = self.writer.await.map_err(internal)??;
        Ok((md5, writer))
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
            .map_err(|error| internal(format!("cannot write a data file: {error}")))?;
    }
    Ok(writer)
}

impl Store {
    /// Receives a body of exactly `length` bytes. It is dropped, files and all, unless it is
    /// published.
    pub(crate) async fn stage<S>(
        &self,
        mut body: S,
        length: u64,
        algorithm: Option<Algorithm>,
    ) -> S3Result<Staged>
    where
        S: Stream<Item = Result<Bytes, StdError>> + Unpin,
    {
        let id = self.next_blob();
        let mut received = 0_u64;
        let mut batch = Vec::new();
        let mut pending = 0;
        let mut pipeline: Option<(Unpublished, Pipeline)> = None;
        loop {
            let Some(bytes) = body.next().await else {
                break;
            };
            let bytes = bytes.map_err(|error| stream_error(&error))?;
            received += bytes.len() as u64;
            if received > length {
                return Err(incomplete_body());
            }
            pending += bytes.len();
            batch.push(bytes);
            if pending >= BATCH {
                if pipeline.is_none() {
                    pipeline = Some(self.start(id, algorithm).await?);
                }
                if let Some((_, running)) = &pipeline {
                    running.push(std::mem::take(&mut batch)).await;
                }
                pending = 0;
            }
        }
        if received != length {
            return Err(incomplete_body());
        }
        if pipeline.is_none() && pending <= ROW_LIMIT {
            return Ok(row(id, &batch, algorithm));
        }
        let (file, running) = match pipeline {
            Some(running) => running,
            None => self.start(id, algorithm).await?,
        };
        running.push(batch).await;
        let (md5, writer) = running.finish().await?;
        let sync = self.syncs().then(|| self.directory.clone());
        let (crc64, checksum) = spawn_blocking(move || {
            if let Some(directory) = sync {
                writer.file.sync_data()?;
                directory.sync_name(id)?;
            }
            Ok::<_, io::Error>(writer.sums.finish(algorithm))
        })
        .await
        .map_err(internal)?
        .map_err(|error| internal(format!("cannot flush a data file: {error}")))?;
        Ok(Staged { length, md5: md5.finalize().into(), crc64, checksum, data: Data::File(file) })
    }

    async fn start(
        &self,
        id: BlobId,
        algorithm: Option<Algorithm>,
    ) -> S3Result<(Unpublished, Pipeline)> {
        let directory = self.directory.clone();
        let file = spawn_blocking(move || directory.create(id))
            .await
            .map_err(internal)?
            .map_err(|error| internal(format!("cannot create a data file: {error}")))?;
        let unpublished = Unpublished { id, directory: self.directory.clone(), published: false };
        let writer = Writer { file, sums: Sums::new(algorithm) };
        Ok((unpublished, Pipeline::start(writer)))
    }
}

fn row(id: BlobId, batch: &[Bytes], algorithm: Option<Algorithm>) -> Staged {
    let bytes = batch.concat();
    let mut sums = Sums::new(algorithm);
    sums.update(&bytes);
    let (crc64, checksum) = sums.finish(algorithm);
    Staged {
        length: bytes.len() as u64,
        md5: Md5::digest(&bytes).into(),
        crc64,
        checksum,
        data: Data::Row { id, bytes },
    }
}
