//! The threads that compute MD5s, and who is computed with whom.

use super::lanes::{BLOCK, LANES, State, compress};
use super::md5::Md5;
use bytes::{Buf, Bytes};
use pulp::Arch;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// How far streams go together before others may join them.
const QUANTUM: usize = 64 << 10;

/// Bytes to add to an MD5.
struct Job {
    md5: Md5,
    batch: VecDeque<Bytes>,
    reply: oneshot::Sender<Md5>,
}

/// The threads, and the jobs that wait for them.
pub(crate) struct Hashers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    /// A plain mutex: it is held to move a few jobs.
    waiting: Mutex<Waiting>,
    /// Tells a sleeping thread that there is work.
    work: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// How many threads are at work.
    working: usize,
    closed: bool,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hashers {
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared { waiting: Mutex::default(), work: Condvar::new() });
        let mut hashers = Self { shared, threads: Vec::new() };
        for _ in 0..threads.max(1) {
            let shared = Arc::clone(&hashers.shared);
            let thread = std::thread::Builder::new().name("nephos-s3-md5".to_owned());
            hashers.threads.push(thread.spawn(move || work(&shared))?);
        }
        Ok(hashers)
    }

    /// Adds bytes to an MD5; the answer is the MD5 with them.
    ///
    /// One thread that computes many costs less than many that compute one each, so that another
    /// one is woken only when the lanes of the first are taken.
    pub(crate) fn submit(&self, md5: Md5, batch: Vec<Bytes>) -> oneshot::Receiver<Md5> {
        let (reply, answer) = oneshot::channel();
        let mut waiting = self.shared.waiting();
        waiting.jobs.push_back(Job { md5, batch: batch.into(), reply });
        let wake = waiting.working == 0 || waiting.jobs.len() > LANES;
        drop(waiting);
        if wake {
            self.shared.work.notify_one();
        }
        answer
    }
}

impl Drop for Hashers {
    fn drop(&mut self) {
        self.shared.waiting().closed = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The life of a thread.
fn work(shared: &Shared) {
    let arch = Arch::new();
    let mut lanes: Vec<Job> = Vec::with_capacity(LANES);
    loop {
        {
            let mut waiting = shared.waiting();
            while waiting.jobs.is_empty() {
                if waiting.closed {
                    return;
                }
                waiting = shared.work.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            waiting.working += 1;
        }
        loop {
            {
                let mut waiting = shared.waiting();
                let room = (LANES - lanes.len()).min(waiting.jobs.len());
                lanes.extend(waiting.jobs.drain(..room));
                if lanes.is_empty() {
                    // Said under the lock, so that whoever submits next knows to wake somebody.
                    waiting.working -= 1;
                    break;
                }
            }
            advance(arch, &mut lanes);
        }
    }
}

/// Takes all streams a quantum further, and answers those that have come to their end.
fn advance(arch: Arch, lanes: &mut Vec<Job>) {
    let mut at = 0;
    while at < lanes.len() {
        if prepare(arch, &mut lanes[at]) {
            at += 1;
        } else {
            let job = lanes.swap_remove(at);
            // Nobody waits for the hash of a body that was given up.
            let _ = job.reply.send(job.md5);
        }
    }
    let length = lanes.iter().map(|job| blocks(job).len()).min().unwrap_or(0).min(QUANTUM);
    let mut states: Vec<State> = lanes.iter().map(|job| job.md5.state).collect();
    let data: Vec<&[u8]> = lanes.iter().map(|job| &blocks(job)[..length]).collect();
    compress(arch, &mut states, &data);
    for (job, state) in lanes.iter_mut().zip(states) {
        job.md5.state = state;
        job.md5.count(length);
        if let Some(bytes) = job.batch.front_mut() {
            bytes.advance(length);
        }
    }
}

/// The whole blocks that are next in a stream.
fn blocks(job: &Job) -> &[u8] {
    let bytes = job.batch.front().map_or(&[][..], |bytes| &bytes[..]);
    &bytes[..bytes.len() / BLOCK * BLOCK]
}

/// Sees to it that whole blocks are next; says whether there are any.
fn prepare(arch: Arch, job: &mut Job) -> bool {
    while let Some(bytes) = job.batch.front_mut() {
        if bytes.is_empty() {
            job.batch.pop_front();
            continue;
        }
        match job.md5.absorb(arch, bytes) {
            0 => return true,
            taken => bytes.advance(taken),
        }
    }
    false
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
                let mut md5 = Md5::default();
                for _ in 0..rng.random_range(0..6) {
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
                    md5 = hashers.submit(md5, batch).await.unwrap();
                }
                let expected: [u8; 16] = expected.finalize().into();
                assert_eq!(md5.finish(), expected, "stream {seed}");
            })
        });
        for stream in streams.collect::<Vec<_>>() {
            stream.await.unwrap();
        }
    }
}
