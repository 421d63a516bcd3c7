//! The contract of `aws.s3.parts` and the names around it.

use crate::world::World;

const REFUSED: &str = "SELECT not supported for this resource, use SHOW METHODS to view available \
                       operations for the resource and then invoke a supported method using the \
                       EXEC command";

#[tokio::test]
async fn parts_has_two_methods_both_reached_by_exec() {
    let world = World::silent().await;
    let rows = world.run("SHOW METHODS IN aws.s3.parts").await.unwrap();
    assert_eq!(rows.columns(), ["MethodName", "RequiredParams", "SQLVerb"]);
    assert_eq!(
        rows.table(),
        [
            ["parts_List", "Key, uploadId, bucket, region", "EXEC"],
            ["parts_Upload", "Key, partNumber, uploadId, bucket, region", "EXEC"],
        ]
    );
}

#[tokio::test]
async fn select_and_describe_on_parts_are_refused_with_the_sentence_of_the_contract() {
    let world = World::silent().await;
    for text in [
        "SELECT * FROM aws.s3.parts",
        "SELECT * FROM aws.s3.parts WHERE bucket = 'b'",
        "DESCRIBE aws.s3.parts",
        "DESCRIBE EXTENDED aws.s3.parts",
    ] {
        assert_eq!(world.fails(text).await.message, REFUSED, "{text}");
    }
    assert_eq!(world.api.requests().len(), 0);
}

#[tokio::test]
async fn the_published_table_is_the_built_in_one() {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../../providers/aws/source/s3.bindings.tsv");
    let world = World::silent().await;
    let text = std::fs::read_to_string(table).unwrap();
    let mut seen = 0;
    for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [resource, method, verb, _, _, _, required, ..] = fields.as_slice() else {
            panic!("{line}")
        };
        let show = format!("SHOW METHODS IN aws.s3.{resource} WHERE MethodName = '{method}'");
        let rows = world.run(&show).await.unwrap();
        assert_eq!(rows.table(), [[*method, *required, *verb]], "{line}");
        seen += 1;
    }
    assert!(seen >= 93, "{seen}");
}

#[tokio::test]
async fn show_lists_filters_and_describes() {
    let world = World::silent().await;
    assert_eq!(world.run("SHOW PROVIDERS").await.unwrap().column("name"), ["aws"]);
    let services = world.run("SHOW EXTENDED SERVICES IN aws").await.unwrap();
    let columns = ["id", "name", "title", "description", "version", "preferred"];
    assert_eq!(services.columns(), columns);
    assert_eq!(services.column("name"), ["s3"]);
    let like = world.run("SHOW RESOURCES IN aws.s3 LIKE 'part%'").await.unwrap();
    assert_eq!(like.column("name"), ["part_copies", "parts"]);
    let listed = world
        .run("SHOW RESOURCES IN aws.s3 WHERE name = 'parts' OR ID LIKE '%.buckets'")
        .await
        .unwrap();
    assert_eq!(listed.column("name"), ["buckets", "parts"]);
    let described = world.run("SHOW EXTENDED METHODS IN aws.s3.parts").await.unwrap();
    assert!(described.column("description").iter().all(|text| text.contains("NoSuchUpload")));
}

#[tokio::test]
async fn describe_method_sorts_inputs_before_outputs() {
    let world = World::silent().await;
    let rows = world.run("DESCRIBE METHOD aws.s3.parts.parts_Upload").await.unwrap();
    assert_eq!(rows.columns(), ["name", "type", "param_type", "shape"]);
    let required: Vec<String> = rows
        .table()
        .into_iter()
        .filter(|row| row[2] == "input_required")
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(required, ["Key", "bucket", "partNumber", "region", "uploadId"]);
    let shape = rows.table().into_iter().find(|row| row[0] == "partNumber").unwrap();
    assert_eq!(shape[3], r#"{"minimum":1,"maximum":10000}"#);
}
