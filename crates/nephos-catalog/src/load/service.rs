//! Service documents: resources and the verbs that lead to their methods.

use serde_json::Value;

use super::method::method;
use super::surroundings::Surroundings;
use super::view::views;
use crate::document::{Document, text};
use crate::{
    CatalogError, Fault, Provider, Resource, ResourceHead, Service, ServiceHead, VIEW_METHOD,
};

/// A service with all its resources decoded, as it comes out of its document.
pub(crate) struct LoadedService {
    /// The service; its `resources` are the heads of the ones below, in the same order.
    pub(crate) service: Service,
    /// Resources sorted by name.
    pub(crate) resources: Vec<Resource>,
}

/// Reads a service document. Faulty methods are left out and reported in `faults`.
pub(crate) fn service(
    document: &Document,
    provider: &Provider,
    head: &ServiceHead,
) -> Result<LoadedService, CatalogError> {
    let root = document.root();
    let declared = root
        .pointer("/components/x-stackQL-resources")
        .and_then(Value::as_object)
        .ok_or_else(|| CatalogError::Malformed {
            document: document.name.clone(),
            reason: "it has no components.x-stackQL-resources".to_owned(),
        })?;
    let around = Surroundings::new(document, provider, head);
    let mut faults = Vec::new();
    let mut resources: Vec<Resource> =
        declared.iter().map(|(name, value)| resource(&around, name, value, &mut faults)).collect();
    resources.sort_by(|a, b| a.head.name.cmp(&b.head.name));
    let service = Service {
        signing_name: around.signing_name.clone(),
        resources: resources.iter().map(|resource| resource.head.clone()).collect(),
        faults,
    };
    Ok(LoadedService { service, resources })
}

fn resource(
    around: &Surroundings<'_>,
    name: &str,
    value: &Value,
    faults: &mut Vec<Fault>,
) -> Resource {
    let mut methods = Vec::new();
    for (key, declared) in value.get("methods").and_then(Value::as_object).into_iter().flatten() {
        match method(around, value, key, declared) {
            Ok(method) => methods.push(method),
            Err(reason) => faults.push(Fault { place: format!("{name}.{key}"), reason }),
        }
    }
    let mut reasons = Vec::new();
    let views = views(value, &mut reasons);
    let place = format!("{name}.{VIEW_METHOD}");
    faults.extend(reasons.into_iter().map(|reason| Fault { place: place.clone(), reason }));
    let names: Vec<String> = methods.iter().map(|method| method.name.clone()).collect();
    let verbs = value.get("sqlVerbs").unwrap_or(&Value::Null);
    let mut indexes = |verb: &str, fallback: &[&str]| -> Vec<usize> {
        let position = |wanted: &str| names.iter().position(|name| name == wanted);
        let Some(list) = verbs.get(verb) else {
            // Without the key the methods of these names serve the verb; an empty list means none.
            return fallback.iter().filter_map(|name| position(name)).collect();
        };
        let mut found = Vec::new();
        for reference in list.as_array().into_iter().flatten().map(|item| text(item, "$ref")) {
            let wanted = reference.rsplit('/').next().unwrap_or_default();
            match position(wanted) {
                Some(index) if !found.contains(&index) => found.push(index),
                Some(_) => {}
                None => faults.push(Fault {
                    place: name.to_owned(),
                    reason: format!("sqlVerbs.{verb} names {wanted}, which is not a usable method"),
                }),
            }
        }
        found
    };
    let mut resource = Resource {
        select: indexes("select", &["select", "list", "aggregatedList", "get"]),
        insert: indexes("insert", &["insert", "create"]),
        update: indexes("update", &[]),
        replace: indexes("replace", &[]),
        delete: indexes("delete", &["delete"]),
        head: ResourceHead {
            name: name.to_owned(),
            id: text(value, "id"),
            title: text(value, "title"),
            description: text(value, "description"),
        },
        methods,
        views,
    };
    for index in resource.select.clone() {
        let changes = [&resource.insert, &resource.update, &resource.replace, &resource.delete];
        // A POST that only SELECT uses reads: protocols of RPC style have no GET.
        if !changes.iter().any(|list| list.contains(&index)) {
            resource.methods[index].reads = true;
        }
    }
    resource
}
