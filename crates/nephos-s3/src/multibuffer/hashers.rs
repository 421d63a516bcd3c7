//! The threads that compute MD5s, and who is computed with whom.

use super::lanes::{BLOCK, LANES, State, compress};
use super::md5::Md5;
use super::stream::Feed;
use bytes::{Buf, Bytes};
use pulp::Arch;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How far streams go together before others may join them.
const QUANTUM: usize = 64 << 10;

/// How long bytes wait for those of other streams. Few streams take as long as many, so
/// that a thread which begins with the first that comes is busy all the time.
const PATIENCE: Duration = Duration::from_millis(5);

/// Bytes to add to an MD5.
pub(super) struct Job {
    pub(super) md5: Md5,
    pub(super) batch: VecDeque<Bytes>,
    /// Where more comes from, and where the MD5 goes.
    pub(super) feed: Arc<Feed>,
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
    /// How many streams bring jobs.
    streams: usize,
    /// How many of them can do nothing until a job is done.
    stalled: usize,
    closed: bool,
}

impl Waiting {
    /// How many jobs are most of those there can be.
    fn quorum(&self) -> usize {
        (self.streams * 3 / 4).clamp(1, LANES)
    }

    fn is_worthwhile(&self, jobs: usize) -> bool {
        self.closed || self.stalled > 0 || jobs >= self.quorum()
    }
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

    /// Counts one more stream.
    pub(super) fn join(self: &Arc<Self>) -> Member {
        self.shared.waiting().streams += 1;
        Member { hashers: Arc::clone(self), stalled: false }
    }

    /// Takes over a stream until nothing more comes from it.
    ///
    /// One thread that computes many costs less than many that compute one each, so that another
    /// one is woken only when the lanes of the first are taken.
    pub(super) fn submit(&self, job: Job) {
        let mut waiting = self.shared.waiting();
        waiting.jobs.push_back(job);
        let jobs = waiting.jobs.len();
        // The first job makes a thread wait for others, the last one makes it begin.
        let wake = waiting.working == 0 && (jobs == 1 || waiting.is_worthwhile(jobs));
        let wake = wake || jobs > LANES;
        drop(waiting);
        if wake {
            self.shared.work.notify_one();
        }
    }
}

/// One stream among those that are hashed together.
pub(super) struct Member {
    hashers: Arc<Hashers>,
    stalled: bool,
}

impl Member {
    /// Says whether this stream can do nothing until its job is done. Then no job waits for others.
    pub(super) fn set_stalled(&mut self, stalled: bool) {
        if self.stalled == stalled {
            return;
        }
        self.stalled = stalled;
        let mut waiting = self.hashers.shared.waiting();
        if stalled {
            waiting.stalled += 1;
            drop(waiting);
            self.hashers.shared.work.notify_one();
        } else {
            waiting.stalled -= 1;
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut waiting = self.hashers.shared.waiting();
        waiting.streams -= 1;
        waiting.stalled -= usize::from(self.stalled);
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
        let mut patient = true;
        {
            let mut waiting = shared.waiting();
            loop {
                let jobs = waiting.jobs.len();
                if jobs == 0 && waiting.closed {
                    return;
                }
                // One thread takes what fits into its lanes.
                if jobs == 0 || waiting.working > 0 && jobs <= LANES {
                    patient = true;
                    waiting = shared.work.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                } else if patient && !waiting.is_worthwhile(jobs) {
                    let waited = shared.work.wait_timeout(waiting, PATIENCE);
                    let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                    (waiting, patient) = (guard, !timeout.timed_out());
                } else {
                    break;
                }
            }
            waiting.working += 1;
        }
        loop {
            {
                let mut waiting = shared.waiting();
                let room = (LANES - lanes.len()).min(waiting.jobs.len());
                lanes.extend(waiting.jobs.drain(..room));
                // What is left of them can wait for the next ones.
                if patient && !waiting.is_worthwhile(2 * lanes.len()) {
                    waiting.jobs.extend(lanes.drain(..));
                }
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

/// Takes all streams a quantum further, and drops those from which nothing more comes.
fn advance(arch: Arch, lanes: &mut Vec<Job>) {
    let mut at = 0;
    while at < lanes.len() {
        if prepare(arch, &mut lanes[at]) {
            at += 1;
        } else {
            lanes.swap_remove(at);
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
    loop {
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
        match job.feed.next(&mut job.md5) {
            Some(more) => job.batch = more,
            None => return false,
        }
    }
}
