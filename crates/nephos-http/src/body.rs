//! Request bodies: bytes in memory or a range of a file.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::traffic::Meter;
use crate::transport::{BoxError, RequestBody};
use crate::{CallError, CallErrorKind};

/// Read from a file at once: large enough to keep a socket busy, small enough to stay in cache.
const CHUNK: usize = 256 * 1024;

/// A request body as a caller gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// A structure, written in the form that the method takes.
    Structure(serde_json::Value),
    /// JSON text: sent as it is where the method takes JSON, else written in the form it takes.
    Json(String),
    /// XML, sent as it is.
    Xml(String),
    /// Bytes, sent as they are.
    Bytes(Bytes),
    /// Bytes of a file.
    File {
        /// Its path.
        path: PathBuf,
        /// First byte.
        offset: u64,
        /// Number of bytes; to the end when absent.
        length: Option<u64>,
    },
}

/// A body that can be sent more than once.
#[derive(Debug, Clone, Default)]
pub enum PayloadSource {
    /// No body.
    #[default]
    Empty,
    /// Bytes in memory.
    Bytes(Bytes),
    /// A range of a file, checked to be there.
    File {
        /// Its path.
        path: PathBuf,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
}

impl PayloadSource {
    /// A range of a file. The error says what is wrong with it.
    pub fn file(path: &Path, offset: u64, length: Option<u64>) -> Result<Self, CallError> {
        let shown = path.display();
        let fault = |message: String| CallError::new(CallErrorKind::Payload, message);
        let metadata = std::fs::metadata(path)
            .map_err(|error| fault(format!("cannot read file {shown}: {error}")).source(error))?;
        if metadata.is_dir() {
            return Err(fault(format!("{shown} is a directory, not a file"))
                .hint("one call sends one file; give the path of a file"));
        }
        if !metadata.is_file() {
            return Err(fault(format!("{shown} is not a regular file"))
                .hint("its length must be known before it is sent: copy it to a file first"));
        }
        std::fs::File::open(path)
            .map_err(|error| fault(format!("cannot read file {shown}: {error}")).source(error))?;
        let size = metadata.len();
        if offset > size {
            return Err(fault(format!(
                "OFFSET {offset} is past the end of {shown}, which has {size} bytes"
            )));
        }
        let left = size - offset;
        let length = length.unwrap_or(left);
        if length > left {
            return Err(fault(format!(
                "OFFSET {offset} LENGTH {length} goes past the end of {shown}, which has {size} bytes"
            ))
            .hint(format!("leave LENGTH out to send the {left} bytes that are left")));
        }
        Ok(Self::File { path: path.to_owned(), offset, length })
    }

    /// Number of bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A body to send now.
    pub(crate) async fn open(&self, meter: &Meter) -> Result<RequestBody, CallError> {
        Ok(match self {
            Self::Empty | Self::File { length: 0, .. } => whole(Bytes::new()),
            Self::Bytes(bytes) => {
                meter.sent(bytes.len());
                whole(bytes.clone())
            }
            Self::File { path, offset, length } => {
                let file = open_at(path, *offset).await?;
                let chunks = ReaderStream::with_capacity(file.take(*length), CHUNK);
                ExactBody { chunks, left: *length, meter: meter.clone() }.boxed()
            }
        })
    }

    /// SHA-256 of the bytes, in lower-case hex.
    pub(crate) async fn sha256(&self) -> Result<String, CallError> {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        match self {
            Self::Empty => {}
            Self::Bytes(bytes) => hash.update(bytes),
            Self::File { path, offset, length } => {
                let file = open_at(path, *offset).await?;
                let mut chunks = ReaderStream::with_capacity(file.take(*length), CHUNK);
                while let Some(chunk) = chunks.try_next().await.map_err(|e| broken(path, e))? {
                    hash.update(&chunk);
                }
            }
        }
        Ok(hex::encode(hash.finalize()))
    }
}

async fn open_at(path: &Path, offset: u64) -> Result<tokio::fs::File, CallError> {
    let mut file = tokio::fs::File::open(path).await.map_err(|e| broken(path, e))?;
    file.seek(SeekFrom::Start(offset)).await.map_err(|e| broken(path, e))?;
    Ok(file)
}

fn broken(path: &Path, error: std::io::Error) -> CallError {
    CallError::new(CallErrorKind::Payload, format!("cannot read file {}: {error}", path.display()))
        .source(error)
}

fn whole(bytes: Bytes) -> RequestBody {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// A stream with a length that is known before it starts: it fails rather than end early, so that a
/// file that shrinks while it is read is never taken for a shorter one.
struct ExactBody<S> {
    chunks: S,
    left: u64,
    meter: Meter,
}

impl<S: Stream<Item = std::io::Result<Bytes>> + Unpin> http_body::Body for ExactBody<S> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.chunks).poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                self.left = self.left.saturating_sub(chunk.len() as u64);
                self.meter.sent(chunk.len());
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) if self.left > 0 => {
                let missing = std::mem::take(&mut self.left);
                Poll::Ready(Some(Err(format!(
                    "the file became {missing} bytes shorter while it was sent"
                )
                .into())))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
