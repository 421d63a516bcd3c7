//! What a registry offers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::{Document, scalar};
use crate::{CatalogError, nearest};

use super::naming::provider_name;
use super::version::ProviderVersion;

/// `providers.yaml` of a registry: names and the versions of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryListing {
    providers: BTreeMap<String, Vec<String>>,
}

impl RegistryListing {
    /// Reads `providers.yaml`; `name` stands in messages.
    pub fn parse(name: &str, text: &str) -> Result<Self, CatalogError> {
        let malformed = |reason: &str| CatalogError::Malformed {
            document: name.to_owned(),
            reason: reason.to_owned(),
        };
        let document = Document::parse(name, text)?;
        let providers = document
            .root()
            .get("providers")
            .and_then(Value::as_object)
            .ok_or_else(|| malformed("it lists no providers"))?;
        let mut listed = BTreeMap::new();
        for (provider, entry) in providers {
            let versions = entry.get("versions").and_then(Value::as_array);
            let versions: Vec<String> = versions.into_iter().flatten().filter_map(scalar).collect();
            listed.insert(provider.clone(), versions);
        }
        Ok(Self { providers: listed })
    }

    /// Names and the latest version of each; those without a version are left out.
    pub fn latest(&self) -> impl Iterator<Item = (&str, &str)> {
        self.providers.iter().filter_map(|(name, versions)| {
            let latest = ProviderVersion::latest(versions.iter().map(String::as_str))?;
            Some((name.as_str(), latest))
        })
    }

    /// The versions of one provider, in the registry's order. It may be listed by its name or by
    /// its directory's.
    pub fn versions(&self, provider: &str) -> Result<&[String], CatalogError> {
        let meant =
            |name: &&String| provider_name(name).eq_ignore_ascii_case(provider_name(provider));
        match self.providers.keys().find(meant).and_then(|name| self.providers.get(name)) {
            Some(versions) => Ok(versions),
            None => Err(CatalogError::Unknown {
                kind: "provider",
                name: provider.to_owned(),
                within: Some("the registry".to_owned()),
                nearest: nearest(provider, self.providers.keys().map(String::as_str)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "providers:\n  aws:\n    versions: [v0.9.0, v0.10.0]\n  googleapis.com:\n    \
                        versions:\n      - v1.0.0\n  none: {}\n";

    #[test]
    fn the_latest_of_each_is_listed() {
        let listing = RegistryListing::parse("providers.yaml", TEXT).unwrap();
        let latest: Vec<_> = listing.latest().collect();
        assert_eq!(latest, [("aws", "v0.10.0"), ("googleapis.com", "v1.0.0")]);
        assert_eq!(listing.versions("google").unwrap(), ["v1.0.0"]);
        assert!(listing.versions("none").unwrap().is_empty());
    }

    #[test]
    fn an_unknown_provider_gets_the_nearest() {
        let listing = RegistryListing::parse("providers.yaml", TEXT).unwrap();
        match listing.versions("awz") {
            Err(CatalogError::Unknown { nearest, .. }) => assert_eq!(nearest, ["aws"]),
            other => panic!("{other:?}"),
        }
        for bad in ["", "[]", "providers: 1", "{", "<html>"] {
            assert!(RegistryListing::parse("p", bad).is_err(), "{bad}");
        }
    }
}
