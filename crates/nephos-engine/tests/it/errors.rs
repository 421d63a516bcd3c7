//! Bad input: what the error says, and that nothing was sent.

use nephos_engine::{Error, ErrorKind};
use nephos_testkit::s3;

use crate::world::{LIST, World, catalog, credentials, run, session_at};

const UPLOAD: &str =
    "EXEC aws.s3.parts.parts_Upload @Key='k', @uploadId='u', @bucket='b', @region='r'";

fn says(error: &Error, message: &str, hint: &str) {
    assert!(error.message.contains(message), "{}", error.message);
    assert!(error.hints.iter().any(|h| h.contains(hint)), "{:?}", error.hints);
}

#[tokio::test]
async fn all_missing_parameters_are_named_at_once() {
    let world = World::silent().await;
    let error = world.fails("EXEC aws.s3.parts.parts_Upload @Key='k' @@body='x'").await;
    says(
        &error,
        "missing required parameters partNumber, uploadId, bucket, region for aws.s3.parts.parts_Upload",
        "SHOW METHODS IN aws.s3.parts",
    );
    let error = world.fails("SELECT * FROM aws.s3.bucket_acls").await;
    says(
        &error,
        "missing required parameters bucket, region",
        "SHOW METHODS IN aws.s3.bucket_acls",
    );
    assert_eq!(world.api.requests().len(), 0);
}

#[tokio::test]
async fn unknown_names_get_the_nearest_ones() {
    let world = World::silent().await;
    for (text, message, hint) in [
        ("SHOW SERVICES IN awz", "provider awz does not exist", "did you mean aws?"),
        ("SHOW RESOURCES IN aws.s4", "service s4 does not exist in aws", "SHOW SERVICES IN aws"),
        (
            "SHOW METHODS IN aws.s3.partz",
            "resource partz does not exist in aws.s3",
            "did you mean parts",
        ),
        (
            "EXEC aws.s3.parts.parts_Lst",
            "method parts_Lst does not exist in aws.s3.parts",
            "did you mean parts_List",
        ),
        ("DESCRIBE METHOD aws.s3.parts.list", "method list does not exist", "parts_List"),
        ("SELECT * FROM aws.s3.bucketz", "resource bucketz does not exist", "did you mean buckets"),
        ("SELECT * FROM nothing", "table nothing does not exist", "provider.service.resource"),
    ] {
        says(&world.fails(text).await, message, hint);
    }
    let error = world.fails(&format!("{LIST}, @uplodId='x'")).await;
    says(&error, "method parts_List has no parameter uplodId", "did you mean uploadId");
    let error = world.fails(&format!("SELECT Sise FROM ({LIST}) p")).await;
    assert!(error.message.contains("Sise"), "{}", error.message);
    assert_eq!(world.api.requests().len(), 0);
}

#[tokio::test]
async fn part_numbers_out_of_range_are_refused_before_the_call() {
    let world = World::silent().await;
    for number in ["'abc'", "0", "10001", "-1", "1.5"] {
        let error = world.fails(&format!("{UPLOAD}, @partNumber={number} @@body='x'")).await;
        assert!(
            error.message.contains("partNumber must be an integer from 1 to 10000, found"),
            "{number}: {}",
            error.message
        );
    }
    assert_eq!(world.api.requests().len(), 0);
}

#[tokio::test]
async fn files_that_cannot_be_sent_are_refused_before_the_call() {
    let world = World::silent().await;
    let file = std::env::temp_dir().join(format!("nephos-{}-short", std::process::id()));
    std::fs::write(&file, b"12345").unwrap();
    let shown = file.display();
    let directory = std::env::temp_dir();
    for (payload, message) in [
        ("@@file='/no/such/file'".to_owned(), "cannot read file /no/such/file"),
        (format!("@@file='{}'", directory.display()), "is a directory"),
        ("@@file='/dev/null'".to_owned(), "is not a regular file"),
        (format!("@@file='{shown}' OFFSET 6"), "OFFSET 6 is past the end"),
        (format!("@@file='{shown}' OFFSET 2 LENGTH 4"), "goes past the end"),
        (format!("@@file='{shown}' OFFSET 'x'"), "OFFSET must be a number of bytes"),
        (String::new(), "needs a request body"),
    ] {
        let error = world.fails(&format!("{UPLOAD}, @partNumber=1 {payload}")).await;
        assert!(error.message.contains(message), "{payload}: {}", error.message);
    }
    std::fs::remove_file(file).unwrap();
    assert_eq!(world.api.requests().len(), 0);
}

#[tokio::test]
async fn a_body_where_none_is_taken_is_refused() {
    let world = World::silent().await;
    let error = world.fails(&format!("{LIST} @@body='x'")).await;
    says(&error, "aws.s3.parts.parts_List takes no request body", "DESCRIBE METHOD");
    assert_eq!(world.api.requests().len(), 0);
}

#[tokio::test]
async fn an_upload_that_is_gone_is_explained() {
    let world =
        World::new(|_, _| s3::error(404, "NoSuchUpload", "The specified upload does not exist."))
            .await;
    let error = world.fails(LIST).await;
    assert_eq!(error.kind, ErrorKind::Service);
    says(
        &error,
        "NoSuchUpload: The specified upload does not exist (HTTP 404)",
        "completed, aborted or never begun",
    );
    assert!(error.context.contains(&("request id", "TEST-REQUEST".to_owned())));
    assert_eq!(world.api.requests().len(), 1);
}

#[tokio::test]
async fn refused_signatures_and_clocks_are_explained() {
    for (code, hint) in [
        ("SignatureDoesNotMatch", "secret access key"),
        ("InvalidAccessKeyId", "access key id"),
        ("RequestTimeTooSkewed", "clock"),
        ("AccessDenied", "ListParts"),
    ] {
        let world = World::new(move |_, _| s3::error(403, code, "no")).await;
        says(&world.fails(LIST).await, code, hint);
        assert_eq!(world.api.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = run(&session_at(&url, catalog()), LIST).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transport);
    assert!(error.message.contains("cannot connect to 127.0.0.1"), "{}", error.message);
}

#[tokio::test]
async fn bad_sql_points_at_the_place() {
    for (text, at) in [
        ("SELECT 1 +", ""),
        ("SHOW METHODS aws", "aws"),
        ("SELECT * FORM t", "FORM"),
        ("EXEC aws.s3.parts @a=1", "aws.s3.parts"),
        ("EXEC aws.s3.parts.parts_List @a=1 @b=2", "@"),
        ("EXEC aws.s3.parts.parts_List @a=1, @a=2", "@a"),
        ("SELECT 'abc", "'"),
        ("DROP TABLE x", "DROP"),
        ("SELECT (1", ""),
    ] {
        let error = nephos_sql::parse(text).unwrap_err();
        assert_eq!(text.get(error.span.clone()), Some(at), "{text}: {error:?}");
    }
    let world = World::silent().await;
    let text = format!("SELECT\n  Sise\nFROM ({LIST}) p");
    let error = world.fails(&text).await.locate(&text);
    assert_eq!(error.span.map(|span| &text[span]), Some("Sise"));
}

#[tokio::test]
async fn names_that_would_mean_another_place_are_refused() {
    let world = World::silent().await;
    for bucket in ["", ".", ".."] {
        let error = world
            .fails(&format!(
                "DELETE FROM aws.s3.objects WHERE bucket='{bucket}' AND region='r' AND Key='k'"
            ))
            .await;
        assert!(error.message.contains("is not the name of a bucket"), "{}", error.message);
    }
    let error = world
        .fails("SELECT * FROM aws.s3.objects WHERE bucket='b' AND region='r' AND Key='a/../b'")
        .await;
    assert!(error.message.contains(". or .."), "{}", error.message);
    for url in ["http://h/#", "http://h/?a=b", "ftp://h", "http://user:pw@h", "nonsense"] {
        assert!(nephos_http::Endpoint::parse(url).is_err(), "{url}");
    }
    assert_eq!(world.api.requests().len(), 0);
}

#[tokio::test]
async fn a_region_cannot_name_another_host() {
    let client = nephos_http::ClientBuilder::new(std::sync::Arc::new(nephos_http::Network::new()))
        .credentials(credentials())
        .build();
    let session = nephos_engine::Session::new(std::sync::Arc::new(catalog()), client);
    let text = "SELECT * FROM aws.s3.buckets WHERE region = '127.0.0.1:1/x?'";
    let error = run(&session, text).await.unwrap_err();
    assert!(error.message.contains("cannot be part of a host name"), "{}", error.message);
}

#[tokio::test]
async fn statements_that_would_not_fit_are_refused() {
    let world = World::silent().await;
    for text in [
        format!("SELECT {} 1", "1 OR ".repeat(20_000)),
        format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(20_000)),
        format!("SELECT {}1{}", "(".repeat(1000), ")".repeat(1000)),
    ] {
        assert!(nephos_sql::parse(&text).is_err());
    }
    let keys: Vec<String> = (0..10_001).map(|n| format!("'{n}'")).collect();
    let error = world
        .fails(&format!(
            "DELETE FROM aws.s3.objects WHERE bucket='b' AND region='r' AND Key IN ({})",
            keys.join(", ")
        ))
        .await;
    assert!(error.message.contains("would make 10001 calls"), "{}", error.message);
    assert_eq!(world.api.requests().len(), 0);
}
