//! The compiled form of a provider: what the documents say, ready to use.
//!
//! Layout: `MAGIC`, the length of the index as a little-endian `u32`, the index, then one blob for
//! each resource. Index and blobs are `postcard`; only the index and the resource asked for are
//! decoded.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::load::{LoadedService, provider, service};
use crate::{CatalogError, Provider, Resource, Service};

/// Changes with every change of the model, so that an old file is not misread.
const MAGIC: &[u8; 8] = b"nephos\x00\x02";

/// A provider in compiled form.
pub struct CompiledProvider {
    bytes: std::borrow::Cow<'static, [u8]>,
    index: Index,
    blobs_at: usize,
}

#[derive(Serialize, Deserialize)]
struct Index {
    provider: Provider,
    services: Vec<(String, Service, Vec<Range<usize>>)>,
}

/// Compiles a provider from its documents. `read` gives the text of a document by its path below
/// `src`; a service whose document cannot be read is left without resources.
pub fn compile(
    provider_document: &str,
    version: &str,
    read: impl Fn(&str) -> Result<String, CatalogError>,
) -> Result<Vec<u8>, CatalogError> {
    let provider = provider(&Document::parse("provider.yaml", provider_document)?, version)?;
    let mut blobs = Vec::new();
    let mut services = Vec::new();
    for head in &provider.services {
        let text = read(&head.document)?;
        let LoadedService { service, resources } =
            service(&Document::parse(&head.document, &text)?, &provider, head)?;
        let mut ranges = Vec::new();
        for resource in &resources {
            let start = blobs.len();
            blobs.extend(encode(resource, &head.document)?);
            ranges.push(start..blobs.len());
        }
        services.push((head.name.clone(), service, ranges));
    }
    let index = encode(&Index { provider, services }, "provider.yaml")?;
    let length =
        u32::try_from(index.len()).map_err(|_| malformed("provider.yaml", "it is too large"))?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(index);
    bytes.extend(blobs);
    Ok(bytes)
}

impl CompiledProvider {
    /// Reads the index of `bytes`.
    pub fn open(bytes: impl Into<std::borrow::Cow<'static, [u8]>>) -> Result<Self, CatalogError> {
        let bytes = bytes.into();
        let broken = || malformed("compiled provider", "it is of another version or damaged");
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(broken)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let length = u32::from_le_bytes(*length) as usize;
        let index = rest.get(..length).ok_or_else(broken)?;
        let index = postcard::from_bytes(index).map_err(|_| broken())?;
        let blobs_at = MAGIC.len() + 4 + length;
        Ok(Self { bytes, index, blobs_at })
    }

    pub(crate) fn provider(&self) -> &Provider {
        &self.index.provider
    }

    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.index.services.iter().find(|(key, ..)| key == name).map(|(_, service, _)| service)
    }

    pub(crate) fn resource(
        &self,
        service: &str,
        name: &str,
    ) -> Result<Option<Resource>, CatalogError> {
        let Some((_, head, ranges)) = self.index.services.iter().find(|(key, ..)| key == service)
        else {
            return Ok(None);
        };
        let Some(position) = head.resources.iter().position(|r| r.name == name) else {
            return Ok(None);
        };
        let broken = || malformed("compiled provider", "a resource is damaged");
        let range = ranges.get(position).ok_or_else(broken)?;
        let blob = self
            .bytes
            .get(self.blobs_at + range.start..self.blobs_at + range.end)
            .ok_or_else(broken)?;
        postcard::from_bytes(blob).map(Some).map_err(|_| broken())
    }
}

fn encode<T: Serialize>(value: &T, document: &str) -> Result<Vec<u8>, CatalogError> {
    postcard::to_stdvec(value).map_err(|error| malformed(document, &error.to_string()))
}

fn malformed(document: &str, reason: &str) -> CatalogError {
    CatalogError::Malformed { document: document.to_owned(), reason: reason.to_owned() }
}
