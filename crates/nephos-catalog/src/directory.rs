//! Provider documents in a directory: the file side of a registry.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::archive::{Damaged, Key, digest};
use crate::assemble::{Text, assemble};
use crate::cache::Cache;
use crate::compiled::{self, CompiledService, Dependency, malformed};
use crate::document::Document;
use crate::files::{self, Version};
use crate::load::{provider, service};
use crate::{CatalogError, Provider, Resource, ServiceHead};

/// Providers of a directory laid out as `<provider>/<version>/provider.yaml`.
///
/// Opening it lists directories; a document is read when it is first asked for.
pub struct ProviderDirectory {
    source: PathBuf,
    cache: Option<Cache>,
    entries: Vec<Entry>,
    /// What was loaded once stays: a document that changes meanwhile is seen by the next process.
    services: Mutex<HashMap<(String, String), Arc<Slot>>>,
}

/// The newest version of a provider.
struct Entry {
    version: Version,
    /// The provider and the digest of its document.
    provider: OnceLock<Result<(Provider, Key), CatalogError>>,
}

/// A service that is loaded when it is first asked for, by one thread.
type Slot = Mutex<Option<Arc<CompiledService>>>;

impl ProviderDirectory {
    /// Lists the providers below `source`.
    pub fn open(source: &Path) -> Result<Self, CatalogError> {
        let versions = files::providers(source)?;
        let entries =
            versions.into_iter().map(|version| Entry { version, provider: OnceLock::new() });
        Ok(Self {
            source: source.to_owned(),
            cache: None,
            entries: entries.collect(),
            services: Mutex::default(),
        })
    }

    /// Keeps compiled forms in `folder`, which is made when there is one to keep. A folder that
    /// cannot be written is not an error.
    pub fn with_cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(Cache::at(folder.into()));
        self
    }

    /// All providers whose `provider.yaml` is usable, by directory.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.entries.iter().filter_map(|entry| Some(&self.load(entry).ok()?.0))
    }

    /// The provider of exactly this name. The directory of that name is looked at first, so that
    /// most names cost one document; that it is broken is an error.
    pub(crate) fn provider(&self, name: &str) -> Result<Option<&Provider>, CatalogError> {
        let called = |entry: &&Entry| entry.version.is_of(name);
        if let Some(entry) = self.entries.iter().find(called) {
            let (provider, _) = self.load(entry)?;
            if provider.name == name {
                return Ok(Some(provider));
            }
        }
        Ok(self.providers().find(|provider| provider.name == name))
    }

    /// The resources of a service, without what is in them.
    pub(crate) fn service(
        &self,
        provider: &str,
        head: &ServiceHead,
    ) -> Result<Arc<CompiledService>, CatalogError> {
        let slot = self.slot(provider, head);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = &*slot {
            return Ok(found.clone());
        }
        let found = Arc::new(self.read_service(provider, head, true)?);
        *slot = Some(found.clone());
        Ok(found)
    }

    /// The resource at a position of the service's `resources`.
    pub(crate) fn resource(
        &self,
        provider: &str,
        head: &ServiceHead,
        position: usize,
    ) -> Result<Resource, CatalogError> {
        if let Ok(resource) = self.service(provider, head)?.resource(position) {
            return Ok(resource);
        }
        // The cache was emptied or damaged after the service was opened.
        let slot = self.slot(provider, head);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let anew = Arc::new(self.read_service(provider, head, false)?);
        *slot = Some(anew.clone());
        anew.resource(position).map_err(|error| malformed(&head.document, &error))
    }

    fn slot(&self, provider: &str, head: &ServiceHead) -> Arc<Slot> {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        services.entry((provider.to_owned(), head.name.clone())).or_default().clone()
    }

    fn load<'a>(&self, entry: &'a Entry) -> Result<&'a (Provider, Key), CatalogError> {
        let loaded = entry.provider.get_or_init(|| self.read_provider(&entry.version));
        loaded.as_ref().map_err(Clone::clone)
    }

    fn read_provider(&self, version: &Version) -> Result<(Provider, Key), CatalogError> {
        let path = version.document();
        let bytes = files::read(&path)?;
        let key = compiled::key([b"provider".as_slice(), version.label.as_bytes(), &bytes]);
        if let Some(cache) = &self.cache
            && let Ok(cached) = cache.get(&key)
            && let Ok(provider) = compiled::read_provider(cached, &key)
        {
            return Ok((provider, key));
        }
        let name = path.display().to_string();
        let document = Document::parse(&name, &files::utf8(&path, bytes)?)?;
        let provider = provider(&document, &version.label)?;
        if let Some(cache) = &self.cache
            && let Ok(bytes) = compiled::write_provider(&provider, &key)
        {
            cache.put(&key, &bytes);
        }
        Ok((provider, key))
    }

    /// Reads a service from the cache, or from its documents and into the cache.
    fn read_service(
        &self,
        name: &str,
        head: &ServiceHead,
        may_be_cached: bool,
    ) -> Result<CompiledService, CatalogError> {
        let loaded = self.entries.iter().find_map(|entry| {
            let loaded = self.load(entry).ok()?;
            (loaded.0.name == name).then_some((&entry.version, loaded))
        });
        let (version, (provider, provider_key)) = loaded.ok_or_else(|| CatalogError::Unknown {
            kind: "provider",
            name: name.to_owned(),
            within: None,
            nearest: Vec::new(),
        })?;
        let first = if head.register.is_empty() { &head.document } else { &head.register };
        let first_bytes = files::read(&files::locate(&self.source, version, first)?)?;
        // The provider's document counts, too: a service inherits from it.
        let key = compiled::key([
            b"service".as_slice(),
            provider_key,
            head.name.as_bytes(),
            &first_bytes,
        ]);
        if let Some(cache) = &self.cache
            && may_be_cached
            && let Ok(found) = cache.get(&key).and_then(|bytes| CompiledService::open(bytes, &key))
            && self.is_current(version, found.dependencies())
        {
            return Ok(found);
        }
        let mut first_bytes = Some(first_bytes);
        let mut dependencies = Vec::new();
        let document = assemble(head, &mut |path| {
            let file = files::locate(&self.source, version, path);
            let read = match first_bytes.take() {
                Some(bytes) => Ok(bytes),
                None => {
                    let read = file.clone().and_then(|file| files::read(&file));
                    let digest = read.as_ref().ok().map(|bytes| digest([bytes.as_slice()]));
                    dependencies.push(Dependency { path: path.to_owned(), digest });
                    read
                }
            };
            let (file, bytes) = (file?, read?);
            Ok(Text { name: file.display().to_string(), text: files::utf8(&file, bytes)? })
        })?;
        let bytes =
            CompiledService::write(&service(&document, provider, head)?, dependencies, &key)
                .map_err(|error| malformed(&document.name, &error))?;
        if let Some(cache) = &self.cache {
            cache.put(&key, &bytes);
        }
        CompiledService::open(bytes.into(), &key)
            .map_err(|Damaged| malformed(&document.name, &"its compiled form cannot be read"))
    }

    /// Whether the other documents of a service are what they were.
    fn is_current(&self, version: &Version, dependencies: &[Dependency]) -> bool {
        dependencies.iter().all(|dependency| {
            let file = files::locate(&self.source, version, &dependency.path);
            let bytes = file.and_then(|file| files::read(&file)).ok();
            bytes.map(|bytes| digest([bytes.as_slice()])) == dependency.digest
        })
    }
}
