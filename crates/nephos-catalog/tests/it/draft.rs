//! Providers drafted from specifications of several styles load without a fault and choose well.

use std::fmt::Write as _;

use insta::assert_snapshot;
use nephos_catalog::{
    Catalog, Draft, DraftOptions, ProviderDirectory, ServiceGrouping, SqlVerb, draft,
};
use serde_json::{Value, json};

const PETSTORE: &str = include_str!("../openapi/petstore.yaml");
const NESTED: &str = include_str!("../openapi/nested.yaml");
const FORGE: &str = include_str!("../openapi/forge.yaml");
const MODERN: &str = include_str!("../openapi/modern.json");

fn with_server(server: &str) -> DraftOptions {
    DraftOptions { server: Some(server.to_owned()), ..DraftOptions::default() }
}

/// Writes a draft and reads it back as a registry.
pub(crate) fn load(draft: &Draft) -> Catalog {
    let folder = tempfile::tempdir().unwrap();
    for file in &draft.files {
        let path = folder.path().join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.text).unwrap();
    }
    let catalog = Catalog::new().with_directory(ProviderDirectory::open(folder.path()).unwrap());
    // Services are read when they are first asked for: now, while the folder is there.
    for service in &catalog.provider(&draft.provider).unwrap().services {
        assert_eq!(catalog.faults(&draft.provider, &service.name).unwrap(), []);
    }
    catalog
}

/// Every method: name, verbs, request, what it needs and where its rows are.
fn methods(draft: &Draft) -> String {
    let catalog = load(draft);
    let mut out = String::new();
    for service in &catalog.provider(&draft.provider).unwrap().services {
        for head in catalog.resources(&draft.provider, &service.name).unwrap() {
            let found = catalog.resource(&draft.provider, &service.name, &head.name).unwrap();
            assert_eq!(found.resource.head.id, found.full_name());
            for method in &found.resource.methods {
                let verbs: Vec<&str> =
                    found.resource.verbs_of(&method.name).iter().map(|v| v.keyword()).collect();
                let _ = writeln!(
                    out,
                    "{}.{} {} <- {} {} ({})",
                    found.full_name(),
                    method.name,
                    verbs.join("+"),
                    method.http.as_str(),
                    method.path,
                    method.required_params().join(", ")
                );
            }
            for verb in SqlVerb::BOUND {
                let counts: Vec<usize> = found
                    .resource
                    .methods_for(verb)
                    .iter()
                    .map(|method| method.required_params().len())
                    .collect();
                assert!(counts.is_sorted_by(|a, b| a >= b), "{} {verb:?}", found.full_name());
            }
        }
    }
    out
}

/// The document of a service, as it was written.
fn service(draft: &Draft, name: &str) -> Value {
    let file = draft.files.iter().find(|f| f.path.ends_with(&format!("/services/{name}.yaml")));
    serde_saphyr::from_str(&file.unwrap().text).unwrap()
}

fn provider(draft: &Draft) -> Value {
    serde_saphyr::from_str(&draft.files[0].text).unwrap()
}

fn method<'a>(service: &'a Value, resource: &str, method: &str) -> &'a Value {
    let pointer = format!("/components/x-stackQL-resources/{resource}/methods/{method}");
    service.pointer(&pointer).unwrap_or_else(|| panic!("{pointer}"))
}

#[test]
fn a_petstore() {
    let options = with_server("https://petstore.test/api/v3");
    let draft = draft("petstore.yaml", PETSTORE, &options).unwrap();
    assert_eq!(draft.provider, "petstore");
    assert_snapshot!("petstore_methods", methods(&draft));
    assert_snapshot!("petstore_summary", format!("{:#?}", draft.summary));
    let texts: Vec<String> =
        draft.files.iter().map(|f| format!("### {}\n{}", f.path, f.text)).collect();
    assert_snapshot!("petstore_documents", texts.join("\n"));
}

#[test]
fn services_are_by_tag_where_that_is_asked_for() {
    let mut options = with_server("https://petstore.test");
    options.services = ServiceGrouping::Tag;
    let by_tag = draft("petstore.yaml", PETSTORE, &options).unwrap();
    let names: Vec<&str> = by_tag.summary.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["pet", "store", "user"]);
    // A service has the components that it needs, and no others.
    let store = service(&by_tag, "store");
    let schemas: Vec<&String> =
        store.pointer("/components/schemas").unwrap().as_object().unwrap().keys().collect();
    assert_eq!(schemas, ["Order"]);
    let pet = service(&by_tag, "pet");
    for name in ["schemas/Pet", "schemas/Category", "requestBodies/Pet"] {
        assert!(pet.pointer(&format!("/components/{name}")).is_some(), "{name}");
    }
    assert!(pet.pointer("/components/schemas/NotUsed").is_none());
    load(&by_tag);
    options.services = ServiceGrouping::Path;
    let by_path = draft("petstore.yaml", PETSTORE, &options).unwrap();
    let names: Vec<&str> = by_path.summary.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["pets", "store", "users"]);
}

#[test]
fn nested_collections_and_custom_verbs() {
    let draft = draft("nested.yaml", NESTED, &DraftOptions::default()).unwrap();
    assert_eq!(draft.provider, "compute");
    assert_snapshot!("nested_methods", methods(&draft));
    let api = service(&draft, "api");
    let list = method(&api, "instances", "list");
    assert_eq!(list["response"]["objectKey"], "$.instances");
    assert_eq!(
        list["config"]["pagination"],
        json!({
            "requestToken": { "key": "pageToken", "location": "query" },
            "responseToken": { "key": "$.nextPageToken", "location": "body" },
        })
    );
    // Lists inside one thing are not its rows.
    assert_eq!(method(&api, "instances", "get")["response"].get("objectKey"), None);
    assert_eq!(method(&api, "settings", "get")["response"].get("objectKey"), None);
    // Parameters of a path stand in its operations.
    let item = &api["paths"]["/projects/{project}/zones/{zone}/instances"];
    assert_eq!(item.get("parameters"), None);
    assert_eq!(item["get"]["parameters"].as_array().unwrap().len(), 4);
    assert_eq!(
        provider(&draft)["config"]["auth"],
        json!({
            "type": "oauth2", "grant_type": "client_credentials",
            "token_url": "https://compute.test/token",
            "client_id_env_var": "COMPUTE_CLIENT_ID",
            "client_secret_env_var": "COMPUTE_CLIENT_SECRET",
            "scopes": ["all"],
        })
    );
}

#[test]
fn links_vendor_types_and_names_that_collide() {
    let draft = draft("forge.yaml", FORGE, &DraftOptions::default()).unwrap();
    assert_snapshot!("forge_methods", methods(&draft));
    assert_snapshot!("forge_summary", format!("{:#?}", draft.summary));
    let api = service(&draft, "api");
    let list = method(&api, "repos", "list");
    assert_eq!(list["response"]["mediaType"], "application/vnd.forge+json");
    assert_eq!(
        list["config"]["pagination"],
        json!({
            "requestToken": { "key": "", "location": "request" },
            "responseToken": { "key": "Link", "location": "header" },
        })
    );
    // A list that declares no Link header is taken to have one where others do.
    assert_eq!(method(&api, "events", "list")["config"]["pagination"]["requestToken"]["key"], "");
    assert!(method(&api, "events", "list")["x-nephos-note"].is_string());
    // A field that is a parameter as well keeps a name of its own.
    let merge = method(&api, "repos", "merge");
    assert_eq!(merge.get("config"), None);
    assert_eq!(provider(&draft)["config"]["auth"], json!({ "type": "null_auth" }));
}

#[test]
fn types_of_openapi_3_1() {
    let draft = draft("modern.json", MODERN, &DraftOptions::default()).unwrap();
    assert_snapshot!("modern_methods", methods(&draft));
    assert_snapshot!("modern_summary", format!("{:#?}", draft.summary));
    let api = service(&draft, "api");
    let members = &api["components"]["schemas"]["Account"]["properties"];
    assert_eq!(
        members["closed_at"],
        json!({ "type": "string", "format": "date-time", "nullable": true })
    );
    assert_eq!(members["balance"], json!({ "type": "number" }));
    assert_eq!(members["nickname"]["type"], "string");
    assert_eq!(
        members["parent"],
        json!({ "nullable": true, "allOf": [{ "$ref": "#/components/schemas/Account" }] })
    );
    assert_eq!(members["default"]["type"], "boolean");
    assert_eq!(members["default"]["example"]["type"], json!(["kept", "as it is"]));
    assert_eq!(members["note"], json!({ "anyOf": [{ "type": "string" }, { "type": "object" }] }));
    // What looks like another type of YAML is text still.
    assert_eq!(
        api["components"]["schemas"]["NewAccount"]["properties"]["currency"]["enum"],
        json!(["on", "200", "1e3", "eur"])
    );
    assert_eq!(
        method(&api, "accounts", "list")["config"]["pagination"],
        json!({
            "requestToken": { "key": "starting_after", "location": "query" },
            "responseToken": { "key": "$.data[last()].id", "location": "body" },
            "responseHasMore": { "key": "$.has_more" },
        })
    );
    // A reference into a path leads to a copy among the components.
    let schema = api.pointer(
        "/paths/~1accounts~1{account}/post/responses/200/content/application~1json/schema/$ref",
    );
    assert_eq!(schema.unwrap(), "#/components/schemas/hoisted_1");
    assert!(api["components"]["schemas"]["hoisted_1"].is_object());
    assert_eq!(
        provider(&draft)["config"]["auth"],
        json!({
            "type": "custom", "location": "header", "name": "L-API-KEY",
            "credentialsenvvar": "LEDGER_L_API_KEY",
            "successor": {
                "type": "custom", "location": "header", "name": "L-APPLICATION-KEY",
                "credentialsenvvar": "LEDGER_L_APPLICATION_KEY",
            },
        })
    );
}

/// A specification of one list, `GET /things`.
fn list(parameters: &[&str], answer: &Value) -> String {
    let parameters: Vec<Value> = parameters
        .iter()
        .map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string" } }))
        .collect();
    json!({
        "openapi": "3.0.0",
        "info": { "title": "Things", "version": "1" },
        "servers": [{ "url": "https://things.test" }],
        "paths": { "/things": { "get": {
            "parameters": parameters,
            "responses": { "200": {
                "description": "ok",
                "content": { "application/json": { "schema": answer } },
            } },
        } } },
    })
    .to_string()
}

/// `objectKey` and pagination of that list.
fn shape(parameters: &[&str], answer: &Value) -> (Value, Value) {
    let draft = draft("things.json", &list(parameters, answer), &DraftOptions::default()).unwrap();
    load(&draft);
    let api = service(&draft, "api");
    let list = method(&api, "things", "list");
    let at = |pointer: &str| list.pointer(pointer).cloned().unwrap_or_default();
    (at("/response/objectKey"), at("/config/pagination"))
}

fn object(properties: &Value) -> Value {
    json!({ "type": "object", "properties": properties })
}

#[test]
fn pages_of_customary_shapes() {
    let rows = json!({ "type": "array", "items": object(&json!({ "id": { "type": "string" } })) });
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer" });
    let whole = |key: &str| {
        json!({
            "requestToken": { "key": "", "location": "request" },
            "responseToken": { "key": key, "location": "body" },
        })
    };
    let cursor = |request: &str, key: &str| {
        json!({
            "requestToken": { "key": request, "location": "query" },
            "responseToken": { "key": key, "location": "body" },
        })
    };
    let cases = [
        // Django
        (
            vec!["limit", "offset"],
            object(&json!({ "count": number, "next": { "type": "string", "format": "uri" },
                "previous": text, "results": rows })),
            "$.results",
            whole("$.next"),
        ),
        // DigitalOcean
        (
            vec!["page"],
            object(&json!({ "things": rows, "meta": object(&json!({ "total": number })),
                "links": object(&json!({ "pages": object(&json!({ "next": text })) })) })),
            "$.things",
            whole("$.links.pages.next"),
        ),
        // HAL
        (
            vec![],
            object(&json!({ "_embedded": object(&json!({ "things": rows })),
                "_links": object(&json!({ "next": object(&json!({ "href": text })) })) })),
            "$._embedded.things",
            whole("$._links.next.href"),
        ),
        // OData
        (
            vec![],
            object(&json!({ "value": rows, "@odata.nextLink": text })),
            "$.value",
            whole("@odata.nextLink"),
        ),
        // Slack
        (
            vec!["cursor"],
            object(&json!({ "ok": { "type": "boolean" }, "things": rows,
                "response_metadata": object(&json!({ "next_cursor": text })) })),
            "$.things",
            cursor("cursor", "$.response_metadata.next_cursor"),
        ),
        // A token called next
        (
            vec!["starting_after"],
            object(&json!({ "data": rows, "next": text })),
            "$.data",
            cursor("starting_after", "$.next"),
        ),
        // Linode
        (
            vec!["page"],
            object(&json!({ "data": rows, "page": number, "pages": number, "results": number })),
            "$.data",
            json!({
                "algorithm": "page_number",
                "requestToken": { "key": "page", "location": "query" },
                "responseToken": { "key": "$.page", "location": "body" },
                "responseTerminator": { "key": "$.pages", "location": "body" },
            }),
        ),
        // An offset that is repeated is not the next one.
        (
            vec!["offset"],
            object(&json!({ "items": rows, "offset": number, "total": number })),
            "$.items",
            Value::Null,
        ),
    ];
    for (parameters, answer, rows, pages) in cases {
        assert_eq!(shape(&parameters, &answer), (rows.into(), pages), "{answer}");
    }
    // The array itself.
    assert_eq!(shape(&[], &rows), (Value::Null, Value::Null));
}

#[test]
fn pages_that_cannot_be_followed_are_said() {
    let rows = json!({ "type": "array", "items": object(&json!({ "id": { "type": "string" } })) });
    let draft = draft("things.json", &list(&["page"], &rows), &DraftOptions::default()).unwrap();
    let note = draft.summary.notes.iter().find(|note| note.place == "api.things.list").unwrap();
    assert!(note.text.contains("only the first page is read: `page`"), "{}", note.text);
    let api = service(&draft, "api");
    assert!(method(&api, "things", "list")["x-nephos-note"].is_string());
}

#[test]
fn authorisation_of_each_scheme() {
    let auth = |scheme: &Value| {
        let mut root: Value = serde_json::from_str(&list(&[], &json!({}))).unwrap();
        root["components"] = json!({ "securitySchemes": { "s": scheme } });
        root["security"] = json!([{ "s": [] }]);
        let draft = draft("t.json", &root.to_string(), &DraftOptions::default()).unwrap();
        (provider(&draft)["config"]["auth"].clone(), draft.summary.environment.len())
    };
    assert_eq!(
        auth(&json!({ "type": "http", "scheme": "Bearer" })),
        (json!({ "type": "bearer", "credentialsenvvar": "THINGS_TOKEN" }), 1)
    );
    assert_eq!(
        auth(&json!({ "type": "http", "scheme": "basic" })),
        (
            json!({ "type": "basic", "username_var": "THINGS_USERNAME",
                "password_var": "THINGS_PASSWORD" }),
            2
        )
    );
    assert_eq!(
        auth(&json!({ "type": "apiKey", "in": "query", "name": "key" })),
        (
            json!({ "type": "custom", "location": "query", "name": "key",
                "credentialsenvvar": "THINGS_API_KEY" }),
            1
        )
    );
    assert_eq!(
        auth(&json!({ "type": "openIdConnect", "openIdConnectUrl": "https://x" })).0["type"],
        "bearer"
    );
    assert_eq!(
        auth(&json!({ "type": "apiKey", "in": "cookie", "name": "sid" })),
        (json!({ "type": "null_auth" }), 0)
    );
}

#[test]
fn what_is_no_specification_is_refused_with_the_way_out() {
    let refusal = |text: &str| {
        let error = draft("x.yaml", text, &DraftOptions::default()).unwrap_err();
        format!("{error}\n{}\n", error.help)
    };
    let refusals = [
        "swagger: '2.0'\ninfo: {title: x}\npaths: {/a: {}}",
        "openapi: 4.0.0",
        "a: b",
        "{\"openapi\": \"3.0.0\"",
        "openapi: 3.0.0\npaths: {}",
        "openapi: 3.0.0\ninfo: {title: API}\npaths: {/a: {get: {}}}",
        "openapi: 3.0.0\ninfo: {title: x}\nservers: [{url: /v1/}]\npaths: {/a: {get: {}}}",
        "openapi: 3.0.0\npaths: {/a: {get: {responses: {200: {$ref: 'b.yaml#/x'}}}}}",
        "openapi: 3.0.0\npaths: {/a: {}}\ncomponents: {x-stackQL-resources: {}}",
    ]
    .map(refusal);
    assert_snapshot!("refusals", refusals.join("\n"));
    let named = |name: &str| {
        let options = DraftOptions { name: Some(name.to_owned()), ..DraftOptions::default() };
        draft("x.json", &list(&[], &json!({})), &options).map_err(|error| error.help)
    };
    assert_eq!(named("My-API").unwrap_err(), "--name my_api");
    assert_eq!(named("my_api").unwrap().provider, "my_api");
}

#[test]
fn no_operation_is_dropped() {
    for (text, traced) in [(PETSTORE, 0), (NESTED, 0), (FORGE, 1), (MODERN, 0)] {
        let draft = draft("x", text, &with_server("https://x.test")).unwrap();
        let summary = &draft.summary;
        let methods: usize = summary.services.iter().map(|service| service.methods).sum();
        assert_eq!(summary.left_out.len(), traced);
        assert_eq!(methods + traced, summary.operations);
        assert_eq!(super::draft::methods(&draft).lines().count(), methods);
    }
}

#[test]
fn a_draft_is_the_same_each_time() {
    let once = draft("forge.yaml", FORGE, &DraftOptions::default()).unwrap();
    assert_eq!(once, draft("forge.yaml", FORGE, &DraftOptions::default()).unwrap());
}
