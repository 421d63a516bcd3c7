//! Who may sign requests: the published pair, and the users of the directory's file.

use crate::identity::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use rand::Rng;
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A user of the endpoint: a name and the keys that requests are signed with.
///
/// `Debug` shows the name and the key id, never a secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct User {
    /// The name, as `Initiator` shows it.
    pub name: String,
    /// The access key id: 20 characters.
    pub access_key_id: String,
    /// The secret access key: 40 characters.
    pub secret_access_key: String,
    /// What requests must carry besides a signature, for temporary keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<String>,
    /// When the keys end, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl User {
    /// A user with new keys; temporary ones, with a session token, if they have a life time.
    pub fn new(name: &str, lifetime: Option<Duration>) -> Self {
        const IDS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut rng = rand::rng();
        let prefix = if lifetime.is_some() { "ASIA" } else { "AKIA" };
        let id: String = (0..16).map(|_| char::from(IDS[rng.random_range(0..IDS.len())])).collect();
        let expires = lifetime.and_then(|lifetime| {
            let until = SystemTime::now() + lifetime;
            let since = until.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            i64::try_from(since.as_secs()).ok()
        });
        Self {
            name: name.to_owned(),
            access_key_id: format!("{prefix}{id}"),
            secret_access_key: Alphanumeric.sample_string(&mut rng, 40),
            session_token: lifetime.map(|_| Alphanumeric.sample_string(&mut rng, 128)),
            expires,
        }
    }

    fn published() -> Self {
        Self {
            name: ACCESS_KEY_ID.to_owned(),
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: SECRET_ACCESS_KEY.to_owned(),
            session_token: None,
            expires: None,
        }
    }
}

/// The file that holds the users of a directory: `users.json`, readable by its owner only.
#[derive(Debug, Clone)]
pub struct UsersFile(PathBuf);

impl UsersFile {
    /// The file of a directory, whether it exists or not.
    pub fn of(dir: &Path) -> Self {
        Self(dir.join("users.json"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// All users; none if there is no file.
    pub fn read(&self) -> io::Result<Vec<User>> {
        match std::fs::read(&self.0) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Changes the users, one process after the other: what `change` is given is what the file
    /// holds, and stays so until it is replaced. A running endpoint knows the users from its next
    /// request on. If `change` fails, so does this, and all stays as it is.
    pub fn update<T, E>(
        &self,
        change: impl FnOnce(&mut Vec<User>) -> Result<T, E>,
    ) -> io::Result<Result<T, E>> {
        if let Some(dir) = self.0.parent() {
            std::fs::create_dir_all(dir)?;
        }
        // The lock has a file of its own, as the other one is replaced. It ends with the handle.
        let lock = private().create(true).truncate(false).open(self.0.with_extension("lock"))?;
        lock.lock()?;
        let mut users = self.read()?;
        let changed = change(&mut users);
        if changed.is_ok() {
            self.write(&users)?;
        }
        Ok(changed)
    }

    pub(crate) fn write(&self, users: &[User]) -> io::Result<()> {
        let draft = self.0.with_extension(format!("{:016x}.new", rand::random::<u64>()));
        let written = write_draft(&draft, users).and_then(|()| std::fs::rename(&draft, &self.0));
        if written.is_err() {
            let _ = std::fs::remove_file(&draft);
        }
        written
    }
}

/// Files that only the owner of the directory may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn write_draft(draft: &Path, users: &[User]) -> io::Result<()> {
    let mut file = private().create_new(true).open(draft)?;
    serde_json::to_writer_pretty(&mut file, users)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// The users that requests are checked against.
pub(crate) struct Users {
    file: UsersFile,
    published: Option<User>,
    /// What the file held when it was last changed. A plain mutex: it is held for a look at the
    /// file's time, and longer only after a change.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    state: Option<State>,
    users: Vec<User>,
}

/// What tells a file from the one that it replaced. The time alone does not: two changes may fall
/// into one tick of the clock of a file system.
#[derive(PartialEq, Eq)]
struct State {
    changed: Option<SystemTime>,
    length: u64,
    #[cfg(unix)]
    inode: u64,
}

impl State {
    fn of(file: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(file).ok()?;
        Some(Self {
            changed: metadata.modified().ok(),
            length: metadata.len(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
        })
    }
}

impl Users {
    pub(crate) fn new(dir: &Path, with_published: bool) -> Self {
        Self {
            file: UsersFile::of(dir),
            published: with_published.then(User::published),
            known: Mutex::default(),
        }
    }

    /// The user of an access key. A file that cannot be read knows nobody new.
    pub(crate) fn find(&self, access_key_id: &str) -> Option<User> {
        if let Some(user) = &self.published
            && user.access_key_id == access_key_id
        {
            return Some(user.clone());
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let state = State::of(self.file.path());
        if state != known.state
            && let Ok(users) = self.file.read()
        {
            *known = Known { state, users };
        }
        known.users.iter().find(|user| user.access_key_id == access_key_id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(dir: &Path, user: &User) {
        let added = UsersFile::of(dir).update(|users| {
            users.push(user.clone());
            Ok::<_, ()>(())
        });
        added.unwrap().unwrap();
    }

    #[test]
    fn users_that_are_added_at_the_same_time_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for number in 0..16 {
                let dir = dir.path();
                scope.spawn(move || add(dir, &User::new(&format!("user{number}"), None)));
            }
        });
        let file = UsersFile::of(dir.path());
        assert_eq!(file.read().unwrap().len(), 16);
        assert!(
            file.update(|users| {
                users.clear();
                Err::<(), _>(())
            })
            .unwrap()
            .is_err()
        );
        assert_eq!(file.read().unwrap().len(), 16);
        #[cfg(unix)]
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let mode = std::os::unix::fs::MetadataExt::mode(&entry.unwrap().metadata().unwrap());
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_change_within_one_tick_of_the_clock_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let users = Users::new(dir.path(), false);
        let (ann, bob) = (User::new("ann", None), User::new("bob", None));
        add(dir.path(), &ann);
        let time = std::fs::metadata(dir.path().join("users.json")).unwrap().modified().unwrap();
        assert!(users.find(&ann.access_key_id).is_some());
        let replaced = UsersFile::of(dir.path()).update(|users| {
            *users = vec![bob.clone()];
            Ok::<_, ()>(())
        });
        replaced.unwrap().unwrap();
        let file = OpenOptions::new().write(true).open(dir.path().join("users.json")).unwrap();
        file.set_modified(time).unwrap();
        assert!(users.find(&ann.access_key_id).is_none());
        assert!(users.find(&bob.access_key_id).is_some());
    }

    #[test]
    fn users_are_found_as_soon_as_they_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let users = Users::new(dir.path(), true);
        assert_eq!(users.find(ACCESS_KEY_ID).unwrap().name, ACCESS_KEY_ID);
        let user = User::new("ann", Some(Duration::from_mins(1)));
        assert!(users.find(&user.access_key_id).is_none());
        add(dir.path(), &user);
        assert_eq!(users.find(&user.access_key_id).unwrap().session_token, user.session_token);
        assert!(Users::new(dir.path(), false).find(ACCESS_KEY_ID).is_none());
        assert!(!format!("{user:?}").contains(&user.secret_access_key));
    }
}
