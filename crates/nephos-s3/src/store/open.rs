//! Opening a directory: the lock, the check of its format, and what a crash left behind.

use super::commit::Committer;
use super::directory::sync_names;
use super::held::Held;
use super::master::Master;
use super::reclaim::Reclaimer;
use super::record::BlobId;
use super::tables::{COUNTERS, DOOMED, FILES, FORMAT, Tables};
use super::{BlobDirectory, Store};
use crate::multibuffer::Hashers;
use crate::{Durability, OpenError, Options};
use redb::{Database, ReadableDatabase, ReadableTable};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// The layout of tables and folders.
const KNOWN_FORMAT: u32 = 3;

/// How long to wait for a short command that has the directory open.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look whether it has finished.
const LOOK: Duration = Duration::from_millis(20);

/// The file that holds the URL of a listening endpoint.
pub(crate) fn endpoint_file(dir: &Path) -> PathBuf {
    dir.join("endpoint")
}

impl Store {
    pub(crate) fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        std::fs::create_dir_all(dir).map_err(OpenError::io("create", dir))?;
        let path = dir.join("meta.redb");
        let held = Arc::new(wait_for(dir, &path, options.durability)?);
        // The lock is ours, so an endpoint file is one that a killed process left.
        let _ = std::fs::remove_file(endpoint_file(dir));
        let broken = |reason: String| OpenError::Corrupt { path: path.clone(), reason };
        let database = held.get().map_err(|error| broken(error.0))?;
        let counters = prepare(dir, &database, &broken)?;
        let next = Arc::new(AtomicU64::new(counters.next));
        let data = dir.join("data");
        let directory = BlobDirectory::new(&data);
        if directory.prepare().map_err(OpenError::io("create", &data))? {
            sync_names(dir).map_err(OpenError::io("flush", dir))?;
        }
        clean_up(&database, &directory)
            .map_err(|error| OpenError::io("clean up", &data)(std::io::Error::other(error)))?;
        drop(database);
        let reclaimer = Arc::new(Reclaimer::default());
        let master = Arc::new(Master::new(dir, counters.key));
        let committer = Committer::start(
            Arc::clone(&held),
            directory.clone(),
            Arc::clone(&reclaimer),
            Arc::clone(&next),
            Arc::clone(&master),
        )
        .map_err(OpenError::io("start the writer of", &path))?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let hashers = Hashers::start(cores).map_err(OpenError::io("start threads for", &path))?;
        Ok(Self {
            committer,
            held,
            directory,
            reclaimer,
            durability: options.durability,
            md5_tags: options.etag == crate::EtagMode::Md5,
            master,
            next,
            hashers: Arc::new(hashers),
            home: dir.to_owned(),
        })
    }
}

/// Opens the metadata file. If another process has it and does not listen, it is a command that
/// will soon be done.
fn wait_for(dir: &Path, path: &Path, durability: Durability) -> Result<Held, OpenError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(held) = Held::open(path.to_owned(), durability)? {
            return Ok(held);
        }
        let endpoint = std::fs::read_to_string(endpoint_file(dir))
            .ok()
            .map(|url| url.trim().to_owned())
            .filter(|url| !url.is_empty());
        if endpoint.is_some() || Instant::now() >= deadline {
            return Err(OpenError::InUse { dir: dir.to_owned(), endpoint });
        }
        std::thread::sleep(LOOK);
    }
}

/// What the metadata file says of itself.
struct Counters {
    /// The lowest number that was never given out.
    next: u64,
    /// The fingerprint of the key that things are encrypted with, if any may be.
    key: Option<u64>,
}

/// Checks the format and makes the tables.
fn prepare(
    dir: &Path,
    database: &Database,
    broken: &dyn Fn(String) -> OpenError,
) -> Result<Counters, OpenError> {
    let mut txn = database.begin_write().map_err(|error| broken(error.to_string()))?;
    txn.set_quick_repair(true);
    let found = format(&txn).map_err(|error| broken(error.to_string()))?;
    if found > KNOWN_FORMAT {
        return Err(OpenError::TooNew { dir: dir.to_owned(), found, known: KNOWN_FORMAT });
    }
    if found < KNOWN_FORMAT {
        return Err(OpenError::TooOld { dir: dir.to_owned(), found, known: KNOWN_FORMAT });
    }
    let counters = make_tables(&txn).map_err(|error| broken(error.to_string()))?;
    txn.commit().map_err(|error| broken(error.to_string()))?;
    Ok(counters)
}

fn format(txn: &redb::WriteTransaction) -> Result<u32, redb::Error> {
    let mut table = txn.open_table(FORMAT)?;
    let found = table.get("layout")?.map(|row| row.value());
    if let Some(found) = found {
        return Ok(found);
    }
    table.insert("layout", KNOWN_FORMAT)?;
    Ok(KNOWN_FORMAT)
}

fn make_tables(txn: &redb::WriteTransaction) -> Result<Counters, redb::Error> {
    drop(Tables::open(txn, &AtomicU64::new(0))?);
    txn.open_table(DOOMED)?;
    let counters = txn.open_table(COUNTERS)?;
    let next = counters.get("next")?.map(|row| row.value());
    let key = counters.get("key")?.map(|row| row.value());
    Ok(Counters { next: next.unwrap_or(1), key })
}

/// Removes the data files that a crash left, in time that grows with their number only: files are
/// listed as doomed before they are removed, and incoming until they are referred to.
fn clean_up(database: &Database, directory: &BlobDirectory) -> Result<(), redb::Error> {
    let txn = database.begin_read()?;
    let doomed: Vec<BlobId> = txn
        .open_table(DOOMED)?
        .iter()?
        .map(|row| row.map(|(id, _)| id.value()))
        .collect::<Result<_, _>>()?;
    let left = directory.remove(&doomed);
    let files = txn.open_table(FILES)?;
    directory.recover(|id| Ok(files.get(id)?.is_some()))?;
    drop((files, txn));
    if doomed.len() == left.len() {
        return Ok(());
    }
    let mut txn = database.begin_write()?;
    txn.set_quick_repair(true);
    {
        let mut table = txn.open_table(DOOMED)?;
        for id in doomed.into_iter().filter(|id| !left.contains(id)) {
            table.remove(id)?;
        }
    }
    txn.commit()?;
    Ok(())
}
