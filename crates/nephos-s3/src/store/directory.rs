//! The data files.
//!
//! A file is written among the incoming ones and moved to its place after the metadata refers to
//! it, so that what a crash leaves behind is found by looking at the incoming files alone.

use super::record::BlobId;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// How many folders the files are spread over: a folder with a million entries is slow to list.
const FOLDERS: u64 = 64;

/// The folder tree that holds the data files.
#[derive(Clone)]
pub(crate) struct BlobDirectory {
    root: std::sync::Arc<PathBuf>,
}

impl BlobDirectory {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: std::sync::Arc::new(root.to_owned()) }
    }

    fn folder(&self, id: BlobId) -> PathBuf {
        self.root.join(format!("{:02x}", id % FOLDERS))
    }

    fn settled(&self, id: BlobId) -> PathBuf {
        self.folder(id).join(format!("{id:016x}"))
    }

    fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    fn arriving(&self, id: BlobId) -> PathBuf {
        self.incoming().join(format!("{id:016x}"))
    }

    /// Makes the folders, if they are missing; says whether they were.
    pub(crate) fn prepare(&self) -> io::Result<bool> {
        if self.incoming().is_dir() {
            return Ok(false);
        }
        for folder in 0..FOLDERS {
            std::fs::create_dir_all(self.folder(folder))?;
        }
        // Made last: where it stands, the others do.
        std::fs::create_dir_all(self.incoming())?;
        sync_folder(&self.root)?;
        Ok(true)
    }

    /// A new file among the incoming ones.
    pub(crate) fn create(&self, id: BlobId) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(self.arriving(id))
    }

    /// Opens a file, which may be moved to its place meanwhile.
    pub(crate) fn open(&self, id: BlobId) -> io::Result<File> {
        let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        match File::open(self.settled(id)) {
            Err(error) if missing(&error) => match File::open(self.arriving(id)) {
                Err(error) if missing(&error) => File::open(self.settled(id)),
                opened => opened,
            },
            opened => opened,
        }
    }

    /// Makes the name of a new file durable; its content is the caller's matter.
    pub(crate) fn sync_incoming(&self) -> io::Result<()> {
        sync_folder(&self.incoming())
    }

    /// Moves files to their places, once the metadata refers to them. One that cannot be moved is
    /// found where it is, and moved at the next start.
    pub(crate) fn settle(&self, ids: &[BlobId]) {
        for id in ids {
            let _ = std::fs::rename(self.arriving(*id), self.settled(*id));
        }
    }

    /// Removes files. Returns those that are still there.
    pub(crate) fn remove(&self, ids: &[BlobId]) -> Vec<BlobId> {
        let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let remains = |id: &BlobId| match std::fs::remove_file(self.settled(*id)) {
            Err(error) if missing(&error) => {
                std::fs::remove_file(self.arriving(*id)).is_err_and(|error| !missing(&error))
            }
            removed => removed.is_err(),
        };
        ids.iter().copied().filter(remains).collect()
    }

    /// What a crash left among the incoming files: the ones the metadata refers to are moved, the
    /// others are removed.
    pub(crate) fn recover(
        &self,
        mut known: impl FnMut(BlobId) -> Result<bool, redb::Error>,
    ) -> Result<(), redb::Error> {
        for entry in std::fs::read_dir(self.incoming())? {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| BlobId::from_str_radix(name, 16).ok());
            // Anything that is not named like a data file is not ours to remove.
            let Some(id) = id else { continue };
            if known(id)? {
                std::fs::rename(entry.path(), self.settled(id))?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Makes the names of what is in a new directory durable, its own, and those above it, which may
/// be as new. Where we may not look, others made the folders.
pub(super) fn sync_names(home: &Path) -> io::Result<()> {
    sync_folder(home)?;
    let home = home.canonicalize()?;
    let _ = home.ancestors().skip(1).try_for_each(sync_folder);
    Ok(())
}

/// On Unix a new name is durable once its folder is; elsewhere a folder cannot be flushed.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
