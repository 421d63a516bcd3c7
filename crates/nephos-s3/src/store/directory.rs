//! The data files.

use super::record::BlobId;
use std::collections::HashSet;
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

    fn path(&self, id: BlobId) -> PathBuf {
        self.folder(id).join(format!("{id:016x}"))
    }

    /// Makes the folders that are missing.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        for folder in 0..FOLDERS {
            std::fs::create_dir_all(self.folder(folder))?;
        }
        sync_folder(&self.root)
    }

    /// A new file under its final name. It is invisible until the metadata names it, and a file
    /// the metadata never named is removed at the next start, so no second name is needed.
    pub(crate) fn create(&self, id: BlobId) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(self.path(id))
    }

    pub(crate) fn open(&self, id: BlobId) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Makes a new file's name durable; its content is the caller's matter.
    pub(crate) fn sync_name(&self, id: BlobId) -> io::Result<()> {
        sync_folder(&self.folder(id))
    }

    /// Removes files. One that cannot be removed is found again at the next start.
    pub(crate) fn remove(&self, ids: &[BlobId]) {
        for id in ids {
            let _ = std::fs::remove_file(self.path(*id));
        }
    }

    /// Removes every file that is not in `known`: what a crash left half written, or left behind
    /// between a commit and the removal after it.
    pub(crate) fn sweep(&self, known: &HashSet<BlobId>) -> io::Result<()> {
        for folder in 0..FOLDERS {
            for entry in std::fs::read_dir(self.folder(folder))? {
                let entry = entry?;
                let name = entry.file_name();
                let id = name.to_str().and_then(|name| BlobId::from_str_radix(name, 16).ok());
                // Anything that is not named like a data file is not ours to remove.
                if let Some(id) = id
                    && !known.contains(&id)
                {
                    std::fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }
}

/// On Unix a new name is durable once its folder is; elsewhere a folder cannot be flushed.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
