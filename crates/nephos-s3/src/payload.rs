//! The bytes of an object or a part, as a request carries them.
//!
//! The protocol layer verifies the signature of a request's head; what its body needs is done
//! here, piece by piece as it arrives: the `aws-chunked` framing, the signatures of chunks and
//! trailers, and the hash that was signed for the whole.

use crate::BoxError;
use crate::checksum::Algorithm;
use crate::form::FormFile;
use crate::intake::Intake;
use crate::signature::ChunkSigner;
use bytes::{Buf, Bytes};
use futures::Stream;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Body as HttpBody;
use s3s::auth::Credentials;
use s3s::{S3Result, StdError, s3_error};
use sha2::{Digest as _, Sha256};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// A chunk's first line is its size and a signature.
const MAX_LINE: usize = 1024;

/// A trailer is a checksum and a signature.
const MAX_TRAILERS: usize = 16 << 10;

/// A body that is not what its headers say.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("the body ends too early")]
    Cut,
    #[error("{0}")]
    Framing(&'static str),
    #[error("the signature of a chunk does not match")]
    Signature,
    #[error("the form cannot be taken apart")]
    Form,
    #[error("the fields before the file of the form are too long")]
    FormHead,
}

/// What came after the last chunk; none before it has been read.
#[derive(Clone, Default)]
pub(crate) struct Trailers(Arc<Mutex<Option<HeaderMap>>>);

impl Trailers {
    /// The mutex is never contended: the body is over before anyone asks.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let trailers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trailers.as_ref()?.get(name)?.to_str().ok().map(str::to_owned)
    }

    /// A checksum that came without having been announced: nobody computed what it is to be
    /// compared with.
    pub(crate) fn stray(&self, announced: Option<Algorithm>) -> Option<Algorithm> {
        let others = Algorithm::ALL.into_iter().filter(|algorithm| Some(*algorithm) != announced);
        others.into_iter().find(|algorithm| self.get(algorithm.header()).is_some())
    }

    fn set(&self, trailers: HeaderMap) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(trailers);
    }
}

/// A body, ready to be read.
pub(crate) struct Payload {
    pub(crate) bytes: PayloadStream,
    /// The SHA-256 that was signed.
    pub(crate) sha256: Option<[u8; 32]>,
    /// Where trailers can follow.
    pub(crate) trailers: Option<Trailers>,
}

/// The bytes without their framing.
pub(crate) enum PayloadStream {
    Plain(Intake),
    Chunked(Box<Chunked>),
    /// The file of a form.
    File(FormFile),
}

impl Payload {
    /// Finds out how a body is framed and signed.
    pub(crate) fn new(
        body: Intake,
        headers: &HeaderMap,
        credentials: Option<&Credentials>,
    ) -> S3Result<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let kind = text("x-amz-content-sha256").unwrap_or("UNSIGNED-PAYLOAD");
        if !kind.starts_with("STREAMING-") {
            let framed = text("content-encoding")
                .is_some_and(|codings| codings.split(',').any(|c| c.trim() == "aws-chunked"));
            if framed {
                // Without a streaming signature the framing would be stored as if it were data.
                return Err(s3_error!(
                    InvalidRequest,
                    "The aws-chunked content encoding needs a streaming x-amz-content-sha256 value"
                ));
            }
            let sha256 = hex::decode(kind).ok().and_then(|bytes| bytes.try_into().ok());
            return Ok(Self { bytes: PayloadStream::Plain(body), sha256, trailers: None });
        }
        let signer = match credentials {
            Some(credentials) if !kind.starts_with("STREAMING-UNSIGNED-") => {
                Some(ChunkSigner::new(headers, credentials.secret_key.expose())?)
            }
            _ => None,
        };
        let trailers = Trailers::default();
        let chunked = Chunked {
            body,
            arrived: Bytes::new(),
            position: Position::Line(Vec::new()),
            signer,
            signed_trailers: kind.ends_with("-TRAILER"),
            hasher: Sha256::new(),
            trailers: trailers.clone(),
        };
        Ok(Self {
            bytes: PayloadStream::Chunked(Box::new(chunked)),
            sha256: None,
            trailers: Some(trailers),
        })
    }

    /// The file of a form, of which nothing but the form's policy is signed.
    pub(crate) fn of_form(file: FormFile) -> Self {
        Self { bytes: PayloadStream::File(file), sha256: None, trailers: None }
    }
}

impl Stream for PayloadStream {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self {
            Self::Plain(body) => loop {
                match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        if let Ok(bytes) = frame.into_data() {
                            return Poll::Ready(Some(Ok(bytes)));
                        }
                    }
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => return Poll::Ready(None),
                }
            },
            Self::Chunked(chunked) => chunked.poll(cx),
            Self::File(file) => Pin::new(file).poll_next(cx),
        }
    }
}

/// Where in the framing the next byte is.
enum Position {
    /// In the first line of a chunk.
    Line(Vec<u8>),
    /// In the data of a chunk, with this much left.
    Data {
        left: u64,
        signature: Option<String>,
    },
    /// In the line end after the data, with this much left.
    End(u8),
    /// After the last chunk.
    Trailers(Vec<u8>),
    Over,
}

/// An `aws-chunked` body. Data is passed on before the signature of its chunk is known, so that a
/// chunk of any size takes no memory; a wrong one is an error before the end of the stream.
pub(crate) struct Chunked {
    body: Intake,
    arrived: Bytes,
    position: Position,
    signer: Option<ChunkSigner>,
    signed_trailers: bool,
    hasher: Sha256,
    trailers: Trailers,
}

impl Chunked {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        loop {
            while !self.arrived.is_empty() {
                match self.step() {
                    Ok(None) => {}
                    Ok(Some(data)) => return Poll::Ready(Some(Ok(data))),
                    Err(error) => return Poll::Ready(Some(Err(error.into()))),
                }
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => self.arrived = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(self.finish().err().map(|error| Err(error.into()))),
            }
        }
    }

    /// Takes something from what has arrived; data is passed on.
    fn step(&mut self) -> Result<Option<Bytes>, PayloadError> {
        match &mut self.position {
            Position::Line(line) => {
                let end = self.arrived.iter().position(|byte| *byte == b'\n');
                let taken = self.arrived.split_to(end.map_or(self.arrived.len(), |end| end + 1));
                line.extend_from_slice(&taken);
                if line.len() > MAX_LINE {
                    return Err(PayloadError::Framing("the first line of a chunk is too long"));
                }
                if end.is_some() {
                    let line = std::mem::take(line);
                    self.begin(&line)?;
                }
                Ok(None)
            }
            Position::Data { left, .. } => {
                let length = usize::try_from(*left)
                    .map_or(self.arrived.len(), |left| left.min(self.arrived.len()));
                let data = self.arrived.split_to(length);
                *left -= length as u64;
                let over = *left == 0;
                if self.signer.is_some() {
                    self.hasher.update(&data);
                }
                if over {
                    self.end_chunk()?;
                }
                Ok(Some(data))
            }
            Position::End(left) => {
                let expected = if *left == 2 { b'\r' } else { b'\n' };
                if self.arrived[0] != expected {
                    return Err(PayloadError::Framing("a chunk is longer than its size"));
                }
                self.arrived.advance(1);
                *left -= 1;
                if *left == 0 {
                    self.position = Position::Line(Vec::new());
                }
                Ok(None)
            }
            Position::Trailers(text) => {
                text.extend_from_slice(&std::mem::take(&mut self.arrived));
                if text.len() > MAX_TRAILERS {
                    return Err(PayloadError::Framing("the trailers are too long"));
                }
                Ok(None)
            }
            Position::Over => Err(PayloadError::Framing("something follows the trailers")),
        }
    }

    /// Reads the first line of a chunk: its size, and its signature where chunks are signed.
    fn begin(&mut self, line: &[u8]) -> Result<(), PayloadError> {
        let line = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.strip_suffix("\r\n"))
            .ok_or(PayloadError::Framing("the first line of a chunk is not text"))?;
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let plain = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = u64::from_str_radix(size, 16)
            .ok()
            .filter(|_| plain)
            .ok_or(PayloadError::Framing("a chunk does not begin with its size"))?;
        let signature = extension.strip_prefix("chunk-signature=").map(str::to_owned);
        if self.signer.is_some() && signature.is_none() {
            return Err(PayloadError::Framing("a chunk has no signature"));
        }
        self.position = Position::Data { left: size, signature };
        if size == 0 {
            self.end_chunk()?;
            self.position = Position::Trailers(Vec::new());
        }
        Ok(())
    }

    /// Verifies a chunk that has been read.
    fn end_chunk(&mut self) -> Result<(), PayloadError> {
        let before = std::mem::replace(&mut self.position, Position::End(2));
        let hash = self.hasher.finalize_reset();
        let (Some(signer), Position::Data { signature: Some(signature), .. }) =
            (&mut self.signer, before)
        else {
            return Ok(());
        };
        if signer.chunk(&hash, &signature) { Ok(()) } else { Err(PayloadError::Signature) }
    }

    /// Reads and verifies the trailers, at the end of the body.
    fn finish(&mut self) -> Result<(), PayloadError> {
        match std::mem::replace(&mut self.position, Position::Over) {
            Position::Over => return Ok(()),
            Position::Trailers(text) => {
                let (trailers, signature) = parse_trailers(&text)?;
                if self.signed_trailers
                    && let Some(signer) = &mut self.signer
                {
                    let signature = signature.ok_or(PayloadError::Signature)?;
                    if !signer.trailers(&canonical(&trailers), &signature) {
                        return Err(PayloadError::Signature);
                    }
                }
                self.trailers.set(trailers.into_iter().collect());
            }
            _ => return Err(PayloadError::Cut),
        }
        Ok(())
    }
}

type TrailerLines = Vec<(HeaderName, HeaderValue)>;

/// Splits trailers from the signature over them.
fn parse_trailers(text: &[u8]) -> Result<(TrailerLines, Option<String>), PayloadError> {
    let malformed = || PayloadError::Framing("a trailer is not a header");
    let text = std::str::from_utf8(text).map_err(|_| malformed())?;
    let mut lines = TrailerLines::new();
    let mut signature = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == "x-amz-trailer-signature" {
            signature = Some(value.to_owned());
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
        lines.push((name, HeaderValue::from_str(value).map_err(|_| malformed())?));
    }
    lines.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
    Ok((lines, signature))
}

fn canonical(trailers: &TrailerLines) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in trailers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.push(b':');
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    /// Feeds a body in pieces and joins what comes out.
    async fn through(body: &[u8], piece: usize) -> Result<(Vec<u8>, Trailers), BoxError> {
        let pieces: Vec<_> = body.chunks(piece).map(Bytes::copy_from_slice).collect();
        let frames =
            pieces.into_iter().map(|bytes| Ok::<_, BoxError>(http_body::Frame::data(bytes)));
        let body = crate::Body::new(http_body_util::StreamBody::new(futures::stream::iter(frames)));
        let (intake, _leftover) = crate::intake::split(body);
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        headers.insert("x-amz-content-sha256", kind);
        let mut payload = Payload::new(intake, &headers, None).unwrap();
        let mut data = Vec::new();
        while let Some(bytes) = payload.bytes.next().await {
            data.extend_from_slice(&bytes?);
        }
        Ok((data, payload.trailers.unwrap()))
    }

    #[tokio::test]
    async fn framing_is_taken_off_however_it_arrives() {
        let body = b"6\r\nabcdef\r\n3\r\nghi\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        for piece in 1..body.len() {
            let (data, trailers) = through(body, piece).await.unwrap();
            assert_eq!(data, b"abcdefghi");
            assert_eq!(trailers.get("x-amz-checksum-crc32").as_deref(), Some("AAAA"));
        }
    }

    #[tokio::test]
    async fn bad_framing_is_refused() {
        for body in [
            &b"zz\r\n"[..],
            b"3\r\nabcd\r\n",
            b"\r\n",
            &[b'a'; 2000],
            b"3\r\nabc\r\n",
            b"3\r\nab",
            b"+3\r\nabc\r\n0\r\n\r\n",
            b"0\r\nno trailer\r\n\r\n",
            b"",
        ] {
            assert!(through(body, 7).await.is_err(), "{}", String::from_utf8_lossy(body));
        }
    }
}
