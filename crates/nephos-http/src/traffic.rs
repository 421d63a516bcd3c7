//! What moves: bytes and calls, for whoever watches, and the end of patience when nothing does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{CallError, CallErrorKind};

/// A call during which nothing moves in either direction for this long is given up. The whole of a
/// call has no limit: a part of 5 GiB may take an hour.
const STALLED: Duration = Duration::from_mins(2);

/// Counts since the client was made.
#[derive(Debug, Default)]
pub struct Traffic {
    calls: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    /// Requests sent, repeated ones included.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Bytes of bodies sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes of bodies received.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// The bytes of one attempt.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    traffic: Arc<Traffic>,
    moved: Arc<AtomicU64>,
}

impl Meter {
    /// Starts an attempt.
    pub(crate) fn start(traffic: &Arc<Traffic>) -> Self {
        traffic.calls.fetch_add(1, Ordering::Relaxed);
        Self { traffic: traffic.clone(), moved: Arc::default() }
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.traffic.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.traffic.received.fetch_add(bytes as u64, Ordering::Relaxed);
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Waits for `future` as long as bytes move.
    pub(crate) async fn while_moving<T>(
        &self,
        host: &str,
        future: impl Future<Output = T>,
    ) -> Result<T, CallError> {
        let mut future = std::pin::pin!(future);
        loop {
            let before = self.moved.load(Ordering::Relaxed);
            match tokio::time::timeout(STALLED, &mut future).await {
                Ok(done) => return Ok(done),
                Err(_) if self.moved.load(Ordering::Relaxed) > before => {}
                Err(_) => {
                    let seconds = STALLED.as_secs();
                    return Err(CallError::new(
                        CallErrorKind::Transport,
                        format!("nothing moved to or from {host} for {seconds} seconds"),
                    ));
                }
            }
        }
    }
}
