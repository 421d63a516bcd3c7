//! Calls without a socket.

use crate::client::{call, completion, fails, ok, open, send, signed, signed_with};
use http_body_util::{BodyExt, Empty};
use nephos_s3::{Body, BoxError, LocalS3, OpenError, Options, SECRET_ACCESS_KEY};
use std::path::Path;

const MIB: usize = 1 << 20;

/// How many data files there are.
fn data_files(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("data"))
        .unwrap()
        .map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count())
        .sum()
}

#[tokio::test]
async fn an_upload_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = open(dir.path());
    ok(&endpoint, "PUT", "/bucket", b"").await;
    ok(&endpoint, "PUT", "/bucket/small", b"tiny").await;
    let upload = ok(&endpoint, "POST", "/bucket/key?uploads=", b"").await.element("UploadId");
    let first = vec![b'1'; 5 * MIB];
    let part = |number| format!("/bucket/key?partNumber={number}&uploadId={upload}");
    let one = ok(&endpoint, "PUT", &part(1), &first).await.etag();
    drop(endpoint);

    let endpoint = open(dir.path());
    let two = ok(&endpoint, "PUT", &part(2), b"22").await.etag();
    let listed = ok(&endpoint, "GET", &format!("/bucket/key?uploadId={upload}"), b"").await.text();
    assert_eq!(listed.matches("<Part>").count(), 2);
    let done = completion(&[(1, &one), (2, &two)]);
    let finish = format!("/bucket/key?uploadId={upload}");
    let tag = ok(&endpoint, "POST", &finish, &done).await.element("ETag");
    drop(endpoint);

    let endpoint = open(dir.path());
    let whole = ok(&endpoint, "GET", "/bucket/key", b"").await;
    assert_eq!(whole.body, [&first[..], b"22"].concat());
    assert_eq!(whole.etag(), tag.replace("&quot;", "\""));
    assert_eq!(ok(&endpoint, "GET", "/bucket/small", b"").await.body, b"tiny");
    // The repeat of a completion is answered across restarts as well.
    assert_eq!(ok(&endpoint, "POST", &finish, &done).await.element("ETag"), tag);
    fails(&endpoint, ("GET", &finish, b""), (404, "NoSuchUpload")).await;
}

#[tokio::test]
async fn replaced_and_refused_bytes_leave_no_files() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = open(dir.path());
    ok(&endpoint, "PUT", "/bucket", b"").await;
    let body = vec![7; 100_000];
    ok(&endpoint, "PUT", "/bucket/key", &body).await;
    ok(&endpoint, "PUT", "/bucket/key", &body).await;
    // Files go after the answer, on the thread that commits; closing waits for it.
    drop(endpoint);
    assert_eq!(data_files(dir.path()), 1);

    let endpoint = open(dir.path());
    let mut request = signed("PUT", "/bucket/bad", &body, "nephos-local");
    request.headers_mut().insert("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==".parse().unwrap());
    assert_eq!(send(&endpoint, request).await.element("Code"), "BadDigest");
    fails(&endpoint, ("GET", "/bucket/bad", b""), (404, "NoSuchKey")).await;
    assert_eq!(data_files(dir.path()), 1);

    let upload = ok(&endpoint, "POST", "/bucket/key?uploads=", b"").await.element("UploadId");
    for _ in 0..2 {
        ok(&endpoint, "PUT", &format!("/bucket/key?partNumber=1&uploadId={upload}"), &body).await;
    }
    drop(endpoint);
    assert_eq!(data_files(dir.path()), 2);
    let endpoint = open(dir.path());
    ok(&endpoint, "DELETE", &format!("/bucket/key?uploadId={upload}"), b"").await;
    ok(&endpoint, "DELETE", "/bucket/key", b"").await;
    drop(endpoint);
    assert_eq!(data_files(dir.path()), 0);
}

#[tokio::test]
async fn a_reader_keeps_what_it_reads() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = open(dir.path());
    ok(&endpoint, "PUT", "/bucket", b"").await;
    // Two files, of which the second is not open when both are dropped.
    let upload = ok(&endpoint, "POST", "/bucket/key?uploads=", b"").await.element("UploadId");
    let part = vec![b'a'; 5 * MIB];
    let path = |number| format!("/bucket/key?partNumber={number}&uploadId={upload}");
    let one = ok(&endpoint, "PUT", &path(1), &part).await.etag();
    let two = ok(&endpoint, "PUT", &path(2), &part).await.etag();
    let done = completion(&[(1, &one), (2, &two)]);
    ok(&endpoint, "POST", &format!("/bucket/key?uploadId={upload}"), &done).await;
    let reading = endpoint.call(signed("GET", "/bucket/key", b"", "nephos-local")).await;
    ok(&endpoint, "PUT", "/bucket/key", b"b").await;
    ok(&endpoint, "DELETE", "/bucket/key", b"").await;
    assert_eq!(data_files(dir.path()), 2);
    let read = reading.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(read, [&part[..], &part].concat());
    drop(endpoint);
    assert_eq!(data_files(dir.path()), 0);
}

#[tokio::test]
async fn requests_must_be_signed_with_the_published_secret() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = open(dir.path());
    let answer = send(&endpoint, signed("PUT", "/bucket", b"", "another secret")).await;
    assert_eq!((answer.status, answer.element("Code").as_str()), (403, "SignatureDoesNotMatch"));
    for header in ["x-amz-date", "x-amz-content-sha256"] {
        let mut anonymous = http::Request::put("/bucket/key")
            .header("host", "localhost:9000")
            .body(Body::new(Empty::new().map_err(|never| match never {})))
            .unwrap();
        let payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER".parse().unwrap();
        anonymous.headers_mut().insert(header, payload);
        let answer = send(&endpoint, anonymous).await;
        assert_eq!((answer.status, answer.element("Code").as_str()), (403, "AccessDenied"));
    }
}

#[tokio::test]
async fn ten_thousand_parts_are_listed_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { durability: nephos_s3::Durability::Fast, ..Options::default() };
    let endpoint = LocalS3::open(dir.path(), options).unwrap();
    ok(&endpoint, "PUT", "/bucket", b"").await;
    let upload = ok(&endpoint, "POST", "/bucket/key?uploads=", b"").await.element("UploadId");
    let put = |number: u16| {
        let path = format!("/bucket/key?partNumber={number}&uploadId={upload}");
        let endpoint = endpoint.clone();
        async move { ok(&endpoint, "PUT", &path, &number.to_be_bytes()).await.status }
    };
    let numbers: Vec<u16> = (1..=10_000).collect();
    for chunk in numbers.chunks(100) {
        futures::future::join_all(chunk.iter().rev().map(|number| put(*number))).await;
    }
    let mut marker = 0;
    for page in 1..=10 {
        let path = format!("/bucket/key?part-number-marker={marker}&uploadId={upload}");
        let answer = ok(&endpoint, "GET", &path, b"").await;
        assert_eq!(answer.text().matches("<Part>").count(), 1000);
        assert_eq!(answer.element("IsTruncated"), (page < 10).to_string());
        marker = answer.element("NextPartNumberMarker").parse().unwrap();
        assert_eq!(marker, page * 1000);
    }
    let path = format!("/bucket/key?part-number-marker=10000&uploadId={upload}");
    let empty = ok(&endpoint, "GET", &path, b"").await;
    assert_eq!(empty.text().matches("<Part>").count(), 0);
    assert_eq!(empty.element("NextPartNumberMarker"), "0");
    assert_eq!(empty.element("IsTruncated"), "false");
}

#[tokio::test]
async fn a_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = open(dir.path());
    std::fs::write(dir.path().join("endpoint"), "http://127.0.0.1:1").unwrap();
    let error = LocalS3::open(dir.path(), Options::default()).unwrap_err();
    let OpenError::InUse { endpoint: Some(url), .. } = &error else { panic!("{error}") };
    assert_eq!(url, "http://127.0.0.1:1");
    drop(endpoint);
    // The lock is free, so the file is one that a killed process left.
    let endpoint = open(dir.path());
    assert!(!dir.path().join("endpoint").exists());
    assert_eq!(call(&endpoint, "GET", "/", b"").await.status, 200);
}

#[test]
fn a_file_that_is_no_database_is_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("meta.redb"), [b'x'; 8192]).unwrap();
    let error = LocalS3::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_lost_key_is_told_and_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let header = [("x-amz-server-side-encryption", "AES256".to_owned())];
    let encrypted =
        |method, path, body| signed_with(method, path, body, SECRET_ACCESS_KEY, &header);
    let endpoint = open(dir.path());
    ok(&endpoint, "PUT", "/bucket", b"").await;
    assert_eq!(send(&endpoint, encrypted("PUT", "/bucket/key", b"x")).await.status, 200);
    drop(endpoint);
    let file = dir.path().join("encryption.key");
    let key = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();

    let endpoint = open(dir.path());
    let requests =
        [signed("GET", "/bucket/key", b"", SECRET_ACCESS_KEY), encrypted("PUT", "/bucket/b", b"x")];
    for request in requests {
        let answer = send(&endpoint, request).await;
        assert_eq!(answer.status, 500);
        let message = answer.element("Message");
        assert!(message.contains("encryption.key: the key file is missing"), "{message}");
        assert!(!file.exists());
    }
    std::fs::write(&file, key).unwrap();
    assert_eq!(ok(&endpoint, "GET", "/bucket/key", b"").await.body, b"x");
}

#[tokio::test]
async fn a_completion_is_not_repeated_in_a_later_bucket_of_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = open(dir.path());
    ok(&endpoint, "PUT", "/bucket", b"").await;
    let upload = ok(&endpoint, "POST", "/bucket/key?uploads=", b"").await.element("UploadId");
    let path = format!("/bucket/key?partNumber=1&uploadId={upload}");
    let tag = ok(&endpoint, "PUT", &path, b"x").await.etag();
    let (finish, done) = (format!("/bucket/key?uploadId={upload}"), completion(&[(1, &tag)]));
    ok(&endpoint, "POST", &finish, &done).await;
    ok(&endpoint, "POST", &finish, &done).await;
    ok(&endpoint, "DELETE", "/bucket/key", b"").await;
    ok(&endpoint, "DELETE", "/bucket", b"").await;
    ok(&endpoint, "PUT", "/bucket", b"").await;
    fails(&endpoint, ("POST", &finish, &done), (404, "NoSuchUpload")).await;
}

#[tokio::test]
async fn the_tag_of_an_encrypted_object_says_nothing_about_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = open(dir.path());
    ok(&endpoint, "PUT", "/bucket", b"").await;
    let mut tags = Vec::new();
    for _ in 0..2 {
        let header = [("x-amz-server-side-encryption", "aws:kms".to_owned())];
        let request = signed_with("PUT", "/bucket/key", b"x", SECRET_ACCESS_KEY, &header);
        tags.push(send(&endpoint, request).await.etag());
    }
    // Neither half is a checksum of the bytes.
    assert_ne!(tags[0][..17], tags[1][..17]);
    assert_ne!(tags[0][17..], tags[1][17..]);
}

#[tokio::test]
async fn what_was_not_signed_or_is_not_what_was_promised_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options =
        Options { denied: vec!["s3:AbortMultipartUpload".to_owned()], ..Options::default() };
    let endpoint = LocalS3::open(dir.path(), options).unwrap();
    ok(&endpoint, "PUT", "/bucket", b"").await;
    ok(&endpoint, "PUT", "/bucket/key", b"x").await;

    let mut copy = signed("PUT", "/bucket/copy", b"", SECRET_ACCESS_KEY);
    copy.headers_mut().insert("x-amz-copy-source", "/bucket/key".parse().unwrap());
    let mut document = signed("PUT", "/bucket?tagging=", b"<a/>", SECRET_ACCESS_KEY);
    *document.body_mut() = Body::new(
        http_body_util::Full::new("<b/>".into()).map_err(|never| -> BoxError { match never {} }),
    );
    let wrong = [("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==".to_owned())];
    let list = b"<Delete><Object><Key>key</Key></Object></Delete>";
    let digest = signed_with("POST", "/bucket?delete=", list, SECRET_ACCESS_KEY, &wrong);
    let abort = "/bucket/key?uploadId=00000000000000000000000000000000";
    let denied = signed("DELETE", abort, b"", SECRET_ACCESS_KEY);
    for (request, status, code) in [
        (copy, 403, "AccessDenied"),
        (document, 400, "XAmzContentSHA256Mismatch"),
        (digest, 400, "BadDigest"),
        (denied, 403, "AccessDenied"),
    ] {
        let answer = send(&endpoint, request).await;
        assert_eq!((answer.status, answer.element("Code").as_str()), (status, code));
    }
    let listed = ok(&endpoint, "GET", "/bucket?list-type=2", b"").await;
    assert_eq!(listed.element("KeyCount"), "1");
    assert_eq!(ok(&endpoint, "GET", "/bucket/key", b"").await.body, b"x");
}

#[tokio::test]
async fn control_characters_in_keys_can_be_read_from_a_list() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = open(dir.path());
    ok(&endpoint, "PUT", "/bucket", b"").await;
    ok(&endpoint, "PUT", "/bucket/a%0Db%01", b"").await;
    let listed = ok(&endpoint, "GET", "/bucket?list-type=2", b"").await;
    assert_eq!(listed.element("Key"), "a&#xD;b&#x1;");
}
