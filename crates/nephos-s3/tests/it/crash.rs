//! `kill -9` in the middle of writing.

use crate::client::{ok, open, signed};
use nephos_s3::{Durability, LocalS3, Options, SECRET_ACCESS_KEY};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Tells the test below which directory to serve.
const SERVED: &str = "NEPHOS_TEST_SERVED";

/// Serves for a parent that kills this process; in an ordinary run there is nothing to do. The
/// child is this binary itself, so that it is never older than the code under test.
#[tokio::test]
async fn serve_for_a_parent() {
    let Ok(dir) = std::env::var(SERVED) else { return };
    let durability = match std::env::var("NEPHOS_TEST_FSYNC") {
        Ok(_) => Durability::Safe,
        Err(_) => Durability::Fast,
    };
    let options = Options { durability, ..Options::default() };
    let endpoint = LocalS3::open(Path::new(&dir), options).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    endpoint.serve(listener, std::future::pending()).await.unwrap();
}

/// A server in a process of its own; it goes with the test, whatever becomes of that.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn server(dir: &Path, fsync: bool) -> Server {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::serve_for_a_parent"]).env(SERVED, dir);
    if fsync {
        command.env("NEPHOS_TEST_FSYNC", "1");
    }
    Server(command.stdout(Stdio::null()).spawn().unwrap())
}

/// Waits for the endpoint file: a process that died without writing it ends the test.
fn url(dir: &Path, server: &mut Server) -> String {
    loop {
        if let Ok(url) = std::fs::read_to_string(dir.join("endpoint")) {
            return url;
        }
        assert!(server.0.try_wait().unwrap().is_none(), "the server ended");
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

/// How many data files there are.
fn data_files(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("data"))
        .unwrap()
        .map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count())
        .sum()
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
    let mut server = server(dir.path(), fsync);
    let url = url(dir.path(), &mut server);
    assert_eq!(put(&url, "/bucket", b""), "HTTP/1.1 200 OK");
    for number in 0..20_u8 {
        let body = vec![number; 1000 * (usize::from(number) + 1)];
        assert_eq!(put(&url, &format!("/bucket/{number}"), &body), "HTTP/1.1 200 OK");
    }
    // A body that has only half arrived.
    let half = vec![1; 3 << 20];
    let mut connection = begin(&url, "/bucket/half", &half);
    connection.write_all(&half[..2 << 20]).unwrap();
    // This is SIGKILL.
    drop(server);

    let endpoint = open(dir.path());
    for number in 0..20_u8 {
        let answer = ok(&endpoint, "GET", &format!("/bucket/{number}"), b"").await;
        assert_eq!(answer.body, vec![number; 1000 * (usize::from(number) + 1)]);
    }
    let listed = ok(&endpoint, "GET", "/bucket", b"").await.text();
    assert_eq!(listed.matches("<Contents>").count(), 20);
    // The eight bodies of up to 8 KiB are rows.
    assert_eq!(data_files(dir.path()), 12);
}

#[tokio::test]
async fn acknowledged_writes_survive_kill() {
    acknowledged_writes_survive(true).await;
}

#[tokio::test]
async fn acknowledged_writes_survive_kill_without_flushes() {
    acknowledged_writes_survive(false).await;
}

/// Lets no file of a process grow beyond a length, or beyond any; the soft limit can be set again.
fn limit_files(server: &Server, length: Option<u64>) -> bool {
    let length = length.map_or("unlimited".to_owned(), |length| length.to_string());
    Command::new("prlimit")
        .arg(format!("--pid={}", server.0.id()))
        .arg(format!("--fsize={length}:"))
        .status()
        .is_ok_and(|status| status.success())
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
fn writes_that_find_no_room_leave_no_files() {
    let dir = tempfile::tempdir().unwrap();
    // A process that ignores this signal gets an error from the write instead, as on a full disk.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" --exact crash::serve_for_a_parent"]);
    command.arg(std::env::current_exe().unwrap()).env(SERVED, dir.path());
    let mut server = Server(command.stdout(Stdio::null()).spawn().unwrap());
    let url = url(dir.path(), &mut server);
    assert_eq!(put(&url, "/bucket", b""), "HTTP/1.1 200 OK");
    let length = std::fs::metadata(dir.path().join("meta.redb")).unwrap().len();
    if !limit_files(&server, Some(length)) {
        eprintln!("skipped: no prlimit, of util-linux");
        return;
    }
    let (row, file) = (vec![1; 8 << 10], vec![1; 20_000]);
    let (mut kept, mut refused) = (0, 0);
    for number in 0.. {
        // Rows fill the metadata file; it may find room again for a while after it failed.
        let _ = put(&url, &format!("/bucket/row{number}"), &row);
        match put(&url, &format!("/bucket/file{number}"), &file).as_str() {
            "HTTP/1.1 200 OK" => kept += 1,
            "HTTP/1.1 507 Insufficient Storage" => refused += 1,
            other => panic!("{other}"),
        }
        if refused == 10 {
            break;
        }
    }
    // What was left to do after the last failure is done before the next change.
    assert!(limit_files(&server, None));
    assert_eq!(put(&url, "/bucket/last", b"x"), "HTTP/1.1 200 OK");
    assert_eq!(data_files(dir.path()), kept);
}
