//! Opening a directory: the lock, the check of its format, and what a crash left behind.

use super::backend::Unflushed;
use super::commit::Committer;
use super::reclaim::Reclaimer;
use super::record::{BlobId, CompletedRecord, decode};
use super::tables::{COMPLETED, FILES, FORMAT, MANIFESTS, ROWS, Tables};
use super::{BlobDirectory, Store};
use crate::{Durability, OpenError, Options, clock};
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableTable, StorageError};
use std::collections::HashSet;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// The layout of tables and folders.
const KNOWN_FORMAT: u32 = 1;

/// `redb` would take 1 GiB; the metadata of a local endpoint is small.
const CACHE: usize = 32 << 20;

/// How long to wait for a short command that has the directory open.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look whether it has finished.
const LOOK: Duration = Duration::from_millis(20);

/// How long the answer of a completed upload can be repeated.
const REPEATABLE_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// The file that holds the URL of a listening endpoint.
pub(crate) fn endpoint_file(dir: &Path) -> PathBuf {
    dir.join("endpoint")
}

impl Store {
    pub(crate) fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        std::fs::create_dir_all(dir).map_err(OpenError::io("create", dir))?;
        let path = dir.join("meta.redb");
        let database = wait_for(dir, &path, options.durability)?;
        // The lock is ours, so an endpoint file is one that a killed process left.
        let _ = std::fs::remove_file(endpoint_file(dir));
        let database = Arc::new(database);
        let corrupt = |error: String| OpenError::Corrupt { path: path.clone(), reason: error };
        let (files, highest) = prepare(dir, &database, &corrupt)?;
        let data = dir.join("data");
        let directory = BlobDirectory::new(&data);
        directory.prepare().map_err(OpenError::io("create", &data))?;
        directory.sweep(&files).map_err(OpenError::io("clean up", &data))?;
        let reclaimer = Arc::new(Reclaimer::default());
        let committer =
            Committer::start(Arc::clone(&database), directory.clone(), Arc::clone(&reclaimer))
                .map_err(OpenError::io("start the writer of", &path))?;
        Ok(Self {
            committer,
            database,
            directory,
            reclaimer,
            durability: options.durability,
            next: AtomicU64::new(highest + 1),
            home: dir.to_owned(),
        })
    }
}

/// Opens the metadata file. If another process has it and does not listen, it is a command that
/// will soon be done.
fn wait_for(dir: &Path, path: &Path, durability: Durability) -> Result<Database, OpenError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(database) = open_database(path, durability)? {
            return Ok(database);
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

/// None if somebody else has it open.
fn open_database(path: &Path, durability: Durability) -> Result<Option<Database>, OpenError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(OpenError::io("open", path))?;
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    let opened = FileBackend::new(file).and_then(|backend| match durability {
        Durability::Fsync => builder.create_with_backend(backend),
        Durability::None => builder.create_with_backend(Unflushed(backend)),
    });
    match opened {
        Ok(database) => Ok(Some(database)),
        Err(DatabaseError::DatabaseAlreadyOpen) => Ok(None),
        Err(DatabaseError::Storage(StorageError::Io(source)))
            if source.kind() != std::io::ErrorKind::InvalidData =>
        {
            Err(OpenError::io("open", path)(source))
        }
        Err(error) => Err(OpenError::Corrupt { path: path.to_owned(), reason: error.to_string() }),
    }
}

/// Checks the format, makes the tables, forgets old answers; returns the data files that are
/// referred to and the highest number in use.
fn prepare(
    dir: &Path,
    database: &Database,
    corrupt: &dyn Fn(String) -> OpenError,
) -> Result<(HashSet<BlobId>, u64), OpenError> {
    let txn = database.begin_write().map_err(|error| corrupt(error.to_string()))?;
    let found = format(&txn).map_err(|error| corrupt(error.to_string()))?;
    if found > KNOWN_FORMAT {
        return Err(OpenError::TooNew { dir: dir.to_owned(), found, known: KNOWN_FORMAT });
    }
    let state = survey(&txn).map_err(|error| corrupt(error.to_string()))?;
    txn.commit().map_err(|error| corrupt(error.to_string()))?;
    Ok(state)
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

fn survey(txn: &redb::WriteTransaction) -> Result<(HashSet<BlobId>, u64), redb::Error> {
    drop(Tables::open(txn)?);
    let mut highest = 0;
    let mut files = HashSet::new();
    for row in txn.open_table(FILES)?.iter()? {
        let id = row?.0.value();
        highest = highest.max(id);
        files.insert(id);
    }
    if let Some((id, _)) = txn.open_table(ROWS)?.last()? {
        highest = highest.max(id.value());
    }
    if let Some((id, _)) = txn.open_table(MANIFESTS)?.last()? {
        highest = highest.max(id.value());
    }
    let horizon = clock::now() - REPEATABLE_MILLIS;
    txn.open_table(COMPLETED)?.retain(|_, row| {
        decode::<CompletedRecord>(row).is_ok_and(|record| record.completed > horizon)
    })?;
    Ok((files, highest))
}
