//! How many requests are under way at once: per host as many as it takes well, in all as many as
//! this process can hold.
//!
//! A host's limit grows by one for every limit's worth of successes (additive increase) and is
//! halved when the host says that it is too much (multiplicative decrease), once a round trip: the
//! answers to requests that left before the last cut say nothing about the limit after it. Just
//! below the limit that was too much it stays for longer: hosts that take four at once would
//! otherwise refuse every tenth call for ever, and one that takes one every second call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::traffic::Traffic;

/// Hosts remembered; beyond this, those that nobody uses are forgotten.
const MOST_HOSTS: usize = 256;

/// Limits' worths of successes before a limit that was too much is tried again.
const PATIENCE: usize = 16;

/// Bounds on requests under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// A host's limit before anything is known of it.
    pub first: usize,
    /// The largest limit of a host.
    pub per_host: usize,
    /// Requests to all hosts together: each holds a socket, maybe a file, and its answer.
    pub in_all: usize,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self { first: 16, per_host: 32, in_all: 64 }
    }
}

/// The hosts of one client.
#[derive(Debug)]
pub(crate) struct Limiter {
    bounds: Concurrency,
    all: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    traffic: Arc<Traffic>,
}

impl Limiter {
    pub(crate) fn new(bounds: Concurrency, traffic: Arc<Traffic>) -> Self {
        let per_host = bounds.per_host.max(1);
        let bounds = Concurrency {
            first: bounds.first.clamp(1, per_host),
            per_host,
            in_all: bounds.in_all.max(1),
        };
        let all = Arc::new(Semaphore::new(bounds.in_all));
        Self { bounds, all, hosts: Mutex::default(), traffic }
    }

    /// Waits, first come first served, until a request may go to `host` (scheme and authority).
    /// Dropping the future leaves the queue, dropping the permit makes room.
    pub(crate) async fn enter(&self, host: &str) -> Permit {
        let host = self.host(host);
        let slot = host.slot().await;
        loop {
            slot.host.paused().await;
            // After the pause: who waits for one host must not keep others from theirs.
            let all = self.all.clone().acquire_owned().await.ok();
            if slot.host.pause_left().is_none() {
                let round = slot.host.state().round;
                return Permit { slot, round, _all: all };
            }
        }
    }

    fn host(&self, name: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(name) {
            return host.clone();
        }
        if hosts.len() >= MOST_HOSTS {
            // Whoever uses a host holds it, and takes it under this lock.
            hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.pause_left().is_some());
        }
        let host = Arc::new(Host::new(self.bounds, self.traffic.clone()));
        hosts.insert(name.to_owned(), host.clone());
        host
    }
}

/// What is known of a host.
#[derive(Debug)]
pub(crate) struct Host {
    slots: Arc<Semaphore>,
    state: Mutex<State>,
    most: usize,
    traffic: Arc<Traffic>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Slots above the limit that are still in use; they vanish when they are given back.
    debt: usize,
    in_use: usize,
    queued: usize,
    /// Successes since the limit last changed.
    successes: usize,
    /// Cuts so far.
    round: u64,
    /// The limit that was too much the last time.
    too_much: Option<usize>,
    paused_until: Option<Instant>,
}

impl Host {
    fn new(bounds: Concurrency, traffic: Arc<Traffic>) -> Self {
        let limit = bounds.first;
        let state = State {
            limit,
            debt: 0,
            in_use: 0,
            queued: 0,
            successes: 0,
            round: 0,
            too_much: None,
            paused_until: None,
        };
        Self {
            slots: Arc::new(Semaphore::new(limit)),
            state: Mutex::new(state),
            most: bounds.per_host,
            traffic,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn slot(self: Arc<Self>) -> Slot {
        let queued = Queued::start(&self);
        let permit = self.slots.clone().acquire_owned().await.ok();
        self.state().in_use += 1;
        drop(queued);
        Slot { host: self, permit }
    }

    fn pause_left(&self) -> Option<Duration> {
        let until = self.state().paused_until?;
        Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    async fn paused(&self) {
        // Another answer may have made the pause longer meanwhile.
        while let Some(left) = self.pause_left() {
            let _waiting = self.traffic.start_waiting();
            tokio::time::sleep(left).await;
        }
    }

    /// Lets no request leave for the host before `wait` is over.
    pub(crate) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.state();
        state.paused_until = Some(state.paused_until.map_or(until, |other| other.max(until)));
    }

    /// Whether there is nothing left to cut: from here on only waiting helps.
    pub(crate) fn at_least(&self) -> bool {
        self.state().limit == 1
    }

    fn succeeded(&self, round: u64) {
        let mut state = self.state();
        // A limit that holds nobody back proves nothing.
        let wanted = state.in_use + state.queued >= state.limit;
        if round != state.round || !wanted || state.limit >= self.most {
            return;
        }
        state.successes += 1;
        let tried = state.too_much == Some(state.limit + 1);
        if state.successes < state.limit * if tried { PATIENCE } else { 1 } {
            return;
        }
        state.successes = 0;
        state.limit += 1;
        if state.too_much.is_some_and(|limit| limit < state.limit) {
            // It was not, or is not any more.
            state.too_much = None;
        }
        if state.debt > 0 {
            state.debt -= 1;
        } else {
            self.slots.add_permits(1);
        }
        self.traffic.set_limit(state.limit);
    }

    fn throttled(&self, round: u64) {
        self.traffic.add_throttled();
        let mut state = self.state();
        if round != state.round {
            return;
        }
        state.round += 1;
        state.successes = 0;
        state.too_much = Some(state.limit);
        let limit = (state.limit / 2).max(1);
        let cut = state.limit - limit;
        state.limit = limit;
        state.debt += cut - self.slots.forget_permits(cut);
        self.traffic.set_limit(limit);
    }
}

/// A place in a host's queue.
struct Queued<'a>(&'a Host);

impl<'a> Queued<'a> {
    fn start(host: &'a Host) -> Self {
        host.state().queued += 1;
        host.traffic.add_queued();
        Self(host)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.state().queued -= 1;
        self.0.traffic.remove_queued();
    }
}

/// One of a host's requests under way.
#[derive(Debug)]
struct Slot {
    host: Arc<Host>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.host.state();
        state.in_use -= 1;
        if state.debt > 0
            && let Some(permit) = self.permit.take()
        {
            state.debt -= 1;
            permit.forget();
        }
    }
}

/// Leave to send one request and to read its answer.
#[derive(Debug)]
pub(crate) struct Permit {
    slot: Slot,
    round: u64,
    _all: Option<OwnedSemaphorePermit>,
}

impl Permit {
    pub(crate) fn host(&self) -> &Arc<Host> {
        &self.slot.host
    }

    /// The host took the request well.
    pub(crate) fn succeeded(&self) {
        self.slot.host.succeeded(self.round);
    }

    /// The host said that this is too much.
    pub(crate) fn throttled(&self) {
        self.slot.host.throttled(self.round);
    }
}

#[cfg(test)]
mod tests;
