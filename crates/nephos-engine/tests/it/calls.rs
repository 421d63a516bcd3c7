//! What a call looks like on the wire, and when it is sent again.

use std::time::Duration;

use nephos_engine::ErrorKind;
use nephos_http::RetryPolicy;
use nephos_testkit::{MockApi, Reply, s3};

use crate::world::{LIST, World, catalog, credentials, run, session_with};

fn upload(payload: &str) -> String {
    format!(
        "EXEC aws.s3.parts.parts_Upload @Key='a b/ü+&.bin', @partNumber=7, @uploadId='u/1', \
         @Bucket='b', @region='eu-west-1' {payload}"
    )
}

fn stored(_: usize, _: &nephos_testkit::Recorded) -> Reply {
    Reply::new(200, "")
        .header("ETag", "\"abc\"")
        .header("x-amz-checksum-crc64nvme", "AAAA")
        .header("x-amz-server-side-encryption", "AES256")
}

fn temporary(name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("nephos-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test]
async fn an_upload_carries_its_bytes_and_answers_with_headers() {
    let world = World::new(stored).await;
    let rows = world.run(&upload("@@body='hello'")).await.unwrap();
    assert_eq!(rows.column("ETag"), ["\"abc\""]);
    assert_eq!(rows.column("ChecksumCRC64NVME"), ["AAAA"]);
    assert_eq!(rows.column("ServerSideEncryption"), ["AES256"]);
    let request = &world.api.requests()[0];
    assert_eq!(request.method, "PUT");
    assert_eq!(request.path, "/b/a%20b/%C3%BC%2B%26.bin");
    assert_eq!(request.query["partNumber"], "7");
    assert_eq!(request.query["uploadId"], "u%2F1");
    assert_eq!(request.body, b"hello");
    let signed = &request.headers["authorization"];
    assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{signed}");
    assert!(signed.contains("/eu-west-1/s3/aws4_request"), "{signed}");
}

#[tokio::test]
async fn a_range_of_a_file_is_a_body() {
    let world = World::new(stored).await;
    let path = temporary("range", b"0123456789");
    let file = path.display();
    for (payload, body) in [
        (format!("@@file='{file}'"), &b"0123456789"[..]),
        (format!("@@file='{file}' OFFSET 3"), b"3456789"),
        (format!("@@file='{file}' OFFSET 3 LENGTH 4"), b"3456"),
        (format!("@@file='{file}' LENGTH 2"), b"01"),
        (format!("@@file='{file}' OFFSET 10"), b""),
        ("@@body=''".to_owned(), b""),
    ] {
        world.run(&upload(&payload)).await.unwrap();
        let request = world.api.requests().pop().unwrap();
        assert_eq!(request.body, body, "{payload}");
        assert_eq!(request.headers["content-length"], body.len().to_string());
    }
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn slow_down_twice_and_then_success() {
    let world = World::new(|number, _| match number {
        0 | 1 => s3::error(503, "SlowDown", "Please reduce your request rate."),
        _ => s3::list_parts(&[1, 2], 0, 1000),
    })
    .await;
    assert_eq!(world.run(LIST).await.unwrap().count(), 2);
    assert_eq!(world.api.requests().len(), 3);
}

#[tokio::test]
async fn the_service_says_how_long_to_wait() {
    let api = MockApi::start(|number, _| match number {
        0 => s3::error(503, "SlowDown", "Please reduce your request rate.")
            .header("Retry-After", "0"),
        1 => s3::error(503, "SlowDown", "Please reduce your request rate.")
            .header("Retry-After", "9999"),
        _ => s3::list_parts(&[1], 0, 1000),
    })
    .await
    .unwrap();
    // Any wait of its own would be an hour.
    let retry = RetryPolicy {
        first_wait: Duration::from_hours(1),
        longest_wait: Duration::from_hours(1),
        ..RetryPolicy::default()
    };
    let session = session_with(api.url(), catalog(), retry);
    let error = run(&session, LIST).await.unwrap_err();
    assert!(error.message.contains("SlowDown"), "{}", error.message);
    assert_eq!(api.requests().len(), 2);
}

#[tokio::test]
async fn an_upload_of_a_part_is_repeated_with_all_its_bytes() {
    let world = World::new(|number, request| match number {
        0 => s3::error(503, "SlowDown", "Please reduce your request rate."),
        _ => stored(number, request),
    })
    .await;
    let path = temporary("again", &vec![7; 300_000]);
    world.run(&upload(&format!("@@file='{}'", path.display()))).await.unwrap();
    let bodies: Vec<usize> = world.api.requests().iter().map(|r| r.body.len()).collect();
    assert_eq!(bodies, [300_000, 300_000]);
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_call_that_is_not_idempotent_is_sent_once() {
    let world = World::new(|_, _| s3::error(500, "InternalError", "We had a fault.")).await;
    let text = "INSERT INTO aws.s3.multipart_uploads(Key, bucket, region) VALUES ('k', 'b', 'r')";
    let error = world.fails(text).await;
    assert!(error.message.contains("InternalError"), "{}", error.message);
    assert_eq!(world.api.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_cut_is_asked_for_again_and_never_half_read() {
    let whole = |_: usize, _: &nephos_testkit::Recorded| s3::list_parts(&[1, 2, 3], 0, 1000);
    let world = World::new(move |number, request| {
        let reply = whole(number, request);
        if number == 0 { reply.cut_after(150) } else { reply }
    })
    .await;
    assert_eq!(world.run(LIST).await.unwrap().count(), 3);
    let world = World::new(move |number, request| whole(number, request).cut_after(150)).await;
    let error = world.fails(LIST).await;
    assert_eq!(error.kind, ErrorKind::Transport);
    assert!(error.message.contains("middle of the answer"), "{}", error.message);
    assert_eq!(world.api.requests().len(), 5);
}

#[tokio::test]
async fn an_error_inside_a_success_is_an_error() {
    let world = World::new(|_, _| {
        let mut reply = s3::error(200, "InternalError", "We encountered an internal error.");
        reply = reply.header("x-amz-request-id", "R");
        reply
    })
    .await;
    let error = world
        .fails(
            "EXEC aws.s3.multipart_uploads.multipart_uploads_Complete @Key='k', @uploadId='u', \
             @bucket='b', @region='r' @@json='{\"Part\":[{\"PartNumber\":1,\"ETag\":\"e\"}]}'",
        )
        .await;
    assert_eq!(error.kind, ErrorKind::Service);
    assert!(error.message.contains("InternalError"), "{}", error.message);
    let body = String::from_utf8(world.api.requests()[0].body.clone()).unwrap();
    assert_eq!(
        body,
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part>\
         <ETag>e</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"
    );
    assert_eq!(world.api.requests().len(), 1);
}

#[tokio::test]
async fn secrets_are_in_no_error() {
    let world = World::new(|_, _| s3::error(403, "SignatureDoesNotMatch", "no match")).await;
    let error = world
        .fails(&format!("{LIST}, @\"x-amz-server-side-encryption-customer-key\"='TOP-SECRET'"))
        .await;
    let all = format!("{error} {error:?}");
    assert!(!all.contains("TOP-SECRET") && !all.contains("SECRET-ACCESS-KEY"), "{all}");
}

#[tokio::test]
async fn values_reach_the_service_as_they_were_typed() {
    let world = World::new(stored).await;
    let json = r#"{"z":1.0, "a": 12345678901234567890123, "a":2}"#;
    world
        .run(&format!(
            "EXEC aws.s3.objects.objects_Put @Key=12345678901234567890123, @bucket='b', @region='r' \
             @@json='{json}'"
        ))
        .await
        .unwrap();
    let request = &world.api.requests()[0];
    assert_eq!(request.path, "/b/12345678901234567890123");
    assert_eq!(String::from_utf8(request.body.clone()).unwrap(), json);
}

#[tokio::test]
async fn a_bucket_may_stand_in_the_host() {
    let world = World::new(stored).await;
    let url = world.api.url().replace("127.0.0.1", "localhost");
    let client = nephos_http::ClientBuilder::new(std::sync::Arc::new(nephos_http::Network::new()))
        .endpoint(nephos_http::Endpoint {
            url: Some(nephos_http::Endpoint::parse(&url).unwrap()),
            addressing: nephos_http::Addressing::VirtualHost,
        })
        .credentials(credentials())
        .build();
    let session = nephos_engine::Session::new(std::sync::Arc::new(catalog()), client);
    run(&session, &upload("@@body='x'").replace("@Bucket='b'", "@Bucket='a-bucket'"))
        .await
        .unwrap();
    let request = &world.api.requests()[0];
    assert!(request.headers["host"].starts_with("a-bucket.localhost:"), "{:?}", request.headers);
    assert_eq!(request.path, "/a%20b/%C3%BC%2B%26.bin");
}

#[tokio::test]
async fn an_object_that_looks_like_an_error_is_an_object() {
    let text = "<Error><Code>InternalError</Code></Error>";
    let world = World::new(move |_, _| Reply::new(200, text)).await;
    let rows = world
        .run("SELECT CAST(Body AS VARCHAR) AS body FROM aws.s3.objects WHERE bucket='b' AND region='r' AND Key='k'")
        .await
        .unwrap();
    assert_eq!(rows.column("body"), [text]);
    assert_eq!(world.api.requests().len(), 1);
}
