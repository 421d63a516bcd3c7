//! The generator of the `aws.s3` documents, on a model of four operations.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use nephos_dev::aws_s3::{Documents, Sources, generate};
use serde_json::{Value, json};

const MODEL: &str = include_str!("fixtures/service-2.json");
const PAGINATORS: &str = include_str!("fixtures/paginators-1.json");
const BINDINGS: &str = include_str!("fixtures/source/s3.bindings.tsv");
const ROWS: &str = include_str!("fixtures/source/s3.rows.tsv");
const DESCRIPTIONS: &str = include_str!("fixtures/source/s3.descriptions.tsv");

fn sources() -> Sources<'static> {
    Sources {
        model: MODEL,
        paginators: PAGINATORS,
        bindings: BINDINGS,
        rows: ROWS,
        descriptions: DESCRIPTIONS,
    }
}

fn service() -> Value {
    let Documents { service, .. } = generate(&sources()).expect("the fixture has no fault");
    serde_saphyr::from_str(&service).expect("the document is YAML")
}

fn faults(sources: &Sources<'_>) -> Vec<String> {
    generate(sources).expect_err("the sources have a fault")
}

#[test]
fn a_method_carries_rows_pages_and_verbs() {
    let document = service();
    let parts = &document["components"]["x-stackQL-resources"]["parts"];
    assert_eq!(parts["id"], "aws.s3.parts");
    assert_eq!(
        parts["methods"]["parts_List"],
        json!({
            "operation": { "$ref": "#/paths/~1{Key}#uploadId/get" },
            "response": { "mediaType": "application/xml", "openAPIDocKey": "200", "objectKey": "/*/Part" },
            "config": { "pagination": {
                "requestToken": { "key": "part-number-marker", "location": "query", "maximum": 10000 },
                "responseToken": { "key": "/*/NextPartNumberMarker", "location": "body" },
                "responseHasMore": { "key": "/*/IsTruncated", "location": "body" },
                "pageSize": { "key": "max-parts", "location": "query", "maximum": 1000 },
                "algorithm": "integer_marker",
            } },
        })
    );
    assert_eq!(
        parts["sqlVerbs"],
        json!({ "select": [], "insert": [], "update": [], "replace": [], "delete": [] })
    );
    let buckets = &document["components"]["x-stackQL-resources"]["buckets"];
    assert_eq!(
        buckets["sqlVerbs"]["select"],
        json!([{ "$ref": "#/components/x-stackQL-resources/buckets/methods/buckets_List" }])
    );
}

#[test]
fn a_binary_body_has_limits_secrets_and_header_families() {
    let document = service();
    let upload = &document["paths"]["/{Key}#partNumber&uploadId"]["put"];
    assert_eq!(
        upload["requestBody"]["content"],
        json!({ "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } })
    );
    let parameter = |name: &str| {
        let all = upload["parameters"].as_array().expect("a list");
        all.iter().find(|parameter| parameter["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(parameter("partNumber")["schema"]["minimum"], 1);
    assert_eq!(parameter("partNumber")["schema"]["maximum"], 10_000);
    let key = parameter("x-amz-server-side-encryption-customer-key");
    assert_eq!(key["schema"]["format"], "password");
    assert_eq!(key["description"], "The x-amz-* server-side-encryption-customer-key.");
    assert_eq!(parameter("x-amz-meta-*")["in"], "header");
    assert_eq!(parameter("Content-Length"), Value::Null);
    assert_eq!(parameter("Bucket"), Value::Null);
    assert_eq!(
        upload["responses"],
        json!({
            "200": { "description": "Success.", "headers": { "ETag": {
                "description": "The ETag.", "schema": { "type": "string" }, "x-stackQL-alias": "ETag",
            } } },
            "404": { "description": "NoSuchUpload: The NoSuchUpload." },
        })
    );
    assert_eq!(upload["x-nephos-idempotent"], true);
}

#[test]
fn an_xml_body_says_how_it_is_written() {
    let document = service();
    let put = &document["paths"]["/{Key}?tagging"]["put"];
    assert_eq!(put["x-nephos-checksum-required"], true);
    assert_eq!(put["requestBody"]["required"], true);
    assert_eq!(put["responses"]["204"], json!({ "description": "Success." }));
    assert_eq!(
        document["components"]["schemas"]["PutObjectTaggingRequestBody"],
        json!({
            "type": "object",
            "properties": { "TagSet": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": { "Key": { "type": "string", "description": "The Key." } },
                    "xml": { "name": "Tag" },
                },
                "xml": { "wrapped": true },
                "description": "The TagSet.",
            } },
            "x-nephos-required-fields": ["TagSet"],
            "xml": { "name": "Tagging", "namespace": "http://s3.amazonaws.com/doc/2006-03-01/" },
        })
    );
    let list = &document["components"]["schemas"]["ListPartsResult"]["properties"]["Part"];
    assert_eq!(list["xml"], json!({ "wrapped": false }));
    let abort = &document["paths"]["/{Key}#uploadId"]["get"]["responses"]["200"]["headers"];
    assert_eq!(abort["x-amz-abort-date"]["schema"]["x-nephos-timestamp"], "http-date");
}

#[test]
fn an_operation_about_all_buckets_ignores_the_bucket() {
    let server = &service()["paths"]["/"]["get"]["servers"][0];
    assert_eq!(server["url"], "https://s3.{region}.amazonaws.com");
    assert_eq!(server["variables"]["bucket"]["default"], "");
}

#[test]
fn the_same_sources_give_the_same_bytes() {
    let first = generate(&sources()).expect("no fault");
    let second = generate(&sources()).expect("no fault");
    assert_eq!(first.service, second.service);
    assert_eq!(first.provider, second.provider);
    assert_eq!(first.counts.to_string(), "3 resources, 4 methods, 4 operations");
}

#[test]
fn an_operation_without_a_binding_is_named() {
    let bindings: String =
        BINDINGS.split_inclusive('\n').filter(|line| !line.contains("ListBuckets")).collect();
    let faults = faults(&Sources { bindings: &bindings, ..sources() });
    let wanted = "operation ListBuckets of the model has no binding in s3.bindings.tsv";
    assert!(faults.iter().any(|fault| fault == wanted), "{faults:?}");
}

#[test]
fn a_binding_without_an_operation_is_named() {
    let bindings = BINDINGS.to_owned()
        + "parts\tparts_Count\tEXEC\tCountParts\tGET\t/?count\tbucket, region\t\n";
    assert_eq!(
        faults(&Sources { bindings: &bindings, ..sources() }),
        ["parts.parts_Count is bound to CountParts, which is not an operation of the model"]
    );
}

#[test]
fn a_missing_description_is_named_whatever_it_is_of() {
    for (line, wanted) in [
        ("operation\tListParts\t", "operation ListParts has no description in s3.descriptions.tsv"),
        ("resource\tparts\t", "resource parts has no description in s3.descriptions.tsv"),
        ("parameter\tuploadId\t", "parameter uploadId has no description in s3.descriptions.tsv"),
        ("member\tPartNumber\t", "member PartNumber has no description in s3.descriptions.tsv"),
        ("error\tNoSuchUpload\t", "error NoSuchUpload has no description in s3.descriptions.tsv"),
    ] {
        let descriptions: String =
            DESCRIPTIONS.split_inclusive('\n').filter(|l| !l.starts_with(line)).collect();
        assert_eq!(faults(&Sources { descriptions: &descriptions, ..sources() }), [wanted]);
    }
}

#[test]
fn a_description_of_nothing_is_named() {
    let descriptions = DESCRIPTIONS.to_owned() + "parameter\tuploadID\tA misspelt one.\n";
    assert_eq!(
        faults(&Sources { descriptions: &descriptions, ..sources() }),
        ["s3.descriptions.tsv describes parameter uploadID, which is not used"]
    );
}

#[test]
fn other_required_names_than_the_models_are_named() {
    let bindings = BINDINGS.replace("Key, uploadId, bucket", "Key, bucket");
    assert_eq!(
        faults(&Sources { bindings: &bindings, ..sources() }),
        ["parts.parts_List requires [Key, bucket, region] by s3.bindings.tsv, \
             but [Key, uploadId, bucket, region] by the model"]
    );
}

#[test]
fn another_path_or_verb_than_the_models_is_named() {
    let bindings = BINDINGS.replace("PUT\t/{Key}?tagging", "POST\t/{Key}?tags");
    assert_eq!(
        faults(&Sources { bindings: &bindings, ..sources() }),
        [
            "PutObjectTagging is bound as POST, the model says PUT",
            "PutObjectTagging is bound to /{Key}?tags, the model says /{Key}?tagging"
        ]
    );
}

#[test]
fn rows_that_are_nowhere_are_named() {
    let rows = ROWS.replace("/*/Part", "/*/Parts");
    assert_eq!(
        faults(&Sources { rows: &rows, ..sources() }),
        ["rows of ListParts are not at /*/Parts"]
    );
}

/// Runs the command in a folder of its own that holds the fixtures.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nephos-dev"))
        .args(["provider", "aws-s3", "service-2.json", "--out", "."])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the command starts")
}

#[test]
fn check_ends_with_1_when_a_document_on_disk_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    fs::create_dir(folder.path().join("source")).expect("made");
    put("service-2.json", MODEL);
    put("paginators-1.json", PAGINATORS);
    put("source/s3.bindings.tsv", BINDINGS);
    put("source/s3.rows.tsv", ROWS);
    put("source/s3.descriptions.tsv", DESCRIPTIONS);

    let absent = run(folder.path(), &["--check"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(!folder.path().join("v00.00.00000").exists(), "--check writes nothing");

    assert!(run(folder.path(), &[]).status.success());
    assert!(run(folder.path(), &["--check"]).status.success());

    put("v00.00.00000/services/s3.yaml", "edited: true\n");
    let stale = run(folder.path(), &["--check"]);
    assert_eq!(stale.status.code(), Some(1));
    let message = String::from_utf8_lossy(&stale.stderr).into_owned();
    assert!(message.contains("services/s3.yaml differs from what its sources give"), "{message}");
    assert_eq!(message.lines().count(), 1, "provider.yaml is as generated: {message}");
}
