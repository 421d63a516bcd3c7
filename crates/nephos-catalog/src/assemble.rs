//! A service's document put together: most are one file, and older ones are several.

use serde_json::{Map, Value};

use crate::document::{Document, text};
use crate::{CatalogError, ServiceHead};

/// A service may refer to so many other documents; in the registry none does.
const MAX_OTHERS: usize = 64;
const RESOURCES: &str = "x-stackQL-resources";

/// A document's text, and its name for messages.
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Reads the document of a service, with everything that it refers to. `read` gives the text at a
/// path below `src`.
pub(crate) fn assemble(
    head: &ServiceHead,
    read: &mut dyn FnMut(&str) -> Result<Text, CatalogError>,
) -> Result<Document, CatalogError> {
    let mut parse = |path: &str| -> Result<Document, CatalogError> {
        let Text { name, text } = read(path)?;
        Ok(Document::parse(&name, &text)?.at(path))
    };
    let mut document = if head.register.is_empty() {
        parse(&head.document)?
    } else {
        let mut register = parse(&head.register)?;
        let named = register.root().get("serviceDoc").map(|doc| text(doc, "$ref"));
        let path = named.filter(|path| !path.is_empty()).unwrap_or_else(|| head.document.clone());
        let mut document = parse(&path)?;
        let resources = register.root_mut().get_mut("resources").map(Value::take);
        if let Some(resources @ Value::Object(_)) = resources {
            put_resources(document.root_mut(), resources);
        }
        document
    };
    let mut others: Vec<String> = Vec::new();
    let resources = document.root_mut().pointer_mut(&format!("/components/{RESOURCES}"));
    for resource in resources.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        let own = resource.get("serviceDoc").map(|doc| text(doc, "$ref")).unwrap_or_default();
        let methods = resource.get_mut("methods").and_then(Value::as_object_mut);
        for method in methods.into_iter().flat_map(Map::values_mut) {
            let Some(reference) = reference(method, &own) else { continue };
            if let Some((path, _)) = reference.split_once('#')
                && !path.is_empty()
                && !others.iter().any(|other| other == path)
            {
                others.push(path.to_owned());
            }
        }
    }
    for path in
        others.iter().filter(|path| !document.is_at(path)).take(MAX_OTHERS).collect::<Vec<_>>()
    {
        // Without it the methods that refer to it are faulty, and the others are not.
        if let Ok(other) = parse(path) {
            document.add_other(other);
        }
    }
    Ok(document)
}

fn put_resources(root: &mut Value, resources: Value) {
    let Some(root) = root.as_object_mut() else { return };
    let components = root.entry("components").or_insert_with(|| Value::Object(Map::new()));
    if let Some(components) = components.as_object_mut() {
        components.insert(RESOURCES.to_owned(), resources);
    }
}

/// The method's reference to its operation, after old forms were written anew: `path.$ref` with a
/// bare verb, and operations of a document that the resource names.
fn reference<'a>(method: &'a mut Value, own: &str) -> Option<&'a str> {
    let path = method.get("path").map(|path| text(path, "$ref")).unwrap_or_default();
    let reference = method.pointer_mut("/operation/$ref")?;
    let mut now = reference.as_str()?.to_owned();
    if !now.contains('#') && !path.is_empty() {
        let verb = now.rsplit('/').next().unwrap_or_default();
        now = if path.contains('#') {
            format!("{path}/{verb}")
        } else {
            format!("#/paths/{}/{verb}", path.replace('/', "~1"))
        };
    }
    if now.starts_with('#') {
        now.insert_str(0, own);
    }
    *reference = Value::String(now);
    reference.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Provider;
    use crate::load::service;

    const SERVICE: &str = "
        info: {title: t}
        servers: [{url: 'https://a'}]
        components: {schemas: {}}
        paths: {/a: {get: {responses: {}}}, /b: {get: {responses: {}}}}";
    const OTHER: &str = "
        info: {title: o}
        servers: [{url: 'https://o'}]
        paths: {/o: {get: {responses: {}}}}";

    fn assembled(register: &str) -> (Document, Vec<String>) {
        let head = ServiceHead {
            name: "s".to_owned(),
            document: "p/v/services/absent.yaml".to_owned(),
            register: "p/v/resources/s.yaml".to_owned(),
            ..ServiceHead::default()
        };
        let mut asked = Vec::new();
        let document = assemble(&head, &mut |path| {
            asked.push(path.to_owned());
            let text = match path {
                "p/v/resources/s.yaml" => register,
                "p/v/services/s.yaml" => SERVICE,
                "p/v/services/o.yaml" => OTHER,
                _ => return Err(CatalogError::Registry(format!("no {path}"))),
            };
            Ok(Text { name: path.to_owned(), text: text.to_owned() })
        });
        (document.unwrap(), asked)
    }

    #[test]
    fn a_register_gives_the_resources_of_a_service() {
        let (document, asked) = assembled(
            "serviceDoc: {$ref: p/v/services/s.yaml}
resources:
  things:
    methods:
      plain: {operation: {$ref: '#/paths/~1a/get'}}
      old: {path: {$ref: /b}, operation: {$ref: get}}
      older: {path: {$ref: 'p/v/services/s.yaml#/paths/~1b'}, operation: {$ref: get}}
      own: {operation: {$ref: 'p/v/services/s.yaml#/paths/~1a/get'}}
      far: {operation: {$ref: 'p/v/services/o.yaml#/paths/~1o/get'}}
      gone: {operation: {$ref: 'p/v/services/gone.yaml#/paths/~1o/get'}}
  others:
    serviceDoc: {$ref: p/v/services/o.yaml}
    methods: {o: {operation: {$ref: '#/paths/~1o/get'}}}
",
        );
        let head = ServiceHead::default();
        let loaded = service(&document, &Provider::default(), &head).unwrap();
        let methods: Vec<(&str, &str)> = loaded
            .resources
            .iter()
            .flat_map(|r| r.methods.iter().map(|m| (m.name.as_str(), m.path.as_str())))
            .collect();
        assert_eq!(
            methods,
            [
                ("o", "/o"),
                ("plain", "/a"),
                ("old", "/b"),
                ("older", "/b"),
                ("own", "/a"),
                ("far", "/o")
            ]
        );
        assert_eq!(loaded.service.faults.len(), 1);
        assert_eq!(loaded.service.faults[0].place, "things.gone");
        assert_eq!(
            asked,
            ["resources/s.yaml", "services/s.yaml", "services/o.yaml", "services/gone.yaml"]
                .map(|path| format!("p/v/{path}"))
        );
    }
}
