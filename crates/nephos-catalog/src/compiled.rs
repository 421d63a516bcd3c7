//! Compiled forms: what documents say, ready to use.
//!
//! A service is an archive of its own: an index (the heads of its resources, its faults) and one
//! blob a resource, so that a look at one resource decodes no other. A provider is an archive with
//! the provider as index and its services as blobs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::archive::{self, Archive, Blob, Blobs, Bytes, Damaged, Key, digest};
use crate::assemble::{Text, assemble};
use crate::document::Document;
use crate::load::{LoadedService, provider, service};
use crate::{CatalogError, Provider, Resource, Service};

/// Changes with the sources of this crate, and so with the model and the meaning of a document.
const STAMP: &str = concat!(env!("CARGO_PKG_VERSION"), " ", env!("NEPHOS_CATALOG_SOURCES"));

/// The key of what was made from `parts` by this version.
pub(crate) fn key<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
    digest(std::iter::once(STAMP.as_bytes()).chain(parts))
}

/// A document besides the first that a service was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dependency {
    /// Path below `src`.
    pub(crate) path: String,
    /// Digest of the file; `None` where it could not be read.
    pub(crate) digest: Option<Key>,
}

#[derive(Serialize, Deserialize)]
struct ServiceIndex {
    service: Service,
    dependencies: Vec<Dependency>,
    resources: Vec<Blob>,
}

/// A service in compiled form.
pub(crate) struct CompiledService {
    archive: Archive<ServiceIndex>,
}

impl CompiledService {
    /// The bytes of a service, `dependencies` kept with them.
    pub(crate) fn write(
        loaded: &LoadedService,
        dependencies: Vec<Dependency>,
        key: &Key,
    ) -> Result<Vec<u8>, postcard::Error> {
        let mut blobs = Blobs::default();
        let mut resources = Vec::new();
        for resource in &loaded.resources {
            resources.push(blobs.add(&postcard::to_stdvec(resource)?));
        }
        let service = loaded.service.clone();
        let index = postcard::to_stdvec(&ServiceIndex { service, dependencies, resources })?;
        Ok(archive::write(key, &index, &blobs))
    }

    /// Reads the index.
    pub(crate) fn open(bytes: Bytes, key: &Key) -> Result<Self, Damaged> {
        let archive = Archive::<ServiceIndex>::open(bytes, key)?;
        let whole = archive.index.resources.len() == archive.index.service.resources.len();
        if whole { Ok(Self { archive }) } else { Err(Damaged) }
    }

    pub(crate) fn service(&self) -> &Service {
        &self.archive.index.service
    }

    pub(crate) fn dependencies(&self) -> &[Dependency] {
        &self.archive.index.dependencies
    }

    /// Decodes the resource at a position of the service's `resources`.
    pub(crate) fn resource(&self, position: usize) -> Result<Resource, Damaged> {
        self.archive.decode(self.archive.index.resources.get(position).ok_or(Damaged)?)
    }
}

#[derive(Serialize, Deserialize)]
struct ProviderIndex {
    provider: Provider,
    services: Vec<Blob>,
}

/// A provider in compiled form.
pub struct CompiledProvider {
    archive: Archive<ProviderIndex>,
}

/// Compiles a provider from its documents. `read` gives the text of a document by its path below
/// `src`; a service whose document cannot be read is an error.
pub fn compile(
    provider_document: &str,
    version: &str,
    read: impl Fn(&str) -> Result<String, CatalogError>,
) -> Result<Vec<u8>, CatalogError> {
    let provider = provider(&Document::parse("provider.yaml", provider_document)?, version)?;
    let key = key([]);
    let mut blobs = Blobs::default();
    let mut services = Vec::new();
    for head in &provider.services {
        let document =
            assemble(head, &mut |path| Ok(Text { name: path.to_owned(), text: read(path)? }))?;
        let bytes = CompiledService::write(&service(&document, &provider, head)?, Vec::new(), &key)
            .map_err(|error| malformed(&head.document, &error))?;
        services.push(blobs.add(&bytes));
    }
    let index = postcard::to_stdvec(&ProviderIndex { provider, services })
        .map_err(|error| malformed("provider.yaml", &error))?;
    Ok(archive::write(&key, &index, &blobs))
}

impl CompiledProvider {
    /// Reads the index of `bytes`.
    pub fn open(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, CatalogError> {
        let archive = Archive::open(bytes.into().into(), &key([]))
            .map_err(|error| malformed("compiled provider", &error))?;
        Ok(Self { archive })
    }

    pub(crate) fn provider(&self) -> &Provider {
        &self.archive.index.provider
    }

    /// The service of this name.
    pub(crate) fn service(&self, name: &str) -> Result<CompiledService, CatalogError> {
        let index = &self.archive.index;
        let position = index.provider.services.iter().position(|service| service.name == name);
        let open = || {
            let blob = index.services.get(position?)?;
            CompiledService::open(self.archive.part(blob).ok()?, &key([])).ok()
        };
        open().ok_or_else(|| malformed(&format!("{}.{name}", index.provider.name), &Damaged))
    }
}

/// The bytes of a provider's own document.
pub(crate) fn write_provider(provider: &Provider, key: &Key) -> Result<Vec<u8>, postcard::Error> {
    Ok(archive::write(key, &postcard::to_stdvec(provider)?, &Blobs::default()))
}

/// The provider of [`write_provider`].
pub(crate) fn read_provider(bytes: Bytes, key: &Key) -> Result<Provider, Damaged> {
    Ok(Archive::open(bytes, key)?.index)
}

pub(crate) fn malformed(document: &str, reason: &impl ToString) -> CatalogError {
    CatalogError::Malformed { document: document.to_owned(), reason: reason.to_string() }
}
