//! The key of SSE-S3 and SSE-KMS, and the file in the directory that holds it.
//!
//! What is encrypted with a key can be read with that key only, so there is one for the life of a
//! directory. The metadata file keeps its fingerprint, in the commit of the first thing that needs
//! the key or an earlier one: a key file that was lost is told by it from one that was never made.

use crate::encryption::Secret;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The key, read or made when it is first needed.
pub(crate) struct Master {
    path: PathBuf,
    /// The fingerprint of the key that was in use before the directory was opened.
    known: Option<u64>,
    key: OnceLock<Secret>,
    /// Held while the file is looked for and made, so that two first writes make one key. A plain
    /// mutex: it is needed once.
    looking: Mutex<()>,
}

impl Master {
    pub(super) fn new(home: &Path, known: Option<u64>) -> Self {
        Self {
            path: home.join("encryption.key"),
            known,
            key: OnceLock::new(),
            looking: Mutex::new(()),
        }
    }

    /// The file that holds the key.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The fingerprint of the key, if anything can have been encrypted with it by now.
    pub(super) fn fingerprint(&self) -> Option<u64> {
        self.key.get().map(Secret::fingerprint)
    }

    /// The key of something that is encrypted. It is never made here: a new one would not fit.
    pub(super) fn read(&self) -> io::Result<Secret> {
        self.get(|| Err(lost()))
    }

    /// The key for a write. It is made if there never was one.
    pub(super) fn read_or_make(&self) -> io::Result<Secret> {
        self.get(|| if self.known.is_none() { make(&self.path) } else { Err(lost()) })
    }

    fn get(&self, absent: impl FnOnce() -> io::Result<Secret>) -> io::Result<Secret> {
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let key = match read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => absent()?,
            found => found?,
        };
        if self.known.is_some_and(|known| known != key.fingerprint()) {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "it holds another key than the one that objects are encrypted with",
            ));
        }
        let key = self.key.get_or_init(|| key).clone();
        drop(looking);
        Ok(key)
    }
}

fn lost() -> io::Error {
    io::Error::new(
        ErrorKind::NotFound,
        "the key file is missing, and without it nothing that is encrypted can be read; put it back",
    )
}

fn read(path: &Path) -> io::Result<Secret> {
    let text = std::fs::read_to_string(path)?;
    let bytes = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Secret::new).ok_or_else(|| {
        io::Error::new(ErrorKind::InvalidData, "it does not hold 64 hexadecimal digits")
    })
}

/// The file appears under its name with all of the key in it, never in place of another, and is on
/// the disk before anything is encrypted with it. Whoever made it, what it holds is the key.
fn make(path: &Path) -> io::Result<Secret> {
    let draft = path.with_extension(format!("{:016x}.new", rand::random::<u64>()));
    let published = write(&draft).and_then(|()| match std::fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let _ = std::fs::remove_file(&draft);
    published?;
    if let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
        File::open(folder)?.sync_all()?;
    }
    read(path)
}

/// Writes a new key into a file that only the owner of the directory may read.
fn write(draft: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    file.write_all(hex::encode(rand::random::<[u8; 32]>()).as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let made = Master::new(dir.path(), None).read_or_make().unwrap();
        assert!(Master::new(dir.path(), None).read().unwrap() == made);
        std::fs::write(dir.path().join("encryption.key"), "short").unwrap();
        assert!(Master::new(dir.path(), None).read_or_make().is_err());
    }

    #[test]
    fn first_uses_at_the_same_time_make_one_key() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            // Two of them, so that the file decides where no mutex is shared.
            let masters = [(); 2].map(|()| Master::new(dir.path(), None));
            let start = std::sync::Barrier::new(8);
            let keys: Vec<Secret> = std::thread::scope(|scope| {
                let use_it = |at: usize| {
                    start.wait();
                    masters[at % 2].read_or_make().unwrap()
                };
                let threads: Vec<_> = (0..8).map(|at| scope.spawn(move || use_it(at))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let kept = Master::new(dir.path(), None).read().unwrap();
            assert!(keys.iter().all(|key| *key == kept));
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_lost_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Master::new(dir.path(), None).read().is_err());
        let made = Master::new(dir.path(), None).read_or_make().unwrap().fingerprint();
        std::fs::remove_file(dir.path().join("encryption.key")).unwrap();
        assert!(Master::new(dir.path(), Some(made)).read_or_make().is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        Master::new(dir.path(), None).read_or_make().unwrap();
        assert!(Master::new(dir.path(), Some(made)).read().is_err());
    }
}
