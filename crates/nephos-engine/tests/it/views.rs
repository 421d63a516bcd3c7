//! Resources that documents back by views.

use std::fmt::Write as _;
use std::path::Path;

use nephos_catalog::{Catalog, ProviderDirectory, RegistryConfig};
use nephos_engine::Session;
use nephos_testkit::{MockApi, Recorded, Reply};
use serde_json::{Value, json};

use crate::world::{run, session_at};

/// A view chain of one dialect.
fn views(entries: &[(&str, &str)]) -> Value {
    let mut chain = Value::Null;
    for (required, ddl) in entries.iter().rev() {
        let mut predicate = "sqlDialect == \"sqlite3\"".to_owned();
        if !required.is_empty() {
            predicate = format!("{predicate} && requiredParams == [ {required} ]");
        }
        let mut entry = json!({"predicate": predicate, "ddl": ddl});
        if chain.is_object() {
            entry["fallback"] = chain;
        }
        chain = entry;
    }
    json!({"methods": {}, "config": {"views": {"select": chain}}})
}

/// A control plane as `awscc` has one: one resource reads any thing by its type and identifier, the
/// others are views over it.
fn document() -> Value {
    let parameter = |name: &str| json!({"name": name, "in": "query", "required": name != "Key", "schema": {"type": "string"}});
    let text = json!({"type": "string"});
    let operation = |parameters: &[&str]| {
        json!({
            "parameters": parameters.iter().map(|name| parameter(name)).collect::<Vec<_>>(),
            "responses": {"200": {"content": {"application/xml": {"schema": {
                "type": "object",
                "properties": {"Things": {"type": "array", "items": {"type": "object",
                    "properties": {"Identifier": text, "Properties": text}}}}
            }}}}}
        })
    };
    let method = |path: &str| {
        json!({
            "operation": {"$ref": format!("#/paths/~1{path}/get")},
            "response": {"openAPIDocKey": "200", "mediaType": "application/xml", "objectKey": "/*/Things/Thing"}
        })
    };
    let things = |name: &str, path: &str| {
        json!({
            "methods": {"read": method(path)},
            "sqlVerbs": {"select": [{"$ref": format!("#/components/x-stackQL-resources/{name}/methods/read")}]}
        })
    };
    let one = "SELECT region, Identifier, JSON_EXTRACT(Properties, '$.Name') AS bucket_name, \
               JSON_EXTRACT(Properties, '$.Tags') AS tags FROM cloud.control.thing \
               WHERE TypeName = 'Bucket' AND Identifier = '<BucketName>' AND region = 'us-east-1'";
    let all = "SELECT region, JSON_EXTRACT(Properties, '$.Name') AS bucket_name \
               FROM cloud.control.things WHERE TypeName = 'Bucket' AND region = 'us-east-1'";
    json!({
        "openapi": "3.0.0",
        "info": {"title": "control", "x-serviceName": "control"},
        "servers": [{"url": "https://control.{region}.example.com", "variables": {"region": {"default": ""}}}],
        "paths": {
            "/thing": {"get": operation(&["TypeName", "Identifier"])},
            "/things": {"get": operation(&["TypeName", "Key"])}
        },
        "components": {"x-stackQL-resources": {
            "thing": things("thing", "thing"),
            "things": things("things", "things"),
            "buckets": views(&[("Identifier", one)]),
            "buckets_list_only": views(&[("", all)]),
            "tags": views(&[("Identifier",
                "SELECT b.bucket_name, JSON_EXTRACT(t.value, '$.Key') AS tag_key FROM cloud.control.buckets b, \
                 JSON_EACH(b.tags) t WHERE b.Identifier = '<BucketName>' AND region = 'us-east-1'")]),
            "counts": views(&[("", "SELECT count(*) AS n FROM cloud.control.things \
                                    WHERE TypeName = 'Bucket' AND region IN ('us-east-1')")]),
            "several": views(&[
                ("Identifier", "SELECT 'one' AS kind, Identifier FROM cloud.control.thing \
                                WHERE TypeName = 'T' AND Identifier = '' AND region = 'r'"),
                ("region", "SELECT 'many' AS kind, region FROM cloud.control.things WHERE TypeName = 'T' AND region = ''")]),
            "ping": views(&[("", "SELECT * FROM cloud.control.pong")]),
            "pong": views(&[("", "SELECT * FROM cloud.control.ping")]),
            "accounts": views(&[("", "SELECT Identifier FROM cloud.control.thing WHERE TypeName = 'Account' \
                                     AND Identifier = '{{ account_id }}' AND region = 'replace-me'")]),
            "broken": views(&[("", "SELECT FROM WHERE")])
        }}
    })
}

/// A session over the document, whose files live as long as the folder.
struct Cloud {
    api: MockApi,
    session: Session,
    _folder: tempfile::TempDir,
}

impl Cloud {
    async fn new(script: impl Fn(usize, &Recorded) -> Reply + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let version = folder.path().join("src/cloud/v1.0.0");
        std::fs::create_dir_all(version.join("services")).unwrap();
        let provider = json!({
            "id": "cloud", "name": "cloud", "version": "v1.0.0",
            "providerServices": {"control": {
                "id": "control:v1", "name": "control", "title": "control", "version": "v1", "preferred": true,
                "service": {"$ref": "cloud/v1.0.0/services/control.yaml"}
            }},
            "config": {"auth": {"type": "aws_signing_v4"}}
        });
        std::fs::write(version.join("provider.yaml"), provider.to_string()).unwrap();
        std::fs::write(version.join("services/control.yaml"), document().to_string()).unwrap();
        let api = MockApi::start(script).await.unwrap();
        let catalog = opened(folder.path());
        Self { session: session_at(api.url(), catalog), api, _folder: folder }
    }

    async fn rows(&self, text: &str) -> Vec<Vec<String>> {
        run(&self.session, text).await.unwrap_or_else(|error| panic!("{text}: {error:?}")).table()
    }

    async fn fails(&self, text: &str) -> nephos_engine::Error {
        run(&self.session, text).await.expect_err(text)
    }
}

fn opened(folder: &Path) -> Catalog {
    let config = json!({"url": format!("file://{}", folder.display())}).to_string();
    let config = RegistryConfig::parse(&config).unwrap();
    Catalog::new().with_directory(ProviderDirectory::open(&config.sources(None)[0]).unwrap())
}

/// Things named after what was asked for.
fn things(_: usize, request: &Recorded) -> Reply {
    let thing = |name: &str| {
        format!(
            "<Thing><Identifier>{name}</Identifier><Properties>{{\"Name\": \"n-{name}\", \
             \"Tags\": [{{\"Key\": \"a\"}}, {{\"Key\": \"{name}\"}}]}}</Properties></Thing>"
        )
    };
    let list = match request.query.get("Identifier") {
        Some(name) => thing(name),
        None => thing("x") + &thing("y"),
    };
    Reply::new(200, format!("<Answer><Things>{list}</Things></Answer>"))
}

fn region(request: &Recorded) -> String {
    request.headers["authorization"].split('/').nth(2).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_the_statement_says_replaces_the_literals_of_the_view() {
    let cloud = Cloud::new(things).await;
    let rows = cloud
        .rows(
            "SELECT b.bucket_name, b.region, b.identifier FROM cloud.control.buckets b \
             WHERE b.region = 'eu-west-1' AND identifier = 'b'",
        )
        .await;
    assert_eq!(rows, [["n-b", "eu-west-1", "b"]]);
    let requests = cloud.api.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(region(&requests[0]), "eu-west-1");
    assert_eq!(requests[0].query["TypeName"], "Bucket");
    assert_eq!(requests[0].query["Identifier"], "b");
}

#[tokio::test]
async fn what_it_does_not_say_is_the_views_default() {
    let cloud = Cloud::new(things).await;
    let rows = cloud
        .rows("SELECT bucket_name, region FROM cloud.control.buckets_list_only ORDER BY 1")
        .await;
    assert_eq!(rows, [["n-x", "us-east-1"], ["n-y", "us-east-1"]]);
    assert_eq!(region(&cloud.api.requests()[0]), "us-east-1");
}

#[tokio::test]
async fn lists_of_values_reach_the_calls_of_the_view() {
    let cloud = Cloud::new(things).await;
    let rows = cloud
        .rows(
            "SELECT Identifier, region FROM cloud.control.buckets WHERE Identifier IN ('p', 'q') \
             AND region IN ('r1', 'r2') ORDER BY 1, 2",
        )
        .await;
    assert_eq!(rows, [["p", "r1"], ["p", "r2"], ["q", "r1"], ["q", "r2"]]);
    assert_eq!(cloud.api.requests().len(), 4);
}

#[tokio::test]
async fn views_stand_on_views_and_on_values_inside_their_rows() {
    let cloud = Cloud::new(things).await;
    let rows = cloud
        .rows("SELECT bucket_name, tag_key, region FROM cloud.control.tags WHERE Identifier = 'b' AND region = 'r' ORDER BY 2")
        .await;
    assert_eq!(rows, [["n-b", "a", "r"], ["n-b", "b", "r"]]);
    let requests = cloud.api.requests();
    assert_eq!((requests.len(), region(&requests[0])), (1, "r".to_owned()));
}

#[tokio::test]
async fn a_name_that_the_view_does_not_show_is_a_column_all_the_same() {
    let cloud = Cloud::new(things).await;
    let one = cloud.rows("SELECT n, region FROM cloud.control.counts WHERE region = 'r'").await;
    assert_eq!(one, [["2", "r"]]);
    let default = cloud.rows("SELECT * FROM cloud.control.counts").await;
    assert_eq!(default, [["2"]]);
    let both = cloud
        .rows("SELECT region, n FROM cloud.control.counts WHERE region IN ('r', 's') ORDER BY 1")
        .await;
    assert_eq!(both, [["r", "2"], ["s", "2"]]);
}

#[tokio::test]
async fn the_first_view_whose_names_are_all_given_is_taken() {
    let cloud = Cloud::new(things).await;
    let one = cloud
        .rows("SELECT kind FROM cloud.control.several WHERE Identifier = 'i' AND region = 'r'")
        .await;
    assert_eq!(one, [["one"]]);
    let many =
        cloud.rows("SELECT DISTINCT kind FROM cloud.control.several WHERE region = 'r'").await;
    assert_eq!(many, [["many"]]);
    let none = cloud.fails("SELECT * FROM cloud.control.several").await;
    assert!(none.message.contains("Identifier or region"), "{}", none.message);
}

#[tokio::test]
async fn a_view_without_its_names_says_which_and_who_lists_them() {
    let cloud = Cloud::new(things).await;
    let error = cloud.fails("SELECT * FROM cloud.control.buckets WHERE region = 'r'").await;
    assert_eq!(
        error.message,
        "missing required parameter Identifier for SELECT on cloud.control.buckets"
    );
    assert!(error.hints[0].contains("cloud.control.buckets_list_only"), "{:?}", error.hints);
    let computed = cloud
        .fails("SELECT * FROM cloud.control.buckets b, cloud.control.buckets_list_only l WHERE b.Identifier = l.bucket_name")
        .await;
    assert!(
        computed.hints.iter().any(|hint| hint.contains("not a constant")),
        "{:?}",
        computed.hints
    );
    assert_eq!(cloud.api.requests().len(), 0);
}

#[tokio::test]
async fn placeholders_are_asked_for_and_never_sent() {
    let cloud = Cloud::new(things).await;
    let error = cloud.fails("SELECT * FROM cloud.control.accounts WHERE region = 'r'").await;
    assert_eq!(
        error.message,
        "missing required parameter Identifier for SELECT on cloud.control.accounts"
    );
    assert_eq!(cloud.api.requests().len(), 0);
    assert_eq!(cloud.rows("DESCRIBE cloud.control.accounts").await, [["Identifier", "text"]]);
    let rows = cloud
        .rows(
            "SELECT identifier FROM cloud.control.accounts WHERE region = 'r' AND identifier = 'a'",
        )
        .await;
    assert_eq!(rows, [["a"]]);
}

#[tokio::test]
async fn views_are_described_and_listed() {
    let cloud = Cloud::new(things).await;
    let columns = cloud.rows("DESCRIBE cloud.control.buckets").await;
    let names = ["Identifier", "bucket_name", "region", "tags"];
    assert_eq!(columns, names.map(|name| [name, "text"]));
    assert_eq!(cloud.rows("DESCRIBE cloud.control.counts").await, [["n", "integer"]]);
    let methods = cloud.rows("SHOW METHODS IN cloud.control.buckets").await;
    assert_eq!(methods, [["__view__", "Identifier", "SELECT"]]);
    assert_eq!(cloud.api.requests().len(), 0);
}

#[tokio::test]
async fn views_that_do_not_end_or_are_no_queries_are_errors() {
    let cloud = Cloud::new(things).await;
    let endless = cloud.fails("SELECT * FROM cloud.control.ping").await;
    assert!(endless.message.contains("refer to each other"), "{}", endless.message);
    let broken = cloud.fails("SELECT * FROM cloud.control.broken").await;
    assert!(broken.context.contains(&("view", "cloud.control.broken".to_owned())), "{broken:?}");
    assert_eq!(cloud.rows("SELECT count(*) FROM cloud.control.buckets_list_only").await, [["2"]]);
}

#[tokio::test]
async fn columns_of_table_functions_are_no_parameters() {
    let cloud = Cloud::new(things).await;
    let rows = cloud
        .rows(
            "SELECT t.Identifier, e.value FROM cloud.control.things t, json_each(t.Properties) e \
             WHERE TypeName = 'T' AND region = 'r' AND key = 'Name' ORDER BY 1",
        )
        .await;
    assert_eq!(rows, [["x", "n-x"], ["y", "n-y"]]);
    assert!(!cloud.api.requests()[0].query.contains_key("Key"));
}

/// Every view of the registry beside the project is a query and can be planned. Reading the
/// providers that have none would take most of the time.
#[tokio::test]
async fn every_view_of_the_registry_is_a_query() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/registry");
    let Ok(path) = path.canonicalize() else {
        #[allow(clippy::print_stdout)]
        {
            println!("skipped: the registry is not beside the project");
        }
        return;
    };
    let catalog = opened(&path);
    let (mut views, mut broken, mut planned, mut failed) = (0, Vec::new(), 0, Vec::new());
    let names: Vec<(String, String)> = catalog
        .providers()
        .iter()
        .flat_map(|p| p.services.iter().map(|s| (p.name.clone(), s.name.clone())))
        .filter(|(provider, _)| {
            matches!(provider.as_str(), "anthropic" | "awscc" | "databricks_account" | "homebrew")
        })
        .collect();
    let api = MockApi::start(|_, _| Reply::new(418, "no call was expected")).await.unwrap();
    let session = session_at(api.url(), opened(&path));
    for (provider, service) in names {
        for head in catalog.resources(&provider, &service).unwrap_or_default() {
            let resource = catalog.resource(&provider, &service, &head.name).unwrap();
            for view in &resource.resource.views {
                views += 1;
                broken.extend(nephos_engine::view_fault(view));
                // Names without a default are those that an error asks for.
                let mut names = view.required.clone();
                loop {
                    let mut text = format!("SELECT * FROM {} WHERE true", resource.full_name());
                    for name in &names {
                        let _ = write!(text, " AND \"{name}\" = '1'");
                    }
                    let statement = nephos_sql::parse(&text).unwrap().remove(0);
                    let Err(error) = session.run(&statement).await else {
                        planned += 1;
                        break;
                    };
                    let missing = error.message.strip_prefix("missing required parameter");
                    let missing = missing.map(|rest| rest.trim_start_matches('s').trim());
                    match missing.and_then(|rest| rest.split_once(" for ")) {
                        Some((more, _)) if names.len() == view.required.len() => {
                            names.extend(more.split(", ").map(str::to_owned));
                        }
                        _ => {
                            failed.push(format!("{text}: {}", error.message));
                            break;
                        }
                    }
                }
            }
        }
    }
    assert!(views > 0 && broken.is_empty(), "{broken:?}");
    assert_eq!(planned, views, "views that cannot be planned: {failed:#?}");
    assert_eq!(api.requests().len(), 0);
}
