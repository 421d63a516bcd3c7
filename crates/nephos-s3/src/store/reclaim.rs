//! When a data file that nobody refers to may go.
//!
//! A reader of an object with thousands of parts cannot hold every file open, so it holds a lease
//! instead. Until it has found its files, every file dropped meanwhile stays; from then on its own
//! files do, and a reader that never comes to an end keeps no others.

use super::BlobDirectory;
use super::record::BlobId;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many removals that failed are tried again when files are dropped: what stands in their way
/// may stay there.
const RETRIES: usize = 64;

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
    /// When each living lease was taken that may be used for any file.
    leases: BTreeSet<u64>,
    /// How many leases each file has that are for certain files.
    readers: HashMap<BlobId, usize>,
    /// Dropped files that a lease for any file may still be used for, by the time they were
    /// dropped.
    doomed: VecDeque<(u64, Vec<BlobId>)>,
    /// Dropped files that get no new readers, and have some.
    awaited: HashSet<BlobId>,
    /// Files that could not be removed.
    left: VecDeque<BlobId>,
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
            for id in self.doomed.pop_front().into_iter().flat_map(|(_, ids)| ids) {
                if self.readers.contains_key(&id) {
                    self.awaited.insert(id);
                } else {
                    removable.push(id);
                }
            }
        }
        removable
    }

    /// Ends the reading of a file; says whether it was dropped and can go now.
    fn close(&mut self, id: BlobId) -> bool {
        let Some(readers) = self.readers.get_mut(&id) else {
            return false;
        };
        *readers -= 1;
        if *readers > 0 {
            return false;
        }
        self.readers.remove(&id);
        self.awaited.remove(&id)
    }
}

/// The right to read what was visible when it was taken.
pub(crate) struct Lease {
    reclaimer: Arc<Reclaimer>,
    directory: BlobDirectory,
    reach: Reach,
}

enum Reach {
    /// Whatever was visible at this time.
    Any(u64),
    /// These files.
    Only(Vec<BlobId>),
}

impl Reclaimer {
    /// Must be taken before the metadata is read that the lease is for.
    pub(crate) fn lease(self: &Arc<Self>, directory: BlobDirectory) -> Lease {
        let mut state = self.state();
        let taken = state.tick();
        state.leases.insert(taken);
        drop(state);
        Lease { reclaimer: Arc::clone(self), directory, reach: Reach::Any(taken) }
    }

    /// Adds dropped files and removes those that nobody reads.
    pub(crate) fn doom(&self, ids: Vec<BlobId>, directory: &BlobDirectory) {
        if ids.is_empty() {
            return;
        }
        let removable = {
            let mut state = self.state();
            let now = state.tick();
            state.doomed.push_back((now, ids));
            let mut removable = state.take_removable();
            let retried = state.left.len().min(RETRIES);
            removable.extend(state.left.drain(..retried));
            removable
        };
        self.remove(removable, directory);
    }

    /// Unlinking is slow next to the rest, and done without the lock.
    fn remove(&self, mut ids: Vec<BlobId>, directory: &BlobDirectory) {
        if ids.is_empty() {
            return;
        }
        let left = directory.remove(&ids);
        ids.retain(|id| !left.contains(id));
        let mut state = self.state();
        state.removed.extend(ids);
        state.left.extend(left);
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

impl Lease {
    /// Gives up all but some of the files that were visible.
    pub(crate) fn narrow(&mut self, files: Vec<BlobId>) {
        let Reach::Any(taken) = self.reach else { return };
        let removable = {
            let mut state = self.reclaimer.state();
            for id in &files {
                *state.readers.entry(*id).or_default() += 1;
            }
            state.leases.remove(&taken);
            state.take_removable()
        };
        self.reach = Reach::Only(files);
        self.reclaimer.remove(removable, &self.directory);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let removable = {
            let mut state = self.reclaimer.state();
            match &self.reach {
                Reach::Any(taken) => {
                    state.leases.remove(taken);
                    state.take_removable()
                }
                Reach::Only(files) => files.iter().copied().filter(|id| state.close(*id)).collect(),
            }
        };
        self.reclaimer.remove(removable, &self.directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, BlobDirectory) {
        let dir = tempfile::tempdir().unwrap();
        let directory = BlobDirectory::new(dir.path());
        directory.prepare().unwrap();
        (dir, directory)
    }

    #[test]
    fn a_file_waits_for_the_readers_that_came_before_its_removal() {
        let (_dir, directory) = directory();
        let reclaimer = Arc::new(Reclaimer::default());
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

    #[test]
    fn a_reader_keeps_no_files_but_its_own() {
        let (_dir, directory) = directory();
        let reclaimer = Arc::new(Reclaimer::default());
        let mut first = reclaimer.lease(directory.clone());
        let mut second = reclaimer.lease(directory.clone());
        reclaimer.doom(vec![1, 2], &directory);
        first.narrow(vec![1, 3]);
        assert!(reclaimer.take_removed().is_empty());
        second.narrow(vec![1]);
        assert_eq!(reclaimer.take_removed(), [2]);
        reclaimer.doom(vec![3, 4], &directory);
        assert_eq!(reclaimer.take_removed(), [4]);
        drop(first);
        assert_eq!(reclaimer.take_removed(), [3]);
        drop(second);
        assert_eq!(reclaimer.take_removed(), [1]);
        assert!(reclaimer.state().readers.is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_removed_is_tried_again() {
        let (dir, directory) = directory();
        let reclaimer = Reclaimer::default();
        // A folder is not removed as a file is.
        let obstacle = dir.path().join("01").join(format!("{:016x}", 1));
        std::fs::create_dir(&obstacle).unwrap();
        reclaimer.doom(vec![1, 2], &directory);
        assert_eq!(reclaimer.take_removed(), [2]);
        std::fs::remove_dir(&obstacle).unwrap();
        reclaimer.doom(vec![3], &directory);
        assert_eq!(reclaimer.take_removed(), [3, 1]);
    }
}
