//! All providers, wherever their documents come from.

use std::sync::Arc;

use crate::load::LoadedService;
use crate::name::{Lookup, lookup, nearest};
use crate::{
    CatalogError, CompiledProvider, Fault, Method, Provider, ProviderDirectory, Resource,
    ResourceHead, ServiceHead,
};

/// Everything that can be named in SQL.
#[derive(Default)]
pub struct Catalog {
    compiled: Vec<CompiledProvider>,
    directory: Option<ProviderDirectory>,
}

impl Catalog {
    /// An empty catalog.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider in compiled form.
    pub fn with_compiled(mut self, provider: CompiledProvider) -> Self {
        self.compiled.push(provider);
        self
    }

    /// Adds a registry's directory. Its providers stand before compiled ones of the same name.
    pub fn with_directory(mut self, directory: ProviderDirectory) -> Self {
        self.directory = Some(directory);
        self
    }

    /// All providers, by name.
    pub fn providers(&self) -> Vec<&Provider> {
        let listed = self.directory.iter().flat_map(ProviderDirectory::providers);
        let mut all: Vec<&Provider> = listed.collect();
        for compiled in &self.compiled {
            let provider = compiled.provider();
            if !all.iter().any(|p| p.name == provider.name) {
                all.push(provider);
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The provider that `name` means.
    pub fn provider(&self, name: &str) -> Result<&Provider, CatalogError> {
        let all = self.providers();
        let names: Vec<&str> = all.iter().map(|p| p.name.as_str()).collect();
        let found = find("provider", name, None, &names)?;
        Ok(all[found])
    }

    /// The service of a provider that `name` means.
    pub fn service(
        &self,
        provider: &str,
        name: &str,
    ) -> Result<(&Provider, &ServiceHead), CatalogError> {
        let provider = self.provider(provider)?;
        let names: Vec<&str> = provider.services.iter().map(|s| s.name.as_str()).collect();
        let found = find("service", name, Some(&provider.name), &names)?;
        Ok((provider, &provider.services[found]))
    }

    /// Resources of a service, by name.
    pub fn resources(
        &self,
        provider: &str,
        service: &str,
    ) -> Result<Vec<ResourceHead>, CatalogError> {
        let (provider, service) = self.service(provider, service)?;
        match self.source(&provider.name)? {
            Source::Directory(directory) => {
                Ok(directory.service(provider, service)?.service.resources.clone())
            }
            Source::Compiled(compiled) => {
                Ok(compiled.service(&service.name).map(|s| s.resources.clone()).unwrap_or_default())
            }
        }
    }

    /// Everything in a service's document that could not be used.
    pub fn faults(&self, provider: &str, service: &str) -> Result<Vec<Fault>, CatalogError> {
        let (provider, service) = self.service(provider, service)?;
        match self.source(&provider.name)? {
            Source::Directory(directory) => {
                Ok(directory.service(provider, service)?.service.faults.clone())
            }
            Source::Compiled(compiled) => {
                Ok(compiled.service(&service.name).map(|s| s.faults.clone()).unwrap_or_default())
            }
        }
    }

    /// The resource that three names mean.
    pub fn resource(
        &self,
        provider: &str,
        service: &str,
        name: &str,
    ) -> Result<ResourceRef, CatalogError> {
        let (provider, service) = self.service(provider, service)?;
        let within = format!("{}.{}", provider.name, service.name);
        let (signing_name, resource, faults) = match self.source(&provider.name)? {
            Source::Directory(directory) => {
                let loaded: Arc<LoadedService> = directory.service(provider, service)?;
                let names: Vec<&str> =
                    loaded.service.resources.iter().map(|r| r.name.as_str()).collect();
                let found = find("resource", name, Some(&within), &names)?;
                (
                    loaded.service.signing_name.clone(),
                    loaded.resources[found].clone(),
                    loaded.service.faults.clone(),
                )
            }
            Source::Compiled(compiled) => {
                let head =
                    compiled.service(&service.name).ok_or_else(|| CatalogError::Malformed {
                        document: within.clone(),
                        reason: "it was not compiled".to_owned(),
                    })?;
                let names: Vec<&str> = head.resources.iter().map(|r| r.name.as_str()).collect();
                let found = find("resource", name, Some(&within), &names)?;
                let resource =
                    compiled.resource(&service.name, names[found])?.ok_or_else(|| {
                        CatalogError::Malformed {
                            document: within.clone(),
                            reason: format!("{name} was not compiled"),
                        }
                    })?;
                (head.signing_name.clone(), resource, head.faults.clone())
            }
        };
        Ok(ResourceRef {
            provider: Arc::new(provider.clone()),
            service: service.name.clone(),
            signing_name,
            resource: Arc::new(resource),
            faults,
        })
    }

    /// Where a provider's documents are; `provider` was found by name before.
    fn source(&self, provider: &str) -> Result<Source<'_>, CatalogError> {
        if let Some(directory) = &self.directory
            && directory.providers().iter().any(|p| p.name == provider)
        {
            return Ok(Source::Directory(directory));
        }
        let found = self.compiled.iter().find(|c| c.provider().name == provider);
        found.map(Source::Compiled).ok_or_else(|| CatalogError::Unknown {
            kind: "provider",
            name: provider.to_owned(),
            within: None,
            nearest: Vec::new(),
        })
    }
}

enum Source<'a> {
    Directory(&'a ProviderDirectory),
    Compiled(&'a CompiledProvider),
}

/// A resource with what is needed to call it.
#[derive(Debug, Clone)]
pub struct ResourceRef {
    /// Its provider.
    pub provider: Arc<Provider>,
    /// Service name in SQL.
    pub service: String,
    /// Service name that requests are signed for.
    pub signing_name: String,
    /// The resource.
    pub resource: Arc<Resource>,
    faults: Vec<Fault>,
}

impl ResourceRef {
    /// `provider.service.resource`.
    pub fn full_name(&self) -> String {
        format!("{}.{}.{}", self.provider.name, self.service, self.resource.head.name)
    }

    /// The method that `name` means.
    pub fn method(&self, name: &str) -> Result<&Method, CatalogError> {
        let names: Vec<&str> = self.resource.methods.iter().map(|m| m.name.as_str()).collect();
        let place = format!("{}.{name}", self.resource.head.name);
        if let Some(fault) = self.faults.iter().find(|fault| fault.place == place) {
            return Err(CatalogError::Faulty {
                place: format!("{}.{name}", self.full_name()),
                reason: fault.reason.clone(),
            });
        }
        let found = find("method", name, Some(&self.full_name()), &names)?;
        Ok(&self.resource.methods[found])
    }
}

/// Position of the name that is meant.
fn find(
    kind: &'static str,
    name: &str,
    within: Option<&str>,
    names: &[&str],
) -> Result<usize, CatalogError> {
    let within = within.map(str::to_owned);
    match lookup(name, names.iter().copied()) {
        Lookup::Found(found) => {
            Ok(names.iter().position(|candidate| *candidate == found).unwrap_or_default())
        }
        Lookup::Ambiguous(candidates) => Err(CatalogError::Ambiguous {
            kind,
            name: name.to_owned(),
            candidates: candidates.into_iter().map(str::to_owned).collect(),
        }),
        Lookup::Missing => Err(CatalogError::Unknown {
            kind,
            name: name.to_owned(),
            within,
            nearest: nearest(name, names.iter().copied()),
        }),
    }
}
