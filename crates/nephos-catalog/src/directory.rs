//! Provider documents in a directory: the file side of a registry.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::document::{Document, text};
use crate::load::{LoadedService, provider, service};
use crate::{CatalogError, Provider, ServiceHead};

/// The `--registry` value: `{"url": "file:///path", "srcPrefix": "src"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Directory that holds one directory a provider.
    pub source: PathBuf,
}

impl RegistryConfig {
    /// Reads the JSON of `--registry`. `https` registries are refused with the way out.
    pub fn parse(json: &str) -> Result<Self, CatalogError> {
        let value: Value = serde_json::from_str(json).map_err(|error| {
            CatalogError::Registry(format!(
                "{error}; expected JSON such as {{\"url\":\"file:///path\"}}"
            ))
        })?;
        let url = text(&value, "url");
        let Some(path) = url.strip_prefix("file://") else {
            return Err(CatalogError::Registry(format!(
                "url {url:?} is not a file:// URL; registries over the network cannot be read yet, \
                 copy the provider documents to a directory"
            )));
        };
        let prefix = value.get("srcPrefix").and_then(Value::as_str).unwrap_or("src");
        let source = Path::new(path).join(prefix);
        if !source.is_dir() {
            return Err(CatalogError::Registry(format!(
                "{} is not a directory; it should hold one directory a provider",
                source.display()
            )));
        }
        Ok(Self { source })
    }
}

/// Providers of a directory laid out as `<provider>/<version>/provider.yaml`.
pub struct ProviderDirectory {
    source: PathBuf,
    /// Provider name to its documents; listing reads every `provider.yaml` once.
    providers: Vec<Provider>,
    /// Services are parsed on first use and kept: a service document may take seconds.
    services: Mutex<HashMap<String, Arc<LoadedService>>>,
}

impl ProviderDirectory {
    /// Lists the providers of a registry. A provider whose `provider.yaml` cannot be read fails.
    pub fn open(config: &RegistryConfig) -> Result<Self, CatalogError> {
        let mut providers = Vec::new();
        for directory in subdirectories(&config.source)? {
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
        Ok(Self { source: config.source.clone(), providers, services: Mutex::default() })
    }

    pub(crate) fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// A service of a provider of this directory.
    pub(crate) fn service(
        &self,
        provider: &Provider,
        head: &ServiceHead,
    ) -> Result<Arc<LoadedService>, CatalogError> {
        let path = head.document.as_str();
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = services.get(path) {
            return Ok(found.clone());
        }
        let file = existing(&self.source, path);
        let document = Document::parse(&file.display().to_string(), &read(&file)?)?;
        let loaded = Arc::new(service(&document, provider, head)?);
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
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

/// The version directory with the highest version, numbers compared as numbers.
fn newest(versions: &[PathBuf]) -> Option<PathBuf> {
    let key = |path: &PathBuf| -> Vec<u64> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.trim_start_matches('v').split(['.', '-']).map(|n| n.parse().unwrap_or(0)).collect()
    };
    versions.iter().max_by_key(|path| key(path)).cloned()
}

fn unreadable(path: &Path, error: &std::io::Error) -> CatalogError {
    CatalogError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}
