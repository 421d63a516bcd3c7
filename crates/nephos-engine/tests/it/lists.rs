//! Lists and their pages.

use std::fmt::Write as _;

use nephos_engine::ErrorKind;
use nephos_testkit::{Recorded, Reply, s3};

use crate::world::{LIST, World};

fn marker(request: &Recorded) -> u32 {
    request.query.get("part-number-marker").map_or(0, |marker| marker.parse().unwrap())
}

async fn listing(numbers: Vec<u32>) -> World {
    World::new(move |_, request| {
        let max = request.query.get("max-parts").map_or(1000, |max| max.parse().unwrap());
        s3::list_parts(&numbers, marker(request), max)
    })
    .await
}

fn numbers(rows: &crate::world::Rows) -> Vec<u32> {
    rows.column("PartNumber").iter().map(|number| number.parse().unwrap()).collect()
}

#[tokio::test]
async fn ten_thousand_parts_come_once_each_and_in_order() {
    let world = listing((1..=10_000).collect()).await;
    let rows = world.run(LIST).await.unwrap();
    assert_eq!(numbers(&rows), (1..=10_000).collect::<Vec<_>>());
    assert_eq!(world.api.requests().len(), 10);
    assert!(world.api.most_in_flight() > 1, "pages whose marker is known are asked for together");
}

#[tokio::test]
async fn numbers_with_gaps_come_once_each_and_in_order() {
    let sparse: Vec<u32> = (1..=10_000).step_by(3).collect();
    let world = listing(sparse.clone()).await;
    assert_eq!(numbers(&world.run(LIST).await.unwrap()), sparse);
    let late: Vec<u32> = (1..=1000).chain(9001..=10_000).collect();
    let world = listing(late.clone()).await;
    assert_eq!(numbers(&world.run(LIST).await.unwrap()), late);
}

#[tokio::test]
async fn a_service_with_smaller_pages_loses_no_part() {
    let world = World::new(|_, request| {
        s3::list_parts(&(1..=1205).collect::<Vec<_>>(), marker(request), 100)
    })
    .await;
    assert_eq!(numbers(&world.run(LIST).await.unwrap()), (1..=1205).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_that_is_asked_for_is_one_page_with_its_own_marks() {
    let world = listing((1..=50).collect()).await;
    let rows = world.run(&format!("{LIST}, @\"max-parts\"=20")).await.unwrap();
    assert_eq!(numbers(&rows), (1..=20).collect::<Vec<_>>());
    assert_eq!(rows.column("IsTruncated")[0], "true");
    assert_eq!(rows.column("NextPartNumberMarker")[0], "20");
    let rows = world.run(&format!("{LIST}, @part_number_marker=45")).await.unwrap();
    assert_eq!(numbers(&rows), (46..=50).collect::<Vec<_>>());
    assert_eq!(rows.column("IsTruncated")[0], "false");
    assert_eq!(world.api.requests().len(), 2);
}

#[tokio::test]
async fn a_followed_list_does_not_claim_to_be_truncated() {
    let world = listing((1..=2500).collect()).await;
    let rows = world.run(LIST).await.unwrap();
    assert!(rows.column("IsTruncated").iter().all(|more| more == "false"));
    assert!(rows.column("NextPartNumberMarker").iter().all(|marker| marker == "-"));
}

#[tokio::test]
async fn an_empty_list_ends_although_s3_gives_a_marker_for_it() {
    let world = listing(Vec::new()).await;
    assert_eq!(world.run(LIST).await.unwrap().count(), 0);
    assert_eq!(world.api.requests().len(), 1);
}

#[tokio::test]
async fn a_token_that_repeats_is_an_error_and_not_a_loop() {
    let world = World::new(|_, _| {
        let numbers: Vec<u32> = (1..=1001).collect();
        s3::list_parts(&numbers, 0, 1000)
    })
    .await;
    let error = world.fails(LIST).await;
    assert_eq!(error.kind, ErrorKind::Incomplete);
    assert!(error.message.contains("same page token twice"), "{}", error.message);
}

#[tokio::test]
async fn limit_stops_paging() {
    let world = listing((1..=10_000).collect()).await;
    let rows = world.run(&format!("SELECT PartNumber FROM ({LIST}) p LIMIT 5")).await.unwrap();
    assert_eq!(rows.count(), 5);
    assert_eq!(world.api.requests().len(), 1);
}

#[tokio::test]
async fn objects_page_by_the_last_key_where_no_marker_is_given() {
    let world = World::new(|_, request| {
        let page = |keys: &[&str], more: bool| {
            let mut contents = String::new();
            for key in keys {
                let _ = write!(contents, "<Contents><Key>{key}</Key><Size>1</Size></Contents>");
            }
            Reply::new(
                200,
                format!(
                    "<ListBucketResult><Name>b</Name><IsTruncated>{more}</IsTruncated>{contents}\
                     <CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>"
                ),
            )
        };
        match request.query.get("marker").map(String::as_str) {
            None => page(&["a", "b%20c"], true),
            Some("b%2520c") => page(&["d"], false),
            other => panic!("unexpected marker {other:?}"),
        }
    })
    .await;
    let rows = world
        .run("SELECT Element, key, Prefix FROM aws.s3.objects WHERE bucket='b' AND region='r'")
        .await
        .unwrap();
    assert_eq!(rows.column("Key"), ["a", "b%20c", "-", "d", "-"]);
    assert_eq!(rows.column("Element")[2], "CommonPrefixes");
}

#[tokio::test]
async fn a_marker_is_the_last_key_with_its_blanks() {
    let world = World::new(|_, request| {
        let page = |key: &str, more: bool| {
            Reply::new(
                200,
                format!(
                    "<ListBucketResult><IsTruncated>{more}</IsTruncated><Contents><Key>{key}</Key>\
                     </Contents></ListBucketResult>"
                ),
            )
        };
        match request.query.get("marker").map(String::as_str) {
            None => page(" a ", true),
            Some("%20a%20") => page("b", false),
            other => panic!("unexpected marker {other:?}"),
        }
    })
    .await;
    let rows =
        world.run("SELECT Key FROM aws.s3.objects WHERE bucket='b' AND region='r'").await.unwrap();
    assert_eq!(rows.column("Key"), [" a ", "b"]);
}

#[tokio::test]
async fn a_marker_of_encoded_keys_is_sent_plain() {
    let world = World::new(|_, request| {
        let page = |key: &str, more: bool| {
            Reply::new(
                200,
                format!(
                    "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>\
                     <Contents><Key>{key}</Key></Contents></ListBucketResult>"
                ),
            )
        };
        match request.query.get("marker").map(String::as_str) {
            None => page("%C3%A9", true),
            Some("%C3%A9") => page("z", false),
            other => panic!("unexpected marker {other:?}"),
        }
    })
    .await;
    let text = "SELECT Key FROM aws.s3.objects WHERE bucket='b' AND region='r' AND \"encoding-type\"='url'";
    assert_eq!(world.run(text).await.unwrap().column("Key"), ["%C3%A9", "z"]);
}

#[tokio::test]
async fn an_argument_that_is_null_does_not_ask_for_one_page() {
    let world = listing((1..=1500).collect()).await;
    let rows = world.run(&format!("{LIST}, @\"max-parts\"=NULL")).await.unwrap();
    assert_eq!(rows.count(), 1500);
    let rows = world
        .run(&format!("SELECT count(*) FROM ({LIST}, @max_parts=nullif(1, 1)) p"))
        .await
        .unwrap();
    assert_eq!(rows.table(), [["1500"]]);
}

#[tokio::test]
async fn tokens_that_come_round_again_are_an_error() {
    let world = World::new(|_, request| {
        let next = match request.query.get("continuation-token").map(String::as_str) {
            None | Some("c") => "a",
            Some("a") => "b",
            _ => "c",
        };
        Reply::new(
            200,
            format!(
                "<ListBucketResult><IsTruncated>true</IsTruncated>\
                 <NextContinuationToken>{next}</NextContinuationToken></ListBucketResult>"
            ),
        )
    })
    .await;
    let error =
        world.fails("EXEC aws.s3.objects_v2s.objects_v2s_List @bucket='b', @region='r'").await;
    assert_eq!(error.kind, ErrorKind::Incomplete);
}
