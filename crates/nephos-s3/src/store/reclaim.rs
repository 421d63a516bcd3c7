//! When a data file that nobody refers to may go.
//!
//! A reader of an object with thousands of parts cannot hold every file open, so it holds a lease
//! instead: files dropped while a lease lives stay until every lease taken before has ended.

use super::record::BlobId;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// Files that were removed and that the metadata still lists as doomed.
    removed: Vec<BlobId>,
}

impl State {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// What no living lease can still read.
    fn take_removable(&mut self) -> Vec<BlobId> {
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
        let mut state = self.state();
        let taken = state.tick();
        state.leases.insert(taken);
        drop(state);
        Lease { reclaimer: Arc::clone(self), directory, taken }
    }

    /// Adds dropped files and removes those that nobody reads.
    pub(crate) fn doom(&self, ids: Vec<BlobId>, directory: &super::BlobDirectory) {
        if ids.is_empty() {
            return;
        }
        let removable = {
            let mut state = self.state();
            let now = state.tick();
            state.doomed.push_back((now, ids));
            state.take_removable()
        };
        self.remove(removable, directory);
    }

    /// Unlinking is slow next to the rest, and done without the lock.
    fn remove(&self, ids: Vec<BlobId>, directory: &super::BlobDirectory) {
        directory.remove(&ids);
        self.state().removed.extend(ids);
    }

    /// The files that were removed since the last call.
    pub(crate) fn take_removed(&self) -> Vec<BlobId> {
        std::mem::take(&mut self.state().removed)
    }

    /// Puts back what [`take_removed`](Self::take_removed) gave, if it could not be written down.
    pub(crate) fn restore(&self, removed: Vec<BlobId>) {
        self.state().removed.extend(removed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let removable = {
            let mut state = self.reclaimer.state();
            state.leases.remove(&self.taken);
            state.take_removable()
        };
        if !removable.is_empty() {
            self.reclaimer.remove(removable, &self.directory);
        }
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
        reclaimer.doom(vec![1], &directory);
        assert!(reclaimer.take_removed().is_empty());
        let after = reclaimer.lease(directory.clone());
        drop(before);
        assert_eq!(reclaimer.take_removed(), [1]);
        reclaimer.doom(vec![2], &directory);
        assert!(reclaimer.take_removed().is_empty());
        drop(after);
        assert_eq!(reclaimer.take_removed(), [2]);
    }
}
