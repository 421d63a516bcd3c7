//! EXEC and resources inside queries; variables.

use nephos_testkit::{Reply, s3};

use crate::world::{LIST, World};

async fn parts(numbers: Vec<u32>) -> World {
    World::new(move |_, request| {
        let marker = request.query.get("part-number-marker").map_or(0, |m| m.parse().unwrap());
        s3::list_parts(&numbers, marker, 1000)
    })
    .await
}

#[tokio::test]
async fn exec_is_a_table() {
    let world = parts((1..=20).collect()).await;
    let rows = world
        .run(&format!("SELECT sum(Size) AS total, count(*) FROM ({LIST}) p WHERE PartNumber > 10"))
        .await
        .unwrap();
    assert_eq!(rows.table(), [["155", "10"]]);
    let rows = world
        .run(&format!(
            "WITH parts AS ({LIST}) SELECT a.partnumber FROM parts a JOIN parts b \
             ON a.PartNumber = b.PartNumber + 1 ORDER BY 1 DESC LIMIT 2"
        ))
        .await
        .unwrap();
    assert_eq!(rows.table(), [["20"], ["19"]]);
}

#[tokio::test]
async fn arguments_are_expressions_and_scalar_subqueries() {
    let world = parts(vec![1]).await;
    world
        .run(
            "SELECT * FROM (EXEC aws.s3.parts.parts_List @Key = lower('K'), \
             @uploadId = (SELECT 'u' || '1'), @bucket = 'b', @region = 'r') p",
        )
        .await
        .unwrap();
    let request = &world.api.requests()[0];
    assert_eq!((request.path.as_str(), request.query["uploadId"].as_str()), ("/b/k", "u1"));
}

#[tokio::test]
async fn variables_carry_values_between_statements() {
    let world = World::new(|number, _| match number {
        0 => Reply::new(
            200,
            "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>\
             <UploadId>ID-1</UploadId></InitiateMultipartUploadResult>",
        ),
        _ => s3::list_parts(&[1], 0, 1000),
    })
    .await;
    world
        .run(
            "SET VARIABLE upload_id = (SELECT UploadId FROM \
             (EXEC aws.s3.multipart_uploads.multipart_uploads_Create @Key='k', @bucket='b', @region='r') c); \
             EXEC aws.s3.parts.parts_List @Key='k', @uploadId=getvariable('upload_id'), @bucket='b', @region='r'",
        )
        .await
        .unwrap();
    let requests = world.api.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].query["uploadId"], "ID-1");
    let error = world.fails("SELECT getvariable('nothing')").await;
    assert!(error.message.contains("variable nothing is not set"), "{}", error.message);
}

#[tokio::test]
async fn a_mutation_that_a_query_reads_twice_is_made_once() {
    let world = World::new(|_, _| {
        Reply::new(
            200,
            "<InitiateMultipartUploadResult><UploadId>I</UploadId></InitiateMultipartUploadResult>",
        )
    })
    .await;
    let rows = world
        .run(
            "WITH c AS (EXEC aws.s3.multipart_uploads.multipart_uploads_Create @Key='k', @bucket='b', \
             @region='r') SELECT a.UploadId FROM c a JOIN c b ON a.UploadId = b.UploadId",
        )
        .await
        .unwrap();
    assert_eq!(rows.count(), 1);
    assert_eq!(world.api.requests().len(), 1);
}

#[tokio::test]
async fn planning_makes_no_call() {
    let world = World::silent().await;
    let text = format!("SELECT count(*) FROM ({LIST}) p");
    let statement = nephos_sql::parse(&text).unwrap().remove(0);
    drop(world.session.run(&statement).await.unwrap());
    assert_eq!(world.api.requests().len(), 0);
}

#[tokio::test]
async fn select_binds_parameters_and_keeps_the_rest_as_filters() {
    let world = World::new(|_, request| {
        let name = request.path.trim_matches('/').to_owned();
        Reply::new(
            200,
            format!(
                "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>{name}-1</Key><Size>5</Size></Contents>\
                 <Contents><Key>{name}-2</Key><Size>50</Size></Contents></ListBucketResult>"
            ),
        )
    })
    .await;
    let rows = world
        .run(
            "SELECT o.bucket, o.key FROM aws.s3.objects o WHERE o.region = lower('EU-WEST-1') \
             AND o.bucket IN ('x', 'y') AND o.Size > 10 AND prefix = 'p' ORDER BY 1",
        )
        .await
        .unwrap();
    assert_eq!(rows.table(), [["x", "x-2"], ["y", "y-2"]]);
    let requests = world.api.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|r| r.query["prefix"] == "p" && r.headers["authorization"].contains("/eu-west-1/")));
    let or = world.fails("SELECT * FROM aws.s3.objects WHERE region = 'r' OR bucket = 'b'").await;
    assert!(
        or.message.contains("lacks") && or.message.contains("bucket, region"),
        "{}",
        or.message
    );
}

#[tokio::test]
async fn star_shows_parameters_that_were_used() {
    let world = World::new(|_, _| {
        Reply::new(200, "<ListAllMyBucketsResult><Buckets><Bucket><Name>n</Name></Bucket></Buckets></ListAllMyBucketsResult>")
    })
    .await;
    let rows = world.run("SELECT * FROM aws.s3.buckets WHERE region = 'us-east-1'").await.unwrap();
    assert_eq!(rows.column("Name"), ["n"]);
    assert_eq!(rows.column("region"), ["us-east-1"]);
    assert!(!rows.columns().contains(&"bucket".to_owned()));
    let ignored = world
        .run("SELECT name, aws.s3.buckets.region FROM aws.s3.buckets WHERE region = 'r' AND bucket = 'b'")
        .await
        .unwrap();
    assert_eq!(ignored.table(), [["n", "r"]]);
}
