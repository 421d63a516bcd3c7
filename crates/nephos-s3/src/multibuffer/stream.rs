//! The MD5 of one body, computed beside everything else.

use super::hashers::{Hashers, Job, Member};
use super::md5::Md5;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// With how much a thread is asked to begin: enough that asking costs nothing.
const BATCH: usize = 256 << 10;

/// How much may wait for a thread.
const MAX_PENDING: usize = 1 << 20;

/// What a stream shares with the thread that hashes it. The thread takes what has come meanwhile
/// without asking for it: a task that had to be woken for each piece would leave its lane empty
/// half of the time.
#[derive(Default)]
pub(super) struct Feed {
    /// A plain mutex: it is held to move a few pointers.
    queue: Mutex<Queue>,
    /// Tells the stream that there is room again, or that its MD5 is back.
    changed: Notify,
}

#[derive(Default)]
struct Queue {
    /// None while a thread has it.
    md5: Option<Md5>,
    bytes: VecDeque<Bytes>,
    length: usize,
}

impl Queue {
    fn take(&mut self) -> VecDeque<Bytes> {
        self.length = 0;
        std::mem::take(&mut self.bytes)
    }
}

impl Feed {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has come meanwhile; if it is not enough, the MD5 goes back.
    pub(super) fn next(&self, md5: &mut Md5) -> Option<VecDeque<Bytes>> {
        let mut queue = self.queue();
        // Less would keep its lane busy while others have run empty.
        let found = queue.length >= BATCH;
        let bytes = if found { queue.take() } else { VecDeque::new() };
        if !found {
            queue.md5 = Some(std::mem::take(md5));
        }
        drop(queue);
        self.changed.notify_one();
        found.then_some(bytes)
    }
}

/// A running MD5.
pub(crate) struct Md5Stream {
    hashers: Arc<Hashers>,
    member: Member,
    feed: Arc<Feed>,
}

impl Md5Stream {
    pub(crate) fn new(hashers: Arc<Hashers>) -> Self {
        let feed = Arc::new(Feed::default());
        feed.queue().md5 = Some(Md5::default());
        Self { member: hashers.join(), hashers, feed }
    }

    /// Adds bytes; waits while too many of those before have not been added yet.
    pub(crate) async fn push(&mut self, batch: Vec<Bytes>) {
        while self.feed.queue().length >= MAX_PENDING {
            self.wait().await;
        }
        let mut queue = self.feed.queue();
        queue.length += batch.iter().map(Bytes::len).sum::<usize>();
        queue.bytes.extend(batch);
        if queue.length >= BATCH {
            self.hand_over(queue);
        }
    }

    /// Gives a thread all there is, unless one is at it already.
    fn hand_over(&self, mut queue: MutexGuard<'_, Queue>) {
        if let Some(md5) = queue.md5.take() {
            let batch = queue.take();
            drop(queue);
            self.hashers.submit(Job { md5, batch, feed: Arc::clone(&self.feed) });
        }
    }

    async fn wait(&mut self) {
        self.member.set_stalled(true);
        self.feed.changed.notified().await;
        self.member.set_stalled(false);
    }

    /// The hash of everything.
    pub(crate) async fn finish(mut self) -> [u8; 16] {
        loop {
            {
                let mut queue = self.feed.queue();
                if queue.bytes.is_empty()
                    && let Some(md5) = queue.md5.take()
                {
                    return md5.finish();
                }
                self.hand_over(queue);
            }
            self.wait().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use md5::Digest as _;
    use rand::{Rng, SeedableRng};

    #[tokio::test(flavor = "multi_thread")]
    async fn many_streams_of_any_length_at_once() {
        let hashers = Arc::new(Hashers::start(2).unwrap());
        let streams = (0..100_u64).map(|seed| {
            let hashers = Arc::clone(&hashers);
            tokio::spawn(async move {
                let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
                let mut expected = md5::Md5::new();
                let mut stream = Md5Stream::new(hashers);
                for _ in 0..rng.random_range(0..12) {
                    let batch: Vec<Bytes> = (0..rng.random_range(0..5))
                        .map(|_| {
                            let length = rng.random_range(0..200_000);
                            let byte: u8 = rng.random();
                            let bytes: Vec<u8> = (0..length)
                                .map(|at: u32| byte ^ u8::try_from(at % 251).unwrap())
                                .collect();
                            expected.update(&bytes);
                            bytes.into()
                        })
                        .collect();
                    stream.push(batch).await;
                }
                let expected: [u8; 16] = expected.finalize().into();
                assert_eq!(stream.finish().await, expected, "stream {seed}");
            })
        });
        for stream in streams.collect::<Vec<_>>() {
            stream.await.unwrap();
        }
    }
}
