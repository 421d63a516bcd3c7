//! What provider documents say of requests, answers and pages, each at a scripted service.

use std::path::Path;

use nephos_catalog::{Catalog, ProviderDirectory};
use nephos_engine::{ErrorKind, Session};
use nephos_testkit::{MockApi, Recorded, Reply};
use serde_json::{Value, json};

use crate::world::{Rows, run, session_at};

/// A provider without authorisation over `fixtures/shop.yaml`.
struct Shop {
    api: MockApi,
    session: Session,
    _folder: tempfile::TempDir,
}

impl Shop {
    async fn new(script: impl Fn(usize, &Recorded) -> Reply + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let version = folder.path().join("shop/v1.0.0");
        std::fs::create_dir_all(version.join("services")).unwrap();
        let provider = json!({
            "name": "shop", "version": "v1.0.0", "config": {"auth": {"type": "null_auth"}},
            "providerServices": {"store": {"id": "store:v1", "name": "store",
                "service": {"$ref": "shop/v1.0.0/services/store.yaml"}}}
        });
        std::fs::write(version.join("provider.yaml"), provider.to_string()).unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/shop.yaml");
        std::fs::copy(fixture, version.join("services/store.yaml")).unwrap();
        let api = MockApi::start(script).await.unwrap();
        let catalog =
            Catalog::new().with_directory(ProviderDirectory::open(folder.path()).unwrap());
        Self { session: session_at(api.url(), catalog), api, _folder: folder }
    }

    async fn run(&self, text: &str) -> Rows {
        run(&self.session, text).await.unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    /// Method, path with the query, and body of every request.
    fn asked(&self) -> Vec<String> {
        let line = |request: Recorded| {
            let query: Vec<String> =
                request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let mark = if query.is_empty() { "" } else { "?" };
            let body = String::from_utf8(request.body).unwrap();
            let line =
                format!("{} {}{mark}{} {body}", request.method, request.path, query.join("&"));
            line.trim_end().to_owned()
        };
        self.api.requests().into_iter().map(line).collect()
    }
}

fn items(ids: &[&str], more: &Value) -> String {
    let rows: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
    let mut answer = json!({"items": rows});
    for (key, value) in more.as_object().into_iter().flatten() {
        answer[key] = value.clone();
    }
    answer.to_string()
}

#[tokio::test]
async fn rows_have_the_types_that_the_document_says() {
    let shop = Shop::new(|_, _| {
        Reply::new(
            200,
            r#"{"items":[{"id":"a","size":9007199254740993,"price":1.5,"open":true,
               "labels":{"b": [1, 2]},"state":"on"},{"id":null,"size":"12"}]}"#,
        )
    })
    .await;
    let rows = shop.run("SELECT id, size, price, open, labels FROM shop.store.items").await;
    assert_eq!(
        rows.table(),
        [["a", "9007199254740993", "1.5", "true", r#"{"b":[1,2]}"#], ["-", "12", "-", "-", "-"]]
    );
    let types: Vec<String> = rows.batches[0]
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type().to_string())
        .collect();
    assert_eq!(types, ["Utf8", "Int64", "Float64", "Boolean", "Utf8"]);
}

#[tokio::test]
async fn parameters_travel_as_the_document_says() {
    let shop = Shop::new(|_, _| Reply::new(200, items(&["a"], &json!({})))).await;
    shop.run("SELECT id FROM shop.store.items WHERE tag = '[\"x\",\"y z\"]' AND kind = 'k'").await;
    shop.run("SELECT id FROM shop.store.items WHERE id IN ('a/b', 'c:d')").await;
    assert_eq!(
        shop.asked(),
        ["GET /api/items?filter.kind=k&tag=x%2Cy%20z", "GET /api/items/a/b", "GET /api/items/c:d"]
    );
    assert_eq!(shop.api.requests()[0].headers["x-version"], "7");
    assert_eq!(shop.api.requests()[0].headers["accept"], "application/json");
}

#[tokio::test]
async fn a_condition_that_the_service_took_does_not_lose_its_rows() {
    let shop = Shop::new(|_, _| {
        Reply::new(200, r#"{"items":[{"id":"a","state":"on"},{"id":"b","state":"off"}]}"#)
    })
    .await;
    let rows =
        shop.run("SELECT id FROM shop.store.items WHERE state = 'all' AND size IS NULL").await;
    assert_eq!(rows.table(), [["a"], ["b"]]);
    let rows = shop
        .run("SELECT v.x, i.id FROM (VALUES (1)) v(x) LEFT JOIN shop.store.items i ON i.state = 'any'")
        .await;
    assert_eq!(rows.table(), [["1", "a"], ["1", "b"]]);
}

#[tokio::test]
async fn bodies_are_made_of_fields_over_the_documents_base() {
    let shop = Shop::new(|_, _| Reply::new(200, r#"{"id":"new"}"#)).await;
    shop.run(
        "INSERT INTO shop.store.items(id, size, open, labels, policy) \
         VALUES ('a', 3, true, '{\"x\":1}', '{\"P\":[]}'), ('b', 4, false, JSON('{}'), '[]')",
    )
    .await;
    shop.run("INSERT INTO shop.store.items(id, state) SELECT 'c', '[1]'").await;
    assert_eq!(
        shop.asked(),
        [
            r#"POST /api/items {"kind":"item","labels":{"by":"base","x":1},"id":"a","size":3,"open":true,"policy":"{\"P\":[]}"}"#,
            r#"POST /api/items {"kind":"item","labels":{"by":"base"},"id":"b","size":4,"open":false,"policy":"[]"}"#,
            r#"POST /api/items {"kind":"item","labels":{"by":"base"},"id":"c","state":"[1]"}"#,
        ]
    );
}

#[tokio::test]
async fn update_and_replace_put_what_set_and_where_say_into_one_call() {
    let shop = Shop::new(|_, _| Reply::new(200, r#"{"id":"x","size":9}"#)).await;
    let rows = shop
        .run("UPDATE shop.store.items SET size = 9, state = NULL WHERE id IN ('x', 'y') RETURNING id, size")
        .await;
    assert_eq!(rows.table(), [["x", "9"], ["x", "9"]]);
    let said = shop
        .run("REPLACE shop.store.items SET data__labels.a.b = 'v', data__size = 1 WHERE id = 'x'")
        .await
        .said;
    assert_eq!(said.as_deref(), Some("1 row replaced in shop.store.items"));
    assert_eq!(
        shop.asked(),
        [
            r#"PATCH /api/items/x {"size":9,"state":null}"#,
            r#"PATCH /api/items/y {"size":9,"state":null}"#,
            r#"PUT /api/items/x {"labels":{"a":{"b":"v"}},"size":1}"#,
        ]
    );
}

#[tokio::test]
async fn a_change_that_no_call_can_carry_is_refused() {
    let shop = Shop::new(|_, _| Reply::new(500, "no call was expected")).await;
    for (text, message) in [
        (
            "UPDATE shop.store.items SET size = 1 WHERE id = 'x' AND size > 3",
            "UPDATE cannot carry the condition size > 3 to a call",
        ),
        (
            "UPDATE shop.store.items SET id = 'y' WHERE id = 'x'",
            "UPDATE both sets id and compares it",
        ),
        (
            "UPDATE shop.store.items SET size = price WHERE id = 'x'",
            "UPDATE cannot set a column to price",
        ),
        (
            "UPDATE shop.store.items SET size = 1",
            "missing required parameter id for UPDATE on shop.store.items (change)",
        ),
        (
            "DELETE FROM shop.store.items WHERE id LIKE 'x%'",
            "DELETE cannot carry the condition id LIKE 'x%' to a call",
        ),
    ] {
        let error = run(&shop.session, text).await.expect_err(text);
        assert_eq!(error.message, message);
    }
    assert_eq!(shop.asked(), [""; 0]);
}

#[tokio::test]
async fn lists_are_followed_in_every_way_that_documents_know() {
    let shop = Shop::new(|number, request| {
        let first = request.query.is_empty() && request.body.len() <= 2;
        let (ids, more): (&[&str], Value) = match (request.path.as_str(), first) {
            ("/api/cursor", true) => (&["a", "b"], json!({"meta": {"next": "n 1"}})),
            ("/api/numbered", true) => (&["a"], json!({"page": 1, "pages": 3})),
            ("/api/numbered", false) => {
                let page: u64 = request.query["page"].parse().unwrap();
                (&["b"], json!({"page": page, "pages": 3}))
            }
            ("/api/linked", true) => {
                let link = "<?p=2>; rel=\"next\", <?p=1>; rel=\"prev\"";
                return Reply::new(200, items(&["a"], &json!({}))).header("Link", link);
            }
            ("/api/next-link", true) => (&["a"], json!({"nextLink": "/api/next-link?skip=1"})),
            ("/api/odata", true) => (&["a"], json!({"@odata.nextLink": "/api/odata?skip=1"})),
            ("/api/body-token", _) if number == 0 => (&["a"], json!({"Next": {"k": {"S": "1"}}})),
            _ => (&["z"], json!({})),
        };
        Reply::new(200, items(ids, &more))
    })
    .await;
    let rows = shop.run("SELECT id FROM shop.store.body_token WHERE Name = 'n'").await;
    assert_eq!(rows.table(), [["a"], ["z"]]);
    for (table, rows) in [
        ("cursor", vec!["a", "b", "z"]),
        ("numbered", vec!["a", "b", "b"]),
        ("linked", vec!["a", "z"]),
        ("next_link", vec!["a", "z"]),
        ("odata", vec!["a", "z"]),
    ] {
        let found = shop.run(&format!("SELECT id FROM shop.store.{table}")).await;
        assert_eq!(found.column("id"), rows, "{table}");
    }
    assert_eq!(
        shop.asked(),
        [
            r#"POST /api/body-token {"Name":"n"}"#,
            r#"POST /api/body-token {"Name":"n","Token":{"k":{"S":"1"}}}"#,
            "GET /api/cursor",
            "GET /api/cursor?cursor=n%201",
            "GET /api/numbered",
            "GET /api/numbered?page=2",
            "GET /api/numbered?page=3",
            "GET /api/linked",
            "GET /api/linked?p=2",
            "GET /api/next-link",
            "GET /api/next-link?skip=1",
            "GET /api/odata",
            "GET /api/odata?skip=1",
        ]
    );
}

#[tokio::test]
async fn credentials_do_not_follow_a_page_to_another_host() {
    let shop = Shop::new(|_, _| {
        Reply::new(200, items(&["a"], &json!({"nextLink": "https://elsewhere.example/x"})))
    })
    .await;
    let error = run(&shop.session, "SELECT id FROM shop.store.next_link").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Incomplete);
    assert!(error.message.contains("elsewhere.example"), "{}", error.message);
}

#[tokio::test]
async fn plain_lists_and_lists_called_items_are_rows() {
    let shop = Shop::new(|_, request| {
        Reply::new(
            200,
            match request.path.as_str() {
                "/api/plain" => r#"["x","y"]"#.to_owned(),
                _ => items(&["a"], &json!({})),
            },
        )
    })
    .await;
    assert_eq!(shop.run("SELECT column_anon FROM shop.store.plain").await.table(), [["x"], ["y"]]);
    assert_eq!(shop.run("SELECT id FROM shop.store.implicit").await.table(), [["a"]]);
}

#[tokio::test]
async fn a_query_protocol_is_posted_and_its_pages_are_read_from_the_xml() {
    let page = |name: &str, marker: &str| {
        format!(
            "<ListThingsResponse><ListThingsResult><Things><member><Name>{name}</Name><Size>1</Size></member>\
             <member><Name>{name}{name}</Name></member></Things>{marker}</ListThingsResult></ListThingsResponse>"
        )
    };
    let shop = Shop::new(move |number, _| {
        Reply::new(200, page(["a", "b"][number % 2], ["<Marker>m</Marker>", ""][number % 2]))
    })
    .await;
    let rows = shop
        .run("SELECT \"Name\", Size FROM shop.store.things WHERE Tags = '[{\"Key\":\"k\"}]'")
        .await;
    assert_eq!(rows.table(), [["a", "1"], ["aa", "-"], ["b", "1"], ["bb", "-"]]);
    shop.run("SELECT Name FROM shop.store.things WHERE Tags = '{\"x\":1}' LIMIT 1").await;
    assert_eq!(
        shop.asked()[..2],
        [
            "POST /api/ Action=ListThings&Version=1&Tags.member.1.Key=k",
            "POST /api/ Action=ListThings&Version=1&Marker=m&Tags.member.1.Key=k",
        ]
    );
    assert_eq!(
        shop.api.requests()[0].headers["content-type"],
        "application/x-www-form-urlencoded; charset=utf-8"
    );
}

#[tokio::test]
async fn templates_make_rows() {
    let shop =
        Shop::new(|_, _| Reply::new(200, r#"{"values":[{"key":"k\"","size":12345678901234567}]}"#))
            .await;
    let rows = shop.run("SELECT id, size FROM shop.store.flat").await;
    assert_eq!(rows.table(), [["k\"", "12345678901234567"]]);
}

#[tokio::test]
async fn graphql_is_asked_page_by_page_and_its_errors_are_errors() {
    let shop = Shop::new(|number, _| {
        Reply::new(
            200,
            match number {
                0 => r#"{"data":{"things":{"nodes":[{"id":"1"},{"id":"2"}],"cursor":"c"}}}"#,
                1 => r#"{"data":{"things":{"nodes":[{"id":"3"}],"cursor":null}}}"#,
                _ => r#"{"data":null,"errors":[{"message":"no such owner"}]}"#,
            },
        )
    })
    .await;
    let rows = shop.run("SELECT id FROM shop.store.graph WHERE owner = 'o'").await;
    assert_eq!(rows.table(), [["1"], ["2"], ["3"]]);
    assert_eq!(
        shop.asked(),
        [
            r#"POST /api/graph {"query":"query { things(owner: \"o\", first: 2) { id } }"}"#,
            r#"POST /api/graph {"query":"query { things(owner: \"o\", first: 2, after: \"c\") { id } }"}"#,
        ]
    );
    let error =
        run(&shop.session, "SELECT id FROM shop.store.graph WHERE owner = 'x'").await.unwrap_err();
    assert!(error.message.contains("no such owner"), "{}", error.message);
}

#[tokio::test]
async fn an_empty_answer_is_a_success_and_a_refusal_is_an_error() {
    let shop = Shop::new(|_, request| match request.method.as_str() {
        "DELETE" => Reply::new(204, ""),
        _ => Reply::new(404, r#"{"message":"no such thing"}"#),
    })
    .await;
    let said = shop.run("DELETE FROM shop.store.items WHERE id = 'a'").await.said;
    assert_eq!(said.as_deref(), Some("1 row deleted from shop.store.items"));
    let error =
        run(&shop.session, "SELECT id FROM shop.store.items WHERE id = 'a'").await.unwrap_err();
    assert_eq!(error.message, "shop.store.items.get failed: no such thing (HTTP 404)");
}
