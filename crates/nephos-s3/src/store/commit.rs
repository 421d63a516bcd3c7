//! The one writer of the metadata file.
//!
//! `redb` has one write transaction at a time and a durable commit costs a disk flush, so that
//! changes which wait for each other share one: whatever has arrived while the last commit was
//! being flushed goes into the next. A change that fails is taken out and the others are made again
//! without it, so that one unreadable record does not stand in the way of everybody.

use super::fail::Breakage;
use super::held::Held;
use super::master::Master;
use super::reclaim::Reclaimer;
use super::record::BlobId;
use super::staged::Unpublished;
use super::tables::{COUNTERS, DOOMED, FILES, Tables};
use super::{BlobDirectory, Fail};
use crate::error::internal;
use redb::{Database, ReadableDatabase, WriteTransaction};
use s3s::S3Result;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// More changes than this in one transaction would make the first of them wait for the last.
const MAX_BATCH: usize = 256;

/// How many numbers are reserved at a time. A crash skips what is left of them.
const RESERVED: u64 = 1 << 20;

/// One change, from its request to its answer.
trait Change: Send {
    /// Makes the change. An error means that the whole transaction must be given up, and that the
    /// change is made again in another one, unless the error is its own.
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), Breakage>;
    /// Answers: with what `apply` found, or with the failure of the commit.
    fn answer(self: Box<Self>, failure: Option<&Breakage>);
}

struct Pending<F, T> {
    change: F,
    found: Option<S3Result<T>>,
    reply: oneshot::Sender<S3Result<T>>,
}

impl<F, T> Change for Pending<F, T>
where
    F: Fn(&mut Tables<'_>) -> Result<T, Fail> + Send,
    T: Send,
{
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), Breakage> {
        // The tables are dropped with their transaction, so nobody sees what a panic leaves.
        let made = catch_unwind(AssertUnwindSafe(|| (self.change)(tables)));
        self.found = Some(match made {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Fail::Refused(error))) => Err(error),
            Ok(Err(Fail::Broken(breakage))) => return Err(breakage),
            Err(_) => return Err(Breakage::new("a change of the metadata panicked")),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&Breakage>) {
        let Self { change, found, reply } = *self;
        // Its files go before the answer, if they are not kept.
        drop(change);
        let answer = match (failure, found) {
            (None, Some(found)) => found,
            (None, None) => Err(internal("the change was not made")),
            (Some(breakage), _) => Err(breakage.error()),
        };
        // A caller that has gone away does not need its answer.
        let _ = reply.send(answer);
    }
}

/// The thread that commits, and the way to it.
pub(crate) struct Committer {
    changes: Option<mpsc::Sender<Box<dyn Change>>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
struct Writer {
    held: Arc<Held>,
    directory: BlobDirectory,
    reclaimer: Arc<Reclaimer>,
    /// The next number for blobs, manifests and versions.
    next: Arc<AtomicU64>,
    /// Numbers below this one may be given out.
    reserved: u64,
    master: Arc<Master>,
    /// Whether the metadata file says which key is in use.
    key_recorded: bool,
    /// Files of commits that failed half-way: what the metadata file says of them is not known
    /// before it has been opened again.
    unresolved: Vec<Files>,
}

impl Committer {
    pub(crate) fn start(
        held: Arc<Held>,
        directory: BlobDirectory,
        reclaimer: Arc<Reclaimer>,
        next: Arc<AtomicU64>,
        master: Arc<Master>,
    ) -> std::io::Result<Self> {
        let (changes, arriving) = mpsc::channel::<Box<dyn Change>>();
        let mut writer = Writer {
            held,
            directory,
            reclaimer,
            next,
            reserved: 0,
            master,
            key_recorded: false,
            unresolved: Vec::new(),
        };
        let thread =
            std::thread::Builder::new().name("nephos-s3-commit".to_owned()).spawn(move || {
                while let Ok(first) = arriving.recv() {
                    let mut batch = vec![first];
                    batch.extend(arriving.try_iter().take(MAX_BATCH - 1));
                    writer.work(batch);
                }
            })?;
        Ok(Self { changes: Some(changes), thread: Some(thread) })
    }

    /// Makes a change and waits until it is kept.
    pub(crate) async fn commit<T, F>(&self, change: F) -> S3Result<T>
    where
        F: Fn(&mut Tables<'_>) -> Result<T, Fail> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let pending = Box::new(Pending { change, found: None, reply });
        if let Some(changes) = &self.changes {
            // If the thread is gone, so is the receiver of the answer, which says so below.
            let _ = changes.send(pending);
        }
        answer.await.unwrap_or_else(|_| Err(internal("the metadata file is closed")))
    }
}

impl Drop for Committer {
    /// The thread must be gone before the directory can be opened again.
    fn drop(&mut self) {
        self.changes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Data files whose state a commit changes.
struct Files {
    published: Vec<Arc<Unpublished>>,
    doomed: Vec<BlobId>,
}

/// Why a transaction was not committed.
enum Failure {
    /// One change, by its place, cannot be made. The others can.
    Change(usize, Breakage),
    /// None can, and none was.
    Transaction(Breakage),
    /// The commit itself failed. It may have happened nevertheless.
    Commit(Breakage, Files),
}

impl From<Breakage> for Failure {
    fn from(breakage: Breakage) -> Self {
        Self::Transaction(breakage)
    }
}

impl From<redb::Error> for Failure {
    fn from(error: redb::Error) -> Self {
        Self::Transaction(error.into())
    }
}

impl Writer {
    fn work(&mut self, mut batch: Vec<Box<dyn Change>>) {
        while !batch.is_empty() {
            let breakage = match self.commit(&mut batch) {
                Ok(files) => {
                    for file in &files.published {
                        file.keep();
                    }
                    for change in batch {
                        change.answer(None);
                    }
                    return self.settle(files);
                }
                Err(Failure::Change(place, breakage)) if !breakage.stuck => {
                    batch.remove(place).answer(Some(&breakage));
                    continue;
                }
                Err(Failure::Change(_, breakage) | Failure::Transaction(breakage)) => breakage,
                Err(Failure::Commit(breakage, files)) => {
                    for file in &files.published {
                        file.keep();
                    }
                    self.unresolved.push(files);
                    breakage
                }
            };
            for change in batch {
                change.answer(Some(&breakage));
            }
            // If this fails as well, the next change tries again.
            if breakage.stuck && self.held.reopen().is_ok() {
                let _ = self.resolve();
            }
            return;
        }
    }

    /// Does with the files what a commit says of them.
    fn settle(&self, files: Files) {
        let published: Vec<BlobId> = files.published.iter().map(|file| file.id).collect();
        self.directory.settle(&published);
        self.reclaimer.doom(files.doomed, &self.directory);
    }

    /// Finds out what became of commits that failed half-way.
    fn resolve(&mut self) -> Result<(), Breakage> {
        if self.unresolved.is_empty() {
            return Ok(());
        }
        let database = self.held.get().map_err(|error| Breakage::new(error.0))?;
        let read = || -> Result<_, redb::Error> {
            let txn = database.begin_read()?;
            Ok((txn.open_table(FILES)?, txn.open_table(DOOMED)?))
        };
        let (known, listed) = read()?;
        let mut unwanted = Vec::new();
        let mut kept = Files { published: Vec::new(), doomed: Vec::new() };
        for files in &self.unresolved {
            for file in &files.published {
                if known.get(file.id).map_err(redb::Error::from)?.is_some() {
                    kept.published.push(Arc::clone(file));
                } else {
                    unwanted.push(file.id);
                }
            }
            for id in &files.doomed {
                if listed.get(id).map_err(redb::Error::from)?.is_some() {
                    kept.doomed.push(*id);
                }
            }
        }
        self.unresolved.clear();
        // One that cannot be removed is found at the next start.
        self.directory.remove(&unwanted);
        self.settle(kept);
        Ok(())
    }

    fn commit(&mut self, batch: &mut [Box<dyn Change>]) -> Result<Files, Failure> {
        if self.held.get().is_err() {
            self.held.reopen()?;
        }
        // What cannot be found out now is asked again the next time, and by the next start.
        let _ = self.resolve();
        let database = self.held.get().map_err(|error| Breakage::new(error.0))?;
        let removed = self.reclaimer.take_removed();
        self.transact(&database, batch, &removed).inspect_err(|_| self.reclaimer.restore(removed))
    }

    fn transact(
        &mut self,
        database: &Database,
        batch: &mut [Box<dyn Change>],
        removed: &[BlobId],
    ) -> Result<Files, Failure> {
        let mut txn = database.begin_write().map_err(redb::Error::from)?;
        // A file that was not closed is then opened without a walk through all of it.
        txn.set_quick_repair(true);
        let files = {
            let mut tables = Tables::open(&txn, &self.next).map_err(redb::Error::from)?;
            for (place, change) in batch.iter_mut().enumerate() {
                change.apply(&mut tables).map_err(|error| Failure::Change(place, error))?;
            }
            Files { published: tables.published, doomed: tables.doomed }
        };
        list_doomed(&txn, &files.doomed, removed)?;
        let reserved = self.reserve(&txn)?;
        let key_recorded = self.record_key(&txn)?;
        if let Err(error) = txn.commit() {
            return Err(Failure::Commit(Breakage::of_commit(error.into()), files));
        }
        self.reserved = reserved;
        self.key_recorded = key_recorded;
        Ok(files)
    }

    /// Sees to it that no number is given out twice, whenever the process ends. Half of a
    /// reservation is kept for what is staged before the next commit.
    fn reserve(&self, txn: &WriteTransaction) -> Result<u64, redb::Error> {
        let next = self.next.load(Ordering::Relaxed);
        if next + RESERVED / 2 < self.reserved {
            return Ok(self.reserved);
        }
        let reserved = next + RESERVED;
        txn.open_table(COUNTERS)?.insert("next", reserved)?;
        Ok(reserved)
    }

    /// Sees to it that the key is known before, or in the same commit as, what is encrypted with
    /// it. Says whether it is.
    fn record_key(&self, txn: &WriteTransaction) -> Result<bool, redb::Error> {
        if self.key_recorded {
            return Ok(true);
        }
        let Some(fingerprint) = self.master.fingerprint() else {
            return Ok(false);
        };
        txn.open_table(COUNTERS)?.insert("key", fingerprint)?;
        Ok(true)
    }
}

/// Keeps the list of files that are to be removed, so that a crash loses track of none.
fn list_doomed(
    txn: &WriteTransaction,
    doomed: &[BlobId],
    removed: &[BlobId],
) -> Result<(), redb::Error> {
    if doomed.is_empty() && removed.is_empty() {
        return Ok(());
    }
    let mut table = txn.open_table(DOOMED)?;
    for id in doomed {
        table.insert(id, ())?;
    }
    for id in removed {
        table.remove(id)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Intent, Staged, Store};
    use crate::{Options, clock};
    use bytes::Bytes;
    use futures::poll;
    use redb::ReadableTableMetadata;
    use std::path::Path;
    use std::pin::pin;

    fn broken() -> Fail {
        Fail::Broken(Breakage::new("a record cannot be read"))
    }

    async fn staged(store: &Store) -> Staged {
        let body = Bytes::from(vec![7; 20_000]);
        let intent = Intent {
            length: crate::store::Length::Exact(body.len() as u64),
            algorithm: None,
            md5_tag: true,
            md5: false,
            sha256: false,
            secret: None,
        };
        store.stage(futures::stream::iter([Ok(body)]), intent).await.unwrap()
    }

    fn data_files(dir: &Path) -> usize {
        std::fs::read_dir(dir.join("data"))
            .unwrap()
            .map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count())
            .sum()
    }

    #[tokio::test]
    async fn a_change_that_fails_takes_no_other_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).unwrap();
        let files = [staged(&store).await, staged(&store).await, staged(&store).await];
        let [first, second, third] = files;
        // Until the gate opens, all that is sent waits for one commit.
        let (open, gate) = mpsc::channel::<()>();
        let mut gated = pin!(store.commit(move |_| Ok(gate.recv().is_ok())));
        let mut one = pin!(store.commit(move |tables| tables.publish(&first)));
        let mut two = pin!(store.commit(move |tables| {
            tables.publish(&second)?;
            Err::<(), _>(broken())
        }));
        let mut three = pin!(store.commit(move |_| -> Result<(), Fail> { panic!("on purpose") }));
        let mut four = pin!(store.commit(move |tables| tables.publish(&third)));
        assert!(poll!(&mut gated).is_pending());
        assert!(poll!(&mut one).is_pending());
        assert!(poll!(&mut two).is_pending());
        assert!(poll!(&mut three).is_pending());
        assert!(poll!(&mut four).is_pending());
        drop(open);
        gated.await.unwrap();
        one.await.unwrap();
        assert!(two.await.unwrap_err().message().unwrap().contains("cannot be read"));
        assert!(three.await.unwrap_err().message().unwrap().contains("panicked"));
        four.await.unwrap();
        store.commit(|_| Ok(clock::now())).await.unwrap();
        let known = store.read().unwrap().open_table(FILES).unwrap().len().unwrap();
        assert_eq!((known, data_files(dir.path())), (2, 2));
    }
}
