//! Compiled forms on the disk.
//!
//! A file is named after its key, which is the digest of everything that it was made from: it is
//! never changed, so that processes may share the folder without locks. It is written under another
//! name and renamed, and checked when it is read; what is damaged is written again. A folder that
//! cannot be written makes things slower and nothing else.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::archive::{Bytes, Damaged, Key};

/// When the files have more bytes, the ones that were used longest ago are removed.
const MAX_BYTES: u64 = 1 << 30;
/// A file that nobody has used for so long is removed.
const MAX_AGE: Duration = Duration::from_hours(90 * 24);
/// A file is marked as used once in this time.
const MARK_EVERY: Duration = Duration::from_hours(24);
/// A file that is being written for longer was left by a process that was killed.
const MAX_WRITE: Duration = Duration::from_hours(1);
const SUFFIX: &str = ".compiled";
const UNFINISHED: &str = ".unfinished";

/// A folder of compiled forms.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
    max_bytes: u64,
}

impl Cache {
    /// A cache in `folder`, which is made when something is put there.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder, max_bytes: MAX_BYTES }
    }

    fn path(&self, key: &Key) -> PathBuf {
        let mut name = String::new();
        for byte in key {
            let _ = write!(name, "{byte:02x}");
        }
        name.push_str(SUFFIX);
        self.folder.join(name)
    }

    /// The bytes under `key`, to be checked by the reader.
    pub(crate) fn get(&self, key: &Key) -> Result<Bytes, Damaged> {
        let path = self.path(key);
        let bytes = Bytes::of_file(path.clone())?;
        if age(&path).is_some_and(|age| age > MARK_EVERY)
            && let Ok(file) = fs::File::options().append(true).open(&path)
        {
            // A folder that cannot be written has nothing to remove either.
            let _ = file.set_modified(SystemTime::now());
        }
        Ok(bytes)
    }

    /// Puts bytes under `key`; that they could not be put is nobody's business.
    pub(crate) fn put(&self, key: &Key, bytes: &[u8]) {
        if self.write(&self.path(key), bytes).is_ok() {
            self.clean();
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(&self.folder)?;
        let turn = WRITES.fetch_add(1, Ordering::Relaxed);
        let unfinished = path.with_extension(format!("{}-{turn}{UNFINISHED}", std::process::id()));
        let written = fs::File::create(&unfinished)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Removes what is too old or too much.
    fn clean(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let Ok(about) = entry.metadata() else { continue };
            let age = about.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
            let limit = match () {
                () if name.ends_with(SUFFIX) => MAX_AGE,
                () if name.ends_with(UNFINISHED) => MAX_WRITE,
                // Somebody else's.
                () => continue,
            };
            if age > limit {
                let _ = fs::remove_file(entry.path());
            } else if name.ends_with(SUFFIX) {
                files.push((age, about.len(), entry.path()));
            }
        }
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        if total <= self.max_bytes {
            return;
        }
        // Down to three quarters, so that not every write removes something.
        files.sort_by_key(|file| std::cmp::Reverse(file.0));
        for (_, length, path) in files {
            if total <= self.max_bytes / 4 * 3 {
                break;
            }
            let _ = fs::remove_file(path);
            total -= length;
        }
    }
}

fn age(path: &Path) -> Option<Duration> {
    fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    fn make_older(path: &Path, by: Duration) {
        let file = fs::File::options().append(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - by).unwrap();
    }

    #[test]
    fn the_oldest_files_make_room_and_foreign_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { max_bytes: 1000, ..Cache::at(folder.path().to_owned()) };
        fs::write(folder.path().join("notes.txt"), [0; 5000]).unwrap();
        for key in 0..5 {
            cache.put(&[key; 32], &[key; 200]);
            make_older(&cache.path(&[key; 32]), Duration::from_secs(u64::from(10 - key)));
        }
        assert_eq!(names(folder.path()), 6);
        cache.put(&[5; 32], &[5; 200]);
        let there: Vec<bool> = (0..6).map(|key| cache.path(&[key; 32]).exists()).collect();
        assert_eq!(there, [false, false, false, true, true, true]);
        assert!(folder.path().join("notes.txt").exists());
    }

    #[test]
    fn what_nobody_uses_goes_and_a_use_is_marked() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned());
        cache.put(&[1; 32], b"old");
        cache.put(&[2; 32], b"used");
        for key in [1, 2] {
            make_older(&cache.path(&[key; 32]), MAX_AGE + MARK_EVERY);
        }
        cache.get(&[2; 32]).unwrap();
        let left = folder.path().join(format!("x.1-2{UNFINISHED}"));
        fs::write(&left, "half").unwrap();
        make_older(&left, MAX_WRITE * 2);
        cache.put(&[3; 32], b"new");
        assert!(!cache.path(&[1; 32]).exists() && !left.exists());
        assert!(cache.path(&[2; 32]).exists() && cache.path(&[3; 32]).exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let cache = Cache::at(file.path().join("below"));
        cache.put(&[1; 32], b"x");
        assert!(cache.get(&[1; 32]).is_err());
    }
}
