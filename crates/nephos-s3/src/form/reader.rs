//! Takes a form apart while it arrives.
//!
//! What comes before the file is small and is held; the file is handed on piece by piece; what
//! comes after it is never looked at, as on S3.

use super::fields::Fields;
use crate::BoxError;
use crate::error::{malformed_form, stream_error};
use crate::intake::Intake;
use crate::payload::PayloadError;
use bytes::Bytes;
use futures::Stream;
use http_body::Body as HttpBody;
use multer::{Field, Multipart};
use s3s::{S3Error, S3Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

/// S3's limit for everything but the contents of the file, boundaries included.
const MAX_HEAD: usize = 20 << 10;

/// How much the parser gets at once before the file, so that it cannot run far past the limit.
const HEAD_PIECE: usize = 1 << 10;

/// How much it gets at once of the file.
const FILE_PIECE: usize = 256 << 10;

/// A form up to its file.
pub(super) struct Form {
    pub(super) fields: Fields,
    /// None if the form ends without one.
    pub(super) file: Option<FormFile>,
}

impl Form {
    pub(super) async fn read(body: Intake, boundary: String) -> S3Result<Self> {
        let pace = Arc::new(Pace::default());
        let paced = Paced { body, arrived: Bytes::new(), given: 0, pace: Arc::clone(&pace) };
        let mut parser = Multipart::new(paced, boundary);
        let mut fields = Fields::default();
        loop {
            pace.rest();
            let Some(mut field) = parser.next_field().await.map_err(refusal)? else {
                return Ok(Self { fields, file: None });
            };
            let name = field.name().ok_or_else(malformed_form)?.to_ascii_lowercase();
            if name == "file" {
                pace.in_file.store(true, Ordering::Relaxed);
                fields.put_file_name(field.file_name().unwrap_or_default());
                return Ok(Self { fields, file: Some(FormFile(Box::new(field))) });
            }
            let mut value = Vec::new();
            loop {
                pace.rest();
                let Some(bytes) = field.chunk().await.map_err(refusal)? else { break };
                value.extend_from_slice(&bytes);
            }
            fields.add(name, String::from_utf8(value).map_err(|_| malformed_form())?)?;
        }
    }
}

/// The contents of the file, as they arrive.
pub(crate) struct FormFile(Box<Field<'static>>);

impl Stream for FormFile {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(piece.map(|piece| piece.map_err(reason)))
    }
}

/// What went wrong: the body itself, or what it says.
fn reason(error: multer::Error) -> BoxError {
    match error {
        multer::Error::StreamReadFailed(error) => error,
        _ => PayloadError::Form.into(),
    }
}

fn refusal(error: multer::Error) -> S3Error {
    stream_error(&reason(error))
}

/// When the parser gets more. It is shared with the stream that the parser owns.
#[derive(Default)]
struct Pace {
    /// The parser is to look at what it has before it gets more.
    rests: AtomicBool,
    /// The file has begun.
    in_file: AtomicBool,
}

impl Pace {
    fn rest(&self) {
        self.rests.store(true, Ordering::Relaxed);
    }
}

/// A body as the parser sees it.
///
/// The parser takes in all that its stream has ready before it looks at any of it, which for a
/// fast client is everything. So this stream gives a piece and then seems to have nothing, and
/// asks to be polled again: if the parser can go on with what it has, it does.
struct Paced {
    body: Intake,
    arrived: Bytes,
    /// How much was given before the file.
    given: usize,
    pace: Arc<Pace>,
}

impl Stream for Paced {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.pace.rests.swap(false, Ordering::Relaxed) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.arrived.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => self.arrived = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let piece = if self.pace.in_file.load(Ordering::Relaxed) {
            FILE_PIECE
        } else if self.given > MAX_HEAD {
            return Poll::Ready(Some(Err(PayloadError::FormHead.into())));
        } else {
            self.given += HEAD_PIECE.min(self.arrived.len());
            HEAD_PIECE
        };
        self.pace.rest();
        let piece = piece.min(self.arrived.len());
        Poll::Ready(Some(Ok(self.arrived.split_to(piece))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, intake};
    use futures::StreamExt;
    use std::sync::atomic::AtomicUsize;

    /// Reads a form that arrives in pieces; returns its fields, its file and how much was taken
    /// from the body before the file was asked for.
    async fn read(body: &[u8], piece: usize) -> S3Result<(Fields, Option<Vec<u8>>, usize)> {
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        let pieces: Vec<_> = body.chunks(piece).map(Bytes::copy_from_slice).collect();
        let frames = futures::stream::iter(pieces).map(move |bytes| {
            counter.fetch_add(bytes.len(), Ordering::Relaxed);
            Ok::<_, BoxError>(http_body::Frame::data(bytes))
        });
        let (body, _leftover) = intake::split(Body::new(http_body_util::StreamBody::new(frames)));
        let form = Form::read(body, "b".to_owned()).await?;
        let taken = taken.load(Ordering::Relaxed);
        let Some(mut file) = form.file else { return Ok((form.fields, None, taken)) };
        let mut data = Vec::new();
        while let Some(bytes) = file.next().await {
            data.extend_from_slice(&bytes.map_err(|error| stream_error(&error))?);
        }
        Ok((form.fields, Some(data), taken))
    }

    fn form(fields: &[(&str, &str)], file: &[u8], rest: &str) -> Vec<u8> {
        let part = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let mut text: String = fields.iter().map(|(name, value)| part(name, value)).collect();
        text += "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n";
        [text.as_bytes(), file, rest.as_bytes()].concat()
    }

    #[tokio::test]
    async fn a_form_reads_the_same_however_it_arrives() {
        let file = b"\r\n--a\r\n--\rbytes\r\n-";
        let rest = "\r\n--b\r\nContent-Disposition: form-data; name=\"late\"\r\n\r\nx\r\n--b--\r\n";
        let body = form(&[("Key", "k"), ("policy", "")], file, rest);
        for piece in 1..body.len() {
            let (fields, found, _) = read(&body, piece).await.unwrap();
            assert_eq!(fields.get("key"), Some("k"));
            assert_eq!(fields.get("policy"), Some(""));
            assert_eq!(fields.get("late"), None);
            assert_eq!(found.unwrap(), file, "{piece}");
        }
    }

    #[tokio::test]
    async fn the_file_waits_until_it_is_asked_for() {
        let body = form(&[("key", "k")], &vec![b'x'; 4 << 20], "\r\n--b--\r\n");
        let (_, file, taken) = read(&body, 4096).await.unwrap();
        assert_eq!(file.unwrap().len(), 4 << 20);
        assert!(taken <= 2 * 4096, "{taken}");
    }

    #[tokio::test]
    async fn the_head_has_a_limit() {
        let code = |read: S3Result<_>| read.err().map(|e: S3Error| e.code().as_str().to_owned());
        let body = |length: usize| form(&[("key", &"k".repeat(length))], b"x", "\r\n--b--\r\n");
        assert_eq!(code(read(&body(19 << 10), 1 << 20).await), None);
        let too_long = Some("MaxPostPreDataLengthExceededError".to_owned());
        assert_eq!(code(read(&body(22 << 10), 1 << 20).await), too_long);
        let endless = [b"--b\r\n".to_vec(), vec![b'x'; 1 << 20]].concat();
        assert_eq!(code(read(&endless, 1000).await), too_long);
        assert_eq!(code(read(&vec![b'x'; 1 << 20], 1000).await), too_long);
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        let whole = form(&[("key", "k")], b"x", "\r\n--b--\r\n");
        for body in [&b""[..], b"--c--\r\n", b"--b\r\n\r\n\r\nx\r\n--b--\r\n", &whole[..40]] {
            let refused = read(body, 7).await.err().unwrap();
            assert_eq!(refused.code().as_str(), "MalformedPOSTRequest");
        }
        let cut = read(&whole[..whole.len() - 9], 7).await.err().unwrap();
        assert_eq!(cut.code().as_str(), "MalformedPOSTRequest");
        assert!(read(b"--b--\r\n", 7).await.unwrap().1.is_none());
    }
}
