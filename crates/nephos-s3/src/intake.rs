//! A request body that outlives its request.
//!
//! A request can be refused before its body was read. What is left of the body must then be read
//! and dropped, or the connection must end with the answer: otherwise the rest would be taken for
//! the next request, or a reset would overtake the answer.

use crate::{Body, BoxError};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// A client that sends more than this after it was refused sees its connection end.
const MAX_DRAINED: usize = 16 << 20;

struct Shared {
    body: Body,
    started: bool,
    finished: bool,
}

impl Shared {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // An empty body is over before anyone is told to continue.
        self.started |= !self.finished;
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(_))) => self.finished = self.body.is_end_stream(),
            Poll::Ready(_) => self.finished = true,
            Poll::Pending => {}
        }
        polled
    }
}

/// The body, as the operation reads it. Clones read from the same place on.
#[derive(Clone)]
pub(crate) struct Intake(Arc<Mutex<Shared>>);

impl Intake {
    /// Gives those who read after this one the same bytes again.
    pub(crate) fn replace(&self, bytes: Bytes) {
        let mut shared = lock(&self.0);
        shared.finished = bytes.is_empty();
        shared.body = full(bytes);
    }
}

/// A body that has arrived.
pub(crate) fn full(bytes: Bytes) -> Body {
    Body::new(Full::new(bytes).map_err(|never| match never {}))
}

/// What the operation leaves of the body.
pub(crate) struct Leftover(Arc<Mutex<Shared>>);

/// The mutex is never contended: the operation is over before the leftover is looked at.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn split(body: Body) -> (Intake, Leftover) {
    let shared =
        Arc::new(Mutex::new(Shared { finished: body.is_end_stream(), started: false, body }));
    (Intake(Arc::clone(&shared)), Leftover(shared))
}

impl HttpBody for Intake {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        lock(&self.0).poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).body.size_hint()
    }
}

impl Leftover {
    /// Reads what is left, within limits; says whether the connection can take another request.
    ///
    /// A client that waits for `100 Continue` and gets an answer instead may or may not send its
    /// body, and nothing tells which. Some botocore releases also mistake the next answer on such
    /// a connection for headers of this one, even if the body was empty. Such connections end.
    pub(crate) async fn drain(self, waits: bool) -> bool {
        if waits && !lock(&self.0).started {
            return false;
        }
        let mut drained = 0;
        loop {
            {
                let shared = lock(&self.0);
                if shared.finished {
                    return true;
                }
                if drained > MAX_DRAINED {
                    return false;
                }
            }
            let frame = std::future::poll_fn(|cx| lock(&self.0).poll(cx)).await;
            match frame {
                Some(Ok(frame)) => drained += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) => return false,
                None => return true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(length: usize) -> Body {
        full(Bytes::from(vec![0; length]))
    }

    #[tokio::test]
    async fn a_waiting_client_is_not_read_from() {
        assert!(!split(body(1)).1.drain(true).await);
        assert!(split(body(1)).1.drain(false).await);
        assert!(!split(body(0)).1.drain(true).await);
        assert!(split(body(0)).1.drain(false).await);
        let (intake, leftover) = split(body(1));
        intake.collect().await.unwrap();
        assert!(leftover.drain(true).await);
    }
}
