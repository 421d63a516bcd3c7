//! `kill -9` in the middle of writing.

use crate::client::{ok, open, signed};
use nephos_s3::SECRET_ACCESS_KEY;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};

/// The example server, which cargo builds together with the tests.
fn server(dir: &Path, fsync: bool) -> Child {
    let mut program = std::env::current_exe().unwrap();
    program.pop();
    program.pop();
    program.push("examples/serve");
    let mut command = Command::new(program);
    command.arg(dir);
    if !fsync {
        command.args(["127.0.0.1:0", "--no-fsync"]);
    }
    command.spawn().unwrap()
}

/// Waits for the endpoint file: a process that died without writing it ends the test.
fn url(dir: &Path, child: &mut Child) -> String {
    loop {
        if let Ok(url) = std::fs::read_to_string(dir.join("endpoint")) {
            return url;
        }
        assert!(child.try_wait().unwrap().is_none(), "the server ended");
        std::thread::yield_now();
    }
}

/// Opens a connection and sends the head of a signed request.
fn begin(url: &str, path: &str, body: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    write!(connection, "PUT {path} HTTP/1.1\r\nConnection: close\r\n").unwrap();
    for (name, value) in signed("PUT", path, body, SECRET_ACCESS_KEY).headers() {
        write!(connection, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
    }
    connection.write_all(b"\r\n").unwrap();
    connection
}

/// Sends a whole request and returns the status line.
fn put(url: &str, path: &str, body: &[u8]) -> String {
    let mut connection = begin(url, path, body);
    connection.write_all(body).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

async fn acknowledged_writes_survive(fsync: bool) {
    let dir = tempfile::tempdir().unwrap();
    let mut child = server(dir.path(), fsync);
    let url = url(dir.path(), &mut child);
    assert_eq!(put(&url, "/bucket", b""), "HTTP/1.1 200 OK");
    for number in 0..20_u8 {
        let body = vec![number; 1000 * (usize::from(number) + 1)];
        assert_eq!(put(&url, &format!("/bucket/{number}"), &body), "HTTP/1.1 200 OK");
    }
    // A body that has only half arrived.
    let half = vec![1; 3 << 20];
    let mut connection = begin(&url, "/bucket/half", &half);
    connection.write_all(&half[..2 << 20]).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let endpoint = open(dir.path());
    for number in 0..20_u8 {
        let answer = ok(&endpoint, "GET", &format!("/bucket/{number}"), b"").await;
        assert_eq!(answer.body, vec![number; 1000 * (usize::from(number) + 1)]);
    }
    let listed = ok(&endpoint, "GET", "/bucket", b"").await.text();
    assert_eq!(listed.matches("<Contents>").count(), 20);
    let files: usize = std::fs::read_dir(dir.path().join("data"))
        .unwrap()
        .map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count())
        .sum();
    // The eight bodies of up to 8 KiB are rows.
    assert_eq!(files, 12);
}

#[tokio::test]
async fn acknowledged_writes_survive_kill() {
    acknowledged_writes_survive(true).await;
}

#[tokio::test]
async fn acknowledged_writes_survive_kill_without_flushes() {
    acknowledged_writes_survive(false).await;
}
