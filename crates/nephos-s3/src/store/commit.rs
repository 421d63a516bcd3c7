//! The one writer of the metadata file.
//!
//! `redb` has one write transaction at a time and a durable commit costs a disk flush, so that
//! changes which wait for each other share one: whatever has arrived while the last commit was
//! being flushed goes into the next.

use super::fail::Breakage;
use super::held::Held;
use super::master::Master;
use super::reclaim::Reclaimer;
use super::record::BlobId;
use super::tables::{COUNTERS, DOOMED, Tables};
use super::{BlobDirectory, Fail};
use crate::error::internal;
use redb::{Database, WriteTransaction};
use s3s::S3Result;
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
    /// Makes the change. An error means that the whole transaction must be given up.
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), Breakage>;
    /// Answers: with what `apply` found, or with the failure of the commit.
    fn answer(self: Box<Self>, failure: Option<&Breakage>);
}

struct Pending<F, T> {
    change: Option<F>,
    found: Option<S3Result<T>>,
    reply: oneshot::Sender<S3Result<T>>,
}

impl<F, T> Change for Pending<F, T>
where
    F: FnOnce(&mut Tables<'_>) -> Result<T, Fail> + Send,
    T: Send,
{
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), Breakage> {
        let Some(change) = self.change.take() else {
            return Ok(());
        };
        self.found = Some(match change(tables) {
            Ok(value) => Ok(value),
            Err(Fail::Refused(error)) => Err(error),
            Err(Fail::Broken(breakage)) => return Err(breakage),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&Breakage>) {
        let answer = match (failure, self.found) {
            (None, Some(found)) => found,
            (None, None) => Err(internal("the change was not made")),
            (Some(breakage), _) => Err(breakage.error()),
        };
        // A caller that has gone away does not need its answer.
        let _ = self.reply.send(answer);
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
        let mut writer =
            Writer { held, directory, reclaimer, next, reserved: 0, master, key_recorded: false };
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
        F: FnOnce(&mut Tables<'_>) -> Result<T, Fail> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let pending = Box::new(Pending { change: Some(change), found: None, reply });
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
    published: Vec<BlobId>,
    doomed: Vec<BlobId>,
}

impl Writer {
    fn work(&mut self, mut batch: Vec<Box<dyn Change>>) {
        let failure = match self.commit(&mut batch) {
            Ok(files) => {
                for change in batch {
                    change.answer(None);
                }
                self.directory.settle(&files.published);
                self.reclaimer.doom(files.doomed, &self.directory);
                return;
            }
            Err(failure) => failure,
        };
        for change in batch {
            change.answer(Some(&failure));
        }
        if failure.stuck {
            // If this fails as well, the next change tries again.
            let _ = self.held.reopen();
        }
    }

    fn commit(&mut self, batch: &mut [Box<dyn Change>]) -> Result<Files, Breakage> {
        let database = match self.held.get() {
            Ok(database) => database,
            Err(_) => {
                self.held.reopen()?;
                self.held.get().map_err(|error| Breakage::new(error.0))?
            }
        };
        let removed = self.reclaimer.take_removed();
        self.transact(&database, batch, &removed).inspect_err(|_| self.reclaimer.restore(removed))
    }

    fn transact(
        &mut self,
        database: &Database,
        batch: &mut [Box<dyn Change>],
        removed: &[BlobId],
    ) -> Result<Files, Breakage> {
        let mut txn = database.begin_write().map_err(redb::Error::from)?;
        // A file that was not closed is then opened without a walk through all of it.
        txn.set_quick_repair(true);
        let files = {
            let mut tables = Tables::open(&txn, &self.next).map_err(redb::Error::from)?;
            for change in batch {
                change.apply(&mut tables)?;
            }
            Files { published: tables.published, doomed: tables.doomed }
        };
        list_doomed(&txn, &files.doomed, removed)?;
        let reserved = self.reserve(&txn)?;
        let key_recorded = self.record_key(&txn)?;
        txn.commit().map_err(redb::Error::from)?;
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
