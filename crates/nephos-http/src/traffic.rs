//! What moves: bytes and calls, for whoever watches, and the end of patience when nothing does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

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
    throttled: AtomicU64,
    queued: AtomicUsize,
    waiting: AtomicUsize,
    waited_ms: AtomicU64,
    limit: AtomicUsize,
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

    /// Answers that said that there were too many calls.
    pub fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// Calls that wait now because their host has as many requests under way as it may have.
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Calls that wait now for time to pass: until a host may be asked again, or before they are
    /// repeated.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How long calls have waited for time to pass, all together.
    pub fn waited(&self) -> Duration {
        Duration::from_millis(self.waited_ms.load(Ordering::Relaxed))
    }

    /// How many requests may be under way at once to the host whose limit changed last; `None`
    /// while no limit has changed.
    pub fn limit(&self) -> Option<usize> {
        Some(self.limit.load(Ordering::Relaxed)).filter(|limit| *limit > 0)
    }

    pub(crate) fn add_throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_queued(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove_queued(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Counts a wait until what is returned is dropped.
    pub(crate) fn start_waiting(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting { traffic: self, begun: Instant::now() }
    }
}

/// A call that waits for time to pass.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    traffic: &'a Traffic,
    begun: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waited = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.traffic.waited_ms.fetch_add(waited, Ordering::Relaxed);
        self.traffic.waiting.fetch_sub(1, Ordering::Relaxed);
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
