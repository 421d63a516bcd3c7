//! INSERT and DELETE.

use nephos_testkit::Reply;

use crate::world::World;

async fn accepting() -> World {
    World::new(|_, request| {
        if request.method == "POST" {
            let body = "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>\
                        <UploadId>I</UploadId></InitiateMultipartUploadResult>";
            return Reply::new(200, body);
        }
        Reply::new(if request.method == "DELETE" { 204 } else { 200 }, "")
    })
    .await
}

#[tokio::test]
async fn insert_makes_one_call_a_row_and_returns_what_is_asked() {
    let world = accepting().await;
    let rows = world
        .run("INSERT INTO aws.s3.buckets(bucket, region) VALUES ('a', 'r'), ('b', 'r')")
        .await
        .unwrap();
    assert_eq!(rows.said.as_deref(), Some("2 rows inserted into aws.s3.buckets"));
    let paths: Vec<String> =
        world.api.requests().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    assert_eq!(paths, ["PUT /a/", "PUT /b/"]);
    let rows = world
        .run(
            "INSERT INTO aws.s3.multipart_uploads(Key, bucket, region) SELECT 'k', 'b', 'r' \
             RETURNING uploadid, upper(Key) AS k",
        )
        .await
        .unwrap();
    assert_eq!(rows.table(), [["I", "K"]]);
}

#[tokio::test]
async fn insert_checks_every_row_before_the_first_call() {
    let world = accepting().await;
    let error = world
        .fails("INSERT INTO aws.s3.buckets(bucket, region) VALUES ('a', 'r'), (NULL, 'r')")
        .await;
    assert!(error.message.contains("bucket"), "{}", error.message);
    assert_eq!(world.api.requests().len(), 0);
}

#[tokio::test]
async fn delete_makes_the_calls_that_its_conditions_name() {
    let world = accepting().await;
    world
        .run(
            "DELETE FROM aws.s3.multipart_uploads WHERE bucket='b' AND region='r' AND Key='k' \
             AND uploadId IN ('1', '2', '2')",
        )
        .await
        .unwrap();
    let requests = world.api.requests();
    let ids: Vec<&str> = requests.iter().map(|r| r.query["uploadId"].as_str()).collect();
    assert_eq!(ids, ["1", "2"]);
    world
        .run("DELETE FROM aws.s3.objects WHERE bucket='b' AND region='r' AND Key='x'")
        .await
        .unwrap();
    let last = world.api.requests().pop().unwrap();
    assert_eq!((last.method.as_str(), last.path.as_str()), ("DELETE", "/b/x"));
}

#[tokio::test]
async fn delete_refuses_what_no_call_can_carry() {
    let world = accepting().await;
    let base = "DELETE FROM aws.s3.objects WHERE bucket='b' AND region='r' AND Key='x'";
    for (text, says) in [
        (format!("{base} AND Size > 10"), "cannot carry the condition"),
        (format!("{base} AND Size = 10"), "cannot filter by Size"),
        (format!("{base} OR 1 = 1"), "cannot carry the condition"),
        (format!("{base} AND versionId IN (SELECT '1')"), "cannot carry the condition"),
        ("DELETE FROM aws.s3.objects".to_owned(), "lacks"),
        ("DELETE FROM aws.s3.objects WHERE false".to_owned(), "cannot carry the condition"),
        (
            "DELETE FROM aws.s3.objects WHERE bucket='b' AND region='r'".to_owned(),
            "needs a request body",
        ),
        ("DELETE FROM aws.s3.parts WHERE bucket='b'".to_owned(), "DELETE not supported"),
    ] {
        let error = world.fails(&text).await;
        assert!(error.message.contains(says), "{text}: {}", error.message);
    }
    world.run(&format!("{base} AND versionId = NULL")).await.unwrap();
    assert_eq!(world.api.requests().len(), 0);
}

#[tokio::test]
async fn returning_is_planned_before_anything_is_changed() {
    let world = accepting().await;
    for text in [
        "DELETE FROM aws.s3.objects WHERE bucket='b' AND region='r' AND Key='x' RETURNING nothing",
        "INSERT INTO aws.s3.multipart_uploads(Key, bucket, region) VALUES ('k','b','r') RETURNING nothing",
    ] {
        let error = world.fails(text).await;
        assert!(error.message.contains("nothing"), "{}", error.message);
    }
    assert_eq!(world.api.requests().len(), 0);
}

#[tokio::test]
async fn a_mutation_in_a_query_is_made_whatever_the_query_reads() {
    let world = accepting().await;
    let create =
        "EXEC aws.s3.multipart_uploads.multipart_uploads_Create @Key='k', @bucket='b', @region='r'";
    for (text, rows) in [
        (format!("SELECT * FROM ({create}) c WHERE false"), 0),
        (format!("SELECT * FROM ({create}) c LIMIT 0"), 0),
        (format!("SELECT 1 FROM (VALUES (1)) v(x) LEFT JOIN ({create}) c ON false"), 1),
        (
            format!(
                "SELECT UploadId FROM ({create}) a UNION ALL SELECT UploadId FROM ({create}) b"
            ),
            2,
        ),
    ] {
        let before = world.api.requests().len();
        assert_eq!(world.run(&text).await.unwrap().count(), rows, "{text}");
        let made = world.api.requests().len() - before;
        assert_eq!(made, text.matches("_Create").count(), "{text}");
    }
}

#[tokio::test]
async fn delete_says_which_conditions_choose_another_method() {
    let world = accepting().await;
    let error = world.fails("DELETE FROM aws.s3.objects WHERE bucket='b' AND region='r'").await;
    assert_eq!(error.hints, ["conditions on Key, bucket, region choose objects_DeleteOne"]);
}
