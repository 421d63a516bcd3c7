//! Providers on the disk, and how one replaces another.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::document::Document;
use crate::{CatalogError, load};

use super::archive::{ArchiveLimits, read_archive};
use super::naming::{is_hidden, part, provider_name};
use super::signature::Verifier;

/// The directory beside the providers in which pulls work.
const WORKSHOP: &str = ".pull";

/// One version of a provider on its way in.
///
/// Everything is written to a directory of its own, which is renamed when it is complete. A process
/// that ends in between leaves the provider as it was, and its leftovers to the next pull.
#[derive(Debug)]
pub struct Installation {
    /// `<src>/<dir>`.
    provider: PathBuf,
    directory: String,
    version: String,
    archive: PathBuf,
    staging: TempDir,
    /// Other pulls of this provider wait until the file is closed.
    _lock: File,
}

impl Installation {
    /// Begins to install `version` in `<source>/<directory>`; waits for other processes that
    /// install the same provider, and removes what those that were killed have left.
    pub fn begin(source: &Path, directory: &str, version: &str) -> Result<Self, CatalogError> {
        let directory = part("provider", directory)?;
        let version = part("version", version)?;
        let workshop = source.join(WORKSHOP).join(&directory);
        fs::create_dir_all(&workshop).map_err(|error| unwritable(&workshop, &error))?;
        let path = workshop.join("lock");
        let lock = File::options().create(true).append(true).open(&path);
        let lock = lock.map_err(|error| unwritable(&path, &error))?;
        match lock.lock() {
            // Nobody can wait for anybody on such a file system.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            locked => locked.map_err(|error| unwritable(&path, &error))?,
        }
        for left in entries(&workshop)? {
            if left.is_dir() {
                // One that cannot be removed is in nobody's way.
                let _ = fs::remove_dir_all(&left);
            }
        }
        let staging = tempfile::Builder::new().prefix("incoming-").tempdir_in(&workshop);
        let staging = staging.map_err(|error| unwritable(&workshop, &error))?;
        let files = staging.path().join("version").join("services");
        fs::create_dir_all(&files).map_err(|error| unwritable(&files, &error))?;
        let archive = staging.path().join("archive");
        let provider = source.join(&directory);
        Ok(Self { provider, directory, version, archive, staging, _lock: lock })
    }

    /// The file that an archive is to be written to before [`Installation::unpack`].
    pub fn archive(&self) -> Result<File, CatalogError> {
        File::create(&self.archive).map_err(|error| unwritable(&self.archive, &error))
    }

    /// Unpacks the archive; `name` stands in messages.
    pub fn unpack(&self, name: &str, limits: &ArchiveLimits) -> Result<(), CatalogError> {
        let archive =
            File::open(&self.archive).map_err(|error| unwritable(&self.archive, &error))?;
        read_archive(name, io::BufReader::new(archive), &self.version, limits, |path, content| {
            self.write(name, path, content)
        })
    }

    /// Adds one document, `provider.yaml` or `services/<name>.yaml`, or the `.sig` of one.
    pub fn add(&self, name: &str, path: &str, content: &[u8]) -> Result<(), CatalogError> {
        let file = path.strip_prefix("services/").unwrap_or(path);
        part("document", file)?;
        self.write(name, path, &mut { content })
    }

    fn write(&self, name: &str, path: &str, content: &mut dyn Read) -> Result<(), CatalogError> {
        let file = self.version_directory().join(path);
        let target = File::create_new(&file).map_err(|error| unwritable(&file, &error))?;
        let mut target = BufWriter::new(target);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = content.read(&mut buffer).map_err(|error| CatalogError::Archive {
                archive: name.to_owned(),
                file: Some(path.to_owned()),
                reason: super::archive::reason(&error),
            })?;
            if read == 0 {
                return target.flush().map_err(|error| unwritable(&file, &error));
            }
            target.write_all(&buffer[..read]).map_err(|error| unwritable(&file, &error))?;
        }
    }

    /// The names of the service documents that `provider.yaml` refers to, as `services/<name>`.
    pub fn services(&self) -> Result<Vec<String>, CatalogError> {
        let prefix = format!("{}/{}/", self.directory, self.version);
        let provider = self.read_provider()?;
        let mut services: Vec<String> = Vec::new();
        for service in provider.services {
            let reference = service.document;
            let path = reference
                .strip_prefix(&prefix)
                .filter(|path| path.strip_prefix("services/").is_some_and(super::naming::is_part));
            let path = path.ok_or_else(|| CatalogError::Malformed {
                document: format!("{prefix}provider.yaml"),
                reason: format!("service {} refers to {reference:?}", service.name),
            })?;
            if !services.iter().any(|known| known == path) {
                services.push(path.to_owned());
            }
        }
        Ok(services)
    }

    /// Verifies every document against the `.sig` beside it, and that `provider.yaml` is one of the
    /// provider that is meant.
    pub fn verify(&self, name: &str, verifier: &Verifier) -> Result<(), CatalogError> {
        let root = self.version_directory();
        let mut files = entries(&root)?;
        files.extend(entries(&root.join("services"))?);
        files.sort();
        for file in files.iter().filter(|_| verifier.is_strict()) {
            if file.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let path = file.strip_prefix(&root).unwrap_or(file).display().to_string();
            let refused = |reason: String| CatalogError::Signature {
                archive: name.to_owned(),
                file: path.clone(),
                reason,
            };
            let signature = match fs::read(file.with_extension("yaml.sig")) {
                Ok(signature) => signature,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(refused("it has no signature".to_owned()));
                }
                Err(error) => return Err(unwritable(file, &error)),
            };
            let document = fs::read(file).map_err(|error| unwritable(file, &error))?;
            let full = format!("{}/{}/{path}", self.directory, self.version);
            verifier.verify(&full, document, &signature).map_err(refused)?;
        }
        let found = self.read_provider()?.name;
        if found != provider_name(&self.directory) {
            return Err(CatalogError::Archive {
                archive: name.to_owned(),
                file: Some("provider.yaml".to_owned()),
                reason: format!("it is of provider {found}"),
            });
        }
        Ok(())
    }

    fn read_provider(&self) -> Result<crate::Provider, CatalogError> {
        let path = self.version_directory().join("provider.yaml");
        let shown = format!("{}/{}/provider.yaml", self.directory, self.version);
        let text = fs::read_to_string(&path).map_err(|error| CatalogError::Malformed {
            document: shown.clone(),
            reason: error.to_string(),
        })?;
        load::provider(&Document::parse(&shown, &text)?, &self.version)
    }

    /// Puts the version in its place and removes all others of the provider.
    pub fn commit(self) -> Result<(), CatalogError> {
        let new = self.version_directory();
        sync(&new).map_err(|error| unwritable(&new, &error))?;
        fs::create_dir_all(&self.provider).map_err(|error| unwritable(&self.provider, &error))?;
        let target = self.provider.join(&self.version);
        if target.exists() {
            // One exchange: there is no moment without the version.
            exchange(&new, &target).map_err(|error| unwritable(&target, &error))?;
        } else {
            fs::rename(&new, &target).map_err(|error| unwritable(&target, &error))?;
        }
        for (number, other) in entries(&self.provider)?.into_iter().enumerate() {
            let name = other.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name == self.version || is_hidden(&name) || !other.is_dir() {
                continue;
            }
            // Out of sight first: half a version must never be seen.
            let removed = self.staging.path().join(format!("removed-{number}"));
            fs::rename(&other, &removed).map_err(|error| unwritable(&other, &error))?;
        }
        // What is left in the staging directory goes with it.
        Ok(())
    }

    fn version_directory(&self) -> PathBuf {
        self.staging.path().join("version")
    }
}

/// Both directories take each other's place.
fn exchange(new: &Path, target: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;

        match renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE) {
            // A file system that cannot.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            done => return done.map_err(io::Error::from),
        }
    }
    let old = new.with_extension("old");
    fs::rename(target, &old)?;
    fs::rename(new, target).inspect_err(|_| {
        let _ = fs::rename(&old, target);
    })
}

/// Writes everything below `path` to the disk, so that a power cut leaves no empty documents.
fn sync(path: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        Ok(rustix::fs::syncfs(File::open(path)?)?)
    }
    #[cfg(not(target_os = "linux"))]
    {
        for directory in [path.to_owned(), path.join("services")] {
            for entry in fs::read_dir(directory)? {
                let entry = entry?.path();
                if entry.is_file() {
                    File::options().append(true).open(entry)?.sync_all()?;
                }
            }
        }
        Ok(())
    }
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    let listed = fs::read_dir(path).map_err(|error| unwritable(path, &error))?;
    Ok(listed.flatten().map(|entry| entry.path()).collect())
}

fn unwritable(path: &Path, error: &io::Error) -> CatalogError {
    CatalogError::Unwritable { path: path.to_owned(), reason: error.to_string() }
}
