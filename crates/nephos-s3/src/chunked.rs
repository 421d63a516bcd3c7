//! `aws-chunked` bodies on their way in.
//!
//! A chunk without a signature may be cut anywhere, so that a chunk of any size passes through in
//! the pieces it arrives in. A signed chunk cannot be cut, so its size is limited.

use crate::BoxError;
use bytes::{Buf, Bytes};
use http_body::{Body as HttpBody, Frame};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Clients sign chunks of 64 KiB to 1 MiB; one more than this is held in memory for no client.
const MAX_SIGNED_CHUNK: u64 = 16 << 20;

/// A chunk's first line is its size and a signature.
const MAX_LINE: usize = 1024;

/// The body is not `aws-chunked`, or not within the limits.
#[derive(Debug, thiserror::Error)]
enum Malformed {
    #[error("FormatError: {0}")]
    Format(&'static str),
    #[error("ChunkTooLarge: a signed chunk of {0} bytes exceeds the limit of {MAX_SIGNED_CHUNK}")]
    TooLarge(u64),
}

/// Where in the framing the next byte is.
enum Position {
    /// In the first line of a chunk.
    Line(Vec<u8>),
    /// In the data of a chunk, with this much left.
    Data(u64),
    /// In the line end after the data, with this much left.
    End(u64),
    /// After the last chunk, where the trailers are.
    Trailers,
}

/// A body whose chunks have a size that can be held in memory.
pub(crate) struct Reframed<B> {
    body: B,
    signed: bool,
    position: Position,
    ready: VecDeque<Bytes>,
}

impl<B> Reframed<B> {
    pub(crate) fn new(body: B, signed: bool) -> Self {
        Self { body, signed, position: Position::Line(Vec::new()), ready: VecDeque::new() }
    }

    /// Passes on a piece of the body, with new chunk lines where they are needed.
    fn accept(&mut self, mut bytes: Bytes) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            match &mut self.position {
                Position::Line(line) => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let taken = bytes.split_to(end.map_or(bytes.len(), |end| end + 1));
                    line.extend_from_slice(&taken);
                    if line.len() > MAX_LINE {
                        return Err(Malformed::Format("the first line of a chunk is too long"));
                    }
                    if end.is_some() {
                        let line = std::mem::take(line);
                        self.begin(line)?;
                    }
                }
                Position::Data(left) => {
                    let length =
                        usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    let taken = bytes.split_to(length);
                    *left -= length as u64;
                    if *left == 0 {
                        self.position = Position::End(2);
                    }
                    if self.signed {
                        self.ready.push_back(taken);
                    } else {
                        self.ready.push_back(format!("{length:x}\r\n").into());
                        self.ready.push_back(taken);
                        self.ready.push_back(Bytes::from_static(b"\r\n"));
                    }
                }
                Position::End(left) => {
                    let expected = if *left == 2 { b'\r' } else { b'\n' };
                    if bytes[0] != expected {
                        return Err(Malformed::Format("a chunk is longer than its size"));
                    }
                    bytes.advance(1);
                    *left -= 1;
                    if *left == 0 {
                        self.position = Position::Line(Vec::new());
                        if self.signed {
                            self.ready.push_back(Bytes::from_static(b"\r\n"));
                        }
                    }
                }
                Position::Trailers => self.ready.push_back(bytes.split_to(bytes.len())),
            }
        }
        Ok(())
    }

    /// Reads the first line of a chunk.
    fn begin(&mut self, line: Vec<u8>) -> Result<(), Malformed> {
        let digits: Vec<u8> = line.iter().copied().take_while(u8::is_ascii_hexdigit).collect();
        let size = std::str::from_utf8(&digits)
            .ok()
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or(Malformed::Format("a chunk does not begin with its size"))?;
        if self.signed && size > MAX_SIGNED_CHUNK {
            return Err(Malformed::TooLarge(size));
        }
        if size == 0 {
            self.position = Position::Trailers;
            self.ready.push_back(line.into());
        } else {
            self.position = Position::Data(size);
            if self.signed {
                self.ready.push_back(line.into());
            }
        }
        Ok(())
    }
}

impl<B> HttpBody for Reframed<B>
where
    B: HttpBody<Data = Bytes, Error = BoxError> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data()
                        && let Err(error) = self.accept(bytes)
                    {
                        return Poll::Ready(Some(Err(error.into())));
                    }
                }
                other => return Poll::Ready(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a body in pieces and joins what comes out.
    fn through(signed: bool, body: &[u8], piece: usize) -> Result<Vec<u8>, Malformed> {
        let mut reframed = Reframed::new((), signed);
        for bytes in body.chunks(piece) {
            reframed.accept(Bytes::copy_from_slice(bytes))?;
        }
        Ok(reframed.ready.into_iter().flatten().collect())
    }

    #[test]
    fn unsigned_chunks_are_cut_as_they_arrive() {
        let body = b"6\r\nabcdef\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        assert_eq!(through(false, body, body.len()).unwrap(), body);
        assert_eq!(
            through(false, body, 6).unwrap(),
            b"3\r\nabc\r\n3\r\ndef\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"
        );
    }

    #[test]
    fn signed_chunks_pass_unchanged_however_they_arrive() {
        let body = b"3;chunk-signature=aa\r\nabc\r\n0;chunk-signature=bb\r\n\r\n";
        for piece in 1..body.len() {
            assert_eq!(through(true, body, piece).unwrap(), body);
        }
    }

    #[test]
    fn bad_framing_is_refused() {
        for body in [&b"zz\r\n"[..], b"3\r\nabcd\r\n", b"\r\n", &[b'a'; 2000]] {
            assert!(through(false, body, 7).is_err());
        }
        assert!(through(true, b"7fffffff;chunk-signature=aa\r\n", 64).is_err());
    }
}
