//! The metadata file, as it is opened and opened again.
//!
//! After a write that failed, the storage engine refuses everything until its file has been opened
//! anew, which is how a full disk shows. The endpoint must go on when there is room again.

use super::Unavailable;
use super::backend::Unflushed;
use super::fail::Breakage;
use crate::{Durability, OpenError};
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageError};
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

/// `redb` would take 1 GiB; the metadata of a local endpoint is small.
const CACHE: usize = 32 << 20;

/// How long readers may take to let go of a file that failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a reader that finds the file closed leaves it to others to try again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often to look whether they have.
const LOOK: Duration = Duration::from_millis(5);

/// The metadata file.
pub(super) struct Held {
    path: PathBuf,
    durability: Durability,
    /// None while it is being opened again, or if that failed. A lock for reading costs as much
    /// as counting a reference, and there is a writer only after a failure.
    database: RwLock<Option<Arc<Database>>>,
    /// When a reader last tried to open it. Held by whoever opens it, as it can be open only once.
    opening: Mutex<Option<Instant>>,
}

impl Held {
    /// Opens the file; none if somebody else has it open.
    pub(super) fn open(path: PathBuf, durability: Durability) -> Result<Option<Self>, OpenError> {
        let held =
            Self { path, durability, database: RwLock::new(None), opening: Mutex::new(None) };
        Ok(held
            .database()?
            .map(|database| Self { database: RwLock::new(Some(Arc::new(database))), ..held }))
    }

    /// The open file.
    pub(super) fn get(&self) -> Result<Arc<Database>, Unavailable> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner).clone();
        match database {
            Some(database) => Ok(database),
            None => self.try_again(),
        }
    }

    /// Opens the file for a reader, as there may be nobody who writes. Others are not kept waiting
    /// meanwhile.
    fn try_again(&self) -> Result<Arc<Database>, Unavailable> {
        let closed = || Unavailable("the metadata file is not open".to_owned());
        let mut tried = match self.opening.try_lock() {
            Ok(tried) => tried,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(closed()),
        };
        if let Some(database) = &*self.database.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(database));
        }
        if tried.is_some_and(|tried| tried.elapsed() < PAUSE) {
            return Err(closed());
        }
        *tried = Some(Instant::now());
        let opened = Arc::new(self.database()?.ok_or_else(closed)?);
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Opens the file anew, if it failed or is not open.
    pub(super) fn reopen(&self) -> Result<(), Breakage> {
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // Readers hold the old one for the length of a look-up; its lock goes with the last.
        *database = None;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.database() {
                Ok(Some(opened)) => {
                    *database = Some(Arc::new(opened));
                    return Ok(());
                }
                Ok(None) if Instant::now() < deadline => std::thread::sleep(LOOK),
                Ok(None) => return Err(Breakage::new("the metadata file cannot be opened again")),
                Err(error) => return Err(Breakage::new(error.to_string())),
            }
        }
    }

    fn database(&self) -> Result<Option<Database>, OpenError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path)
            .map_err(OpenError::io("open", &self.path))?;
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let opened = FileBackend::new(file).and_then(|backend| match self.durability {
            Durability::Safe => builder.create_with_backend(backend),
            Durability::Fast => builder.create_with_backend(Unflushed(backend)),
        });
        match opened {
            Ok(database) => Ok(Some(database)),
            Err(DatabaseError::DatabaseAlreadyOpen) => Ok(None),
            Err(DatabaseError::Storage(StorageError::Io(source)))
                if source.kind() != std::io::ErrorKind::InvalidData =>
            {
                Err(OpenError::io("open", &self.path)(source))
            }
            Err(error) => {
                Err(OpenError::Corrupt { path: self.path.clone(), reason: error.to_string() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_opens_the_file_again() {
        let dir = tempfile::tempdir().unwrap();
        let (path, away) = (dir.path().join("meta.redb"), dir.path().join("away"));
        let held = Held::open(path.clone(), Durability::Fast).unwrap().unwrap();
        std::fs::rename(&path, &away).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(held.reopen().is_err());
        std::fs::remove_dir(&path).unwrap();
        std::fs::rename(&away, &path).unwrap();
        assert!(held.get().is_ok());
    }
}
