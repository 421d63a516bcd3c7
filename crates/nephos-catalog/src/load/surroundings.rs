//! What a method's document, service and provider say for it.

use serde_json::Value;

use crate::document::{Document, text};
use crate::{Provider, ServiceHead};

/// A service document and what stands above it.
pub(crate) struct Surroundings<'a> {
    pub(crate) document: &'a Document,
    /// Name in SQL.
    pub(crate) provider: &'a str,
    /// Columns are shown in snake case.
    pub(crate) snake_case: bool,
    /// Requests are signed for a region.
    pub(crate) signs_region: bool,
    /// Service name that requests are signed for.
    pub(crate) signing_name: String,
    /// `info.x-endpointPrefix`.
    pub(crate) alias: String,
    /// `info.x-protocol`.
    pub(crate) protocol: String,
    /// `config` of the service and of the provider in `provider.yaml`.
    above: [Value; 2],
}

impl<'a> Surroundings<'a> {
    pub(crate) fn new(
        document: &'a Document,
        provider: &'a Provider,
        service: &ServiceHead,
    ) -> Self {
        let info = document.root().get("info").unwrap_or(&Value::Null);
        let signing_name = match text(info, "x-serviceName") {
            name if name.is_empty() => text(info, "title"),
            name => name,
        };
        let read = |json: &str| serde_json::from_str(json).unwrap_or(Value::Null);
        Self {
            document,
            provider: &provider.name,
            snake_case: provider.snake_case,
            // AWS documents published before `config.auth` existed say nothing; they are signed.
            signs_region: provider.auth.as_ref().map_or(provider.name == "aws", |auth| {
                matches!(auth.kind.as_str(), "aws_signing_v4" | "aws_assume_role")
            }),
            signing_name,
            alias: text(info, "x-endpointPrefix"),
            protocol: text(info, "x-protocol"),
            above: [read(&service.config), read(&provider.config)],
        }
    }

    /// A key of `config`: the first of method, resource, service document, service and provider
    /// that has it counts, whole.
    pub(crate) fn config<'b>(
        &'b self,
        resource: &'b Value,
        method: &'b Value,
        key: &str,
    ) -> Option<&'b Value> {
        self.levels(resource, method)
            .find_map(|config| config.get(key))
            .filter(|found| !found.is_null())
    }

    /// A part of a key of `config`, each looked up by itself: a method may change one and leave the
    /// others to its service.
    pub(crate) fn config_part<'b>(
        &'b self,
        resource: &'b Value,
        method: &'b Value,
        key: &str,
        part: &str,
    ) -> Option<&'b Value> {
        self.levels(resource, method)
            .find_map(|config| config.get(key)?.get(part))
            .filter(|found| !found.is_null())
    }

    fn levels<'b>(
        &'b self,
        resource: &'b Value,
        method: &'b Value,
    ) -> impl Iterator<Item = &'b Value> {
        let service = self.document.root().get("x-stackQL-config");
        [method.get("config"), resource.get("config"), service]
            .into_iter()
            .flatten()
            .chain(&self.above)
    }

    /// `algorithm` of a key of `config`.
    pub(crate) fn algorithm(&self, resource: &Value, method: &Value, key: &str) -> String {
        self.config(resource, method, key).map(|found| text(found, "algorithm")).unwrap_or_default()
    }
}
