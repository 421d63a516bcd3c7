//! The one writer of the metadata file.
//!
//! `redb` has one write transaction at a time and a durable commit costs a disk flush, so that
//! changes which wait for each other share one: whatever has arrived while the last commit was
//! being flushed goes into the next.

use super::reclaim::Reclaimer;
use super::tables::Tables;
use super::{BlobDirectory, Fail};
use crate::error::internal;
use redb::Database;
use s3s::S3Result;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// More changes than this in one transaction would make the first of them wait for the last.
const MAX_BATCH: usize = 256;

/// One change, from its request to its answer.
trait Change: Send {
    /// Makes the change. An error means that the whole transaction must be given up.
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), String>;
    /// Answers: with what `apply` found, or with the failure of the commit.
    fn answer(self: Box<Self>, failure: Option<&str>);
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
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), String> {
        let Some(change) = self.change.take() else {
            return Ok(());
        };
        self.found = Some(match change(tables) {
            Ok(value) => Ok(value),
            Err(Fail::Refused(error)) => Err(error),
            Err(Fail::Broken(reason)) => return Err(reason),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&str>) {
        let answer = match (failure, self.found) {
            (None, Some(found)) => found,
            (reason, _) => Err(internal(reason.unwrap_or("the change was not made"))),
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

impl Committer {
    pub(crate) fn start(
        database: Arc<Database>,
        directory: BlobDirectory,
        reclaimer: Arc<Reclaimer>,
    ) -> std::io::Result<Self> {
        let (changes, arriving) = mpsc::channel::<Box<dyn Change>>();
        let thread =
            std::thread::Builder::new().name("nephos-s3-commit".to_owned()).spawn(move || {
                while let Ok(first) = arriving.recv() {
                    let mut batch = vec![first];
                    batch.extend(arriving.try_iter().take(MAX_BATCH - 1));
                    match commit(&database, &mut batch) {
                        Ok(doomed) => {
                            for change in batch {
                                change.answer(None);
                            }
                            directory.remove(&reclaimer.doom(doomed));
                        }
                        Err(reason) => {
                            for change in batch {
                                change.answer(Some(&reason));
                            }
                        }
                    }
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

fn commit(database: &Database, batch: &mut [Box<dyn Change>]) -> Result<Vec<u64>, String> {
    let txn = database.begin_write().map_err(|error| error.to_string())?;
    let doomed = {
        let mut tables = Tables::open(&txn).map_err(|error| error.to_string())?;
        for change in batch {
            change.apply(&mut tables)?;
        }
        tables.doomed
    };
    txn.commit().map_err(|error| error.to_string())?;
    Ok(doomed)
}
