//! When a data file that nobody refers to may go.
//!
//! A reader of an object with thousands of parts cannot hold every file open, so it holds a lease
//! instead: files dropped while a lease lives stay until every lease taken before has ended.

use super::record::BlobId;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Orders readers and removals.
#[derive(Default)]
pub(crate) struct Reclaimer {
    /// A plain mutex: it is held for a few map operations and never across a wait.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Counts leases and removals together, so that the two can be compared.
    clock: u64,
    /// When each living lease was taken.
    leases: BTreeSet<u64>,
    /// Files to remove, by the time they were dropped.
    doomed: VecDeque<(u64, Vec<BlobId>)>,
}

impl State {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// What no living lease can still read.
    fn removable(&mut self) -> Vec<BlobId> {
        let oldest = self.leases.first().copied().unwrap_or(u64::MAX);
        let mut removable = Vec::new();
        while let Some((dropped, _)) = self.doomed.front()
            && *dropped < oldest
        {
            removable.extend(self.doomed.pop_front().into_iter().flat_map(|(_, ids)| ids));
        }
        removable
    }
}

/// The right to read what was visible when it was taken.
pub(crate) struct Lease {
    reclaimer: Arc<Reclaimer>,
    directory: super::BlobDirectory,
    taken: u64,
}

impl Reclaimer {
    /// Must be taken before the metadata is read that the lease is for.
    pub(crate) fn lease(self: &Arc<Self>, directory: super::BlobDirectory) -> Lease {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = state.tick();
        state.leases.insert(taken);
        Lease { reclaimer: Arc::clone(self), directory, taken }
    }

    /// Adds dropped files and says which may be removed now.
    pub(crate) fn doom(&self, ids: Vec<BlobId>) -> Vec<BlobId> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.tick();
        if !ids.is_empty() {
            state.doomed.push_back((now, ids));
        }
        state.removable()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let removable = {
            let mut state = self.reclaimer.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.leases.remove(&self.taken);
            state.removable()
        };
        self.directory.remove(&removable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_waits_for_the_readers_that_came_before_its_removal() {
        let dir = tempfile::tempdir().unwrap();
        let reclaimer = Arc::new(Reclaimer::default());
        let directory = super::super::BlobDirectory::new(dir.path());
        let before = reclaimer.lease(directory.clone());
        assert!(reclaimer.doom(vec![1]).is_empty());
        let after = reclaimer.lease(directory);
        drop(before);
        assert!(reclaimer.state.lock().unwrap().doomed.is_empty());
        assert!(reclaimer.doom(vec![2]).is_empty());
        drop(after);
        assert!(reclaimer.state.lock().unwrap().doomed.is_empty());
    }
}
