//! Reading the bytes of an object back.

use super::reclaim::Lease;
use super::record::{BlobId, Extent, Place};
use super::sealer::{open_frames, read_range};
use super::tables::ROWS;
use super::{BlobDirectory, Store, Unavailable};
use crate::encryption::{DataKey, Secret};
use bytes::Bytes;
use futures::Stream;
use redb::ReadTransaction;
use s3s::StdError;
use s3s::stream::{ByteStream, RemainingLength};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// One read of a data file, and one frame of a response.
const CHUNK: usize = 512 << 10;

/// Some bytes of an object.
enum Segment {
    Memory(Bytes),
    File { blob: BlobId, offset: u64, length: u64, seal: Option<Seal> },
}

/// What it takes to read an encrypted file.
#[derive(Clone)]
struct Seal {
    key: Arc<DataKey>,
    /// The length of all clear bytes in it.
    total: u64,
}

/// The bytes of an object in a range, ready to be read; keeps its files from being removed.
pub(crate) struct Reader {
    segments: VecDeque<Segment>,
    length: u64,
    directory: BlobDirectory,
    /// Ends with the reading.
    _lease: Lease,
}

impl Store {
    /// Finds the bytes of `range` in extents that lie one after the other.
    pub(crate) fn reader(
        &self,
        txn: &ReadTransaction,
        mut lease: Lease,
        extents: impl IntoIterator<Item = Extent>,
        range: Range<u64>,
        secret: Option<&Secret>,
    ) -> Result<Reader, Unavailable> {
        let mut segments = VecDeque::new();
        let mut start = 0;
        for extent in extents {
            let end = start + extent.length;
            let wanted = range.start.max(start)..range.end.min(end);
            if wanted.start < wanted.end {
                let offset = wanted.start - start;
                let length = wanted.end - wanted.start;
                let key = data_key(&extent, secret)?;
                segments.push_back(match extent.place {
                    Place::File => {
                        let seal = key.map(|key| Seal { key, total: extent.length });
                        Segment::File { blob: extent.blob, offset, length, seal }
                    }
                    Place::Row => {
                        Segment::Memory(row(txn, extent.blob, offset, length, key.as_deref())?)
                    }
                });
            }
            start = end;
        }
        let files = segments.iter().filter_map(|segment| match segment {
            Segment::File { blob, .. } => Some(*blob),
            Segment::Memory(_) => None,
        });
        lease.narrow(files.collect());
        Ok(Reader {
            segments,
            length: range.end - range.start,
            directory: self.directory.clone(),
            _lease: lease,
        })
    }
}

/// The key of an extent that is encrypted.
fn data_key(extent: &Extent, secret: Option<&Secret>) -> Result<Option<Arc<DataKey>>, Unavailable> {
    match (&extent.salt, secret) {
        (None, _) => Ok(None),
        (Some(salt), Some(secret)) => Ok(Some(Arc::new(secret.data_key(salt)?))),
        (Some(_), None) => Err(Unavailable("the key of encrypted data is missing".to_owned())),
    }
}

fn row(
    txn: &ReadTransaction,
    blob: BlobId,
    offset: u64,
    length: u64,
    key: Option<&DataKey>,
) -> Result<Bytes, Unavailable> {
    let rows = txn.open_table(ROWS)?;
    let missing = || Unavailable(format!("the bytes of row {blob:x} are missing"));
    let found = rows.get(blob)?.ok_or_else(missing)?;
    let length = usize::try_from(length)?;
    if let Some(key) = key {
        return Ok(open_frames(key, found.value(), offset, length)?.into());
    }
    let from = usize::try_from(offset)?;
    let bytes = found.value().get(from..from.saturating_add(length)).ok_or_else(missing)?;
    Ok(Bytes::copy_from_slice(bytes))
}

/// Reads a piece of a file, clear or not.
fn read_piece(
    file: &mut File,
    seal: Option<&Seal>,
    offset: u64,
    length: usize,
) -> io::Result<Vec<u8>> {
    if let Some(seal) = seal {
        return read_range(file, &seal.key, seal.total, offset, length);
    }
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl Reader {
    /// The bytes as a stream that reads one chunk ahead of its consumer.
    pub(crate) fn stream(mut self) -> Bytestream {
        let length = self.length;
        if let (1, Some(Segment::Memory(_))) = (self.segments.len(), self.segments.front())
            && let Some(Segment::Memory(bytes)) = self.segments.pop_front()
        {
            return Bytestream { source: Source::Once(Some(bytes)), remaining: length };
        }
        let (chunks, arriving) = mpsc::channel(1);
        tokio::spawn(async move {
            // A consumer that went away ends the reading; the lease ends with it.
            let Err(error) = self.run(&chunks).await else {
                return;
            };
            let _ = chunks.send(Err(StdError::from(error))).await;
        });
        Bytestream { source: Source::Chunks(arriving), remaining: length }
    }

    async fn run(
        &mut self,
        chunks: &mpsc::Sender<Result<Bytes, StdError>>,
    ) -> Result<(), io::Error> {
        while let Some(segment) = self.segments.pop_front() {
            let (blob, mut offset, mut left, seal) = match segment {
                Segment::Memory(bytes) => {
                    if chunks.send(Ok(bytes)).await.is_err() {
                        return Ok(());
                    }
                    continue;
                }
                Segment::File { blob, offset, length, seal } => (blob, offset, length, seal),
            };
            let directory = self.directory.clone();
            let mut file: Option<File> = None;
            while left > 0 {
                let want = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
                let (directory, seal) = (directory.clone(), seal.clone());
                let (opened, bytes) = tokio::task::spawn_blocking(move || {
                    let mut file = file.take().map_or_else(|| directory.open(blob), Ok)?;
                    let bytes = read_piece(&mut file, seal.as_ref(), offset, want)?;
                    Ok::<_, io::Error>((file, bytes))
                })
                .await
                .map_err(io::Error::other)??;
                file = Some(opened);
                offset += want as u64;
                left -= want as u64;
                if chunks.send(Ok(bytes.into())).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The stream of a [`Reader`].
pub(crate) struct Bytestream {
    source: Source,
    remaining: u64,
}

enum Source {
    Once(Option<Bytes>),
    Chunks(mpsc::Receiver<Result<Bytes, StdError>>),
}

impl Stream for Bytestream {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = match &mut self.source {
            Source::Once(bytes) => bytes.take().map(Ok),
            Source::Chunks(arriving) => match arriving.poll_recv(cx) {
                Poll::Ready(next) => next,
                Poll::Pending => return Poll::Pending,
            },
        };
        if let Some(Ok(bytes)) = &next {
            self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
        }
        Poll::Ready(next)
    }
}

impl ByteStream for Bytestream {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(usize::try_from(self.remaining).unwrap_or(usize::MAX))
    }
}
