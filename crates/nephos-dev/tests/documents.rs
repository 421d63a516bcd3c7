//! The committed documents of `aws.s3` against the table they were made from and the contract.

#![allow(clippy::print_stderr, reason = "a test that is skipped says why")]

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

const PROVIDER: &str = "providers/aws/v00.00.00000/provider.yaml";
const SERVICE: &str = "providers/aws/v00.00.00000/services/s3.yaml";
const BINDINGS: &str = "providers/aws/source/s3.bindings.tsv";

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines of a table of methods without its head, and their cells.
fn lines(table: &str) -> Vec<Vec<&str>> {
    table.lines().skip(1).map(|line| line.split('\t').collect()).collect()
}

/// `(operationId, verbs, path, http method, required names)` of a method of the document.
fn method(document: &Value, resource: &str, name: &str) -> Option<[String; 5]> {
    let resource_value = document["components"]["x-stackQL-resources"].get(resource)?;
    let reference = resource_value["methods"].get(name)?["operation"]["$ref"].as_str()?;
    let (path, http_method) = reference.strip_prefix("#/paths/")?.rsplit_once('/')?;
    let path = path.replace("~1", "/");
    let operation = document["paths"].get(&path)?.get(http_method)?;

    let mut required: Vec<&str> = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["required"] == true)
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    required.sort_unstable();
    let server = operation.get("servers").unwrap_or(&document["servers"]).get(0)?;
    let url = server["url"].as_str()?;
    let mut variables: Vec<&str> = server["variables"]
        .as_object()?
        .keys()
        .map(String::as_str)
        .filter(|variable| url.contains(&format!("{{{variable}}}")))
        .collect();
    variables.sort_unstable();
    required.extend(variables);

    let own = format!("#/components/x-stackQL-resources/{resource}/methods/{name}");
    let verbs: Vec<String> = resource_value["sqlVerbs"]
        .as_object()?
        .iter()
        .filter(|(_, list)| {
            list.as_array().is_some_and(|l| l.iter().any(|item| item["$ref"] == own))
        })
        .map(|(verb, _)| verb.to_ascii_uppercase())
        .collect();
    let verbs = if verbs.is_empty() { "EXEC".to_owned() } else { verbs.join(", ") };
    let id = operation["operationId"].as_str()?.to_owned();
    Some([verbs, id, http_method.to_ascii_uppercase(), path, required.join(", ")])
}

fn assert_holds(document: &Value, table: &str) -> usize {
    let lines = lines(table);
    for line in &lines {
        let [resource, name, wanted @ .., _note] = line.as_slice() else {
            panic!("a line without cells: {line:?}");
        };
        let found = method(document, resource, name);
        assert_eq!(
            found.as_ref().map(|found| found.iter().map(String::as_str).collect::<Vec<_>>()),
            Some(wanted.to_vec()),
            "{resource}.{name}"
        );
    }
    lines.len()
}

#[test]
fn every_binding_is_in_the_document_and_nothing_else() {
    let document = document(SERVICE);
    let bound = assert_holds(&document, &text(BINDINGS));
    let resources = document["components"]["x-stackQL-resources"].as_object().expect("a map");
    let methods: usize =
        resources.values().map(|r| r["methods"].as_object().map_or(0, serde_json::Map::len)).sum();
    assert_eq!(methods, bound);
}

#[test]
fn the_93_methods_of_the_contract_are_present_unchanged() {
    let path = workspace().join("../shared/data/aws_s3_methods.tsv");
    let Ok(contract) = fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not here", path.display());
        return;
    };
    assert_eq!(assert_holds(&document(SERVICE), &contract), 93);
    let bindings = text(BINDINGS);
    for line in contract.lines().skip(1) {
        assert!(bindings.lines().any(|bound| bound == line), "{line}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document(SERVICE);
    let mut references = Vec::new();
    collect(&document, &mut references);
    // Each method has one to its operation at least.
    assert!(references.len() >= lines(&text(BINDINGS)).len());
    for reference in references {
        let fragment = reference.strip_prefix('#').unwrap_or(reference);
        let found = match fragment.strip_prefix("/paths/") {
            // Cut by hand, like every reader of the format does: the last `/` starts the verb.
            Some(operation) => operation
                .rsplit_once('/')
                .and_then(|(path, verb)| document["paths"].get(path.replace("~1", "/"))?.get(verb)),
            None => document.pointer(fragment),
        };
        assert!(found.is_some(), "{reference} leads nowhere");
    }
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(reference) if key == "$ref" => references.push(reference),
                    _ => collect(value, references),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn verb_lists_are_complete_and_start_with_the_most_demanding_method() {
    let document = document(SERVICE);
    let resources = document["components"]["x-stackQL-resources"].as_object().expect("a map");
    for (resource, value) in resources {
        let verbs = value["sqlVerbs"].as_object().expect("a map");
        let keys: Vec<&str> = verbs.keys().map(String::as_str).collect();
        assert_eq!(keys, ["select", "insert", "update", "replace", "delete"], "{resource}");
        for (verb, list) in verbs {
            let demands: Vec<usize> = list
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|item| item["$ref"].as_str()?.rsplit('/').next())
                .filter_map(|name| method(&document, resource, name))
                .map(|[.., required]| required.split(", ").count())
                .collect();
            assert!(demands.is_sorted_by(|a, b| a >= b), "{resource} {verb}: {demands:?}");
        }
    }
}

#[test]
fn parts_cannot_be_selected_and_say_what_a_caller_must_know() {
    let document = document(SERVICE);
    let parts = &document["components"]["x-stackQL-resources"]["parts"];
    assert_eq!(parts["sqlVerbs"]["select"], Value::Array(Vec::new()));
    let says = |path: &str, verb: &str, facts: &[&str]| {
        let operation = &document["paths"][path][verb];
        let description = operation["description"].as_str().expect("a text");
        for fact in facts {
            assert!(description.contains(fact), "{path} {verb} does not say {fact:?}");
        }
        assert!(operation["responses"].get("404").is_some(), "{path} {verb} has no 404");
    };
    let list =
        "1,000 parts|max-parts|part-number-marker|IsTruncated|NextPartNumberMarker|kms:Decrypt";
    says("/{Key}#uploadId", "get", &list.split('|').collect::<Vec<_>>());
    let upload = "1 to 10,000|position|overwrites|Content-MD5|x-amz-content-sha256|\
                  x-amz-server-side-encryption-customer-algorithm|\
                  x-amz-server-side-encryption-customer-key|\
                  x-amz-server-side-encryption-customer-key-MD5|cost storage until the upload is \
                  completed or aborted|NoSuchUpload (404)|5 MiB|5 GiB";
    says("/{Key}#partNumber&uploadId", "put", &upload.split('|').collect::<Vec<_>>());
}

#[test]
fn nothing_that_is_named_is_without_a_description() {
    let document = document(SERVICE);
    let mut bare = Vec::new();
    for (path, item) in document["paths"].as_object().expect("a map") {
        for (verb, operation) in item.as_object().expect("a map") {
            let described =
                |value: &Value| value["description"].as_str().is_some_and(|d| !d.is_empty());
            if !described(operation) {
                bare.push(format!("{path} {verb}"));
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if !described(parameter) {
                    bare.push(format!("{path} {verb} {}", parameter["name"]));
                }
            }
        }
    }
    assert!(bare.is_empty(), "{bare:?}");
}

#[test]
fn the_provider_leads_to_the_service() {
    let provider = document(PROVIDER);
    let reference = provider["providerServices"]["s3"]["service"]["$ref"].as_str().expect("a text");
    assert!(SERVICE.ends_with(reference), "{reference}");
    assert_eq!(provider["config"]["auth"]["type"], "aws_signing_v4");
}
