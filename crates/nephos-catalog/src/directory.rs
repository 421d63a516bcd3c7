//! Provider documents in a directory: the file side of a registry.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::document::Document;
use crate::load::{LoadedService, provider, service};
use crate::registry::is_hidden;
use crate::{CatalogError, Provider, ProviderVersion};

/// Providers of a directory laid out as `<provider>/<version>/provider.yaml`.
pub struct ProviderDirectory {
    source: PathBuf,
    /// Provider name to its documents; listing reads every `provider.yaml` once.
    providers: Vec<Provider>,
    /// Services are parsed on first use and kept: a service document may take seconds.
    services: Mutex<HashMap<String, Arc<LoadedService>>>,
}

impl ProviderDirectory {
    /// Lists the providers below `source`. A provider whose `provider.yaml` cannot be read fails.
    pub fn open(source: &Path) -> Result<Self, CatalogError> {
        let mut providers = Vec::new();
        for directory in subdirectories(source)? {
            let Some(version) = newest(&subdirectories(&directory)?) else { continue };
            let path = version.join("provider.yaml");
            if !path.is_file() {
                continue;
            }
            let document = Document::parse(&path.display().to_string(), &read(&path)?)?;
            let label = version.file_name().unwrap_or_default().to_string_lossy();
            providers.push(provider(&document, &label)?);
        }
        providers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { source: source.to_owned(), providers, services: Mutex::default() })
    }

    pub(crate) fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The service whose document is `path` below the source directory.
    pub(crate) fn service(&self, path: &str) -> Result<Arc<LoadedService>, CatalogError> {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = services.get(path) {
            return Ok(found.clone());
        }
        let file = existing(&self.source, path);
        let document = Document::parse(&file.display().to_string(), &read(&file)?)?;
        let loaded = Arc::new(service(&document)?);
        services.insert(path.to_owned(), loaded.clone());
        Ok(loaded)
    }
}

/// The file a document refers to; a name that differs only in case is found too, as documents were
/// made on file systems that do not tell the difference.
fn existing(source: &Path, path: &str) -> PathBuf {
    let file = source.join(path);
    if file.exists() {
        return file;
    }
    let (Some(parent), Some(name)) = (file.parent(), file.file_name()) else { return file };
    std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .find(|entry| entry.file_name().eq_ignore_ascii_case(name))
        .map_or(file.clone(), |entry| entry.path())
}

fn read(path: &Path) -> Result<String, CatalogError> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn subdirectories(path: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let visible =
        entries.flatten().filter(|entry| !is_hidden(&entry.file_name().to_string_lossy()));
    Ok(visible.map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

/// The version directory that is preferred.
fn newest(versions: &[PathBuf]) -> Option<PathBuf> {
    let version = |path: &&PathBuf| {
        ProviderVersion::new(&path.file_name().unwrap_or_default().to_string_lossy())
    };
    versions.iter().max_by_key(version).cloned()
}

fn unreadable(path: &Path, error: &std::io::Error) -> CatalogError {
    CatalogError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}
