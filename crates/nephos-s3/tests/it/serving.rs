//! The listener.

use crate::client::{ok, open, signed};
use nephos_s3::{LocalS3, Options, SECRET_ACCESS_KEY};
use std::fmt::Write;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

#[tokio::test]
async fn shutdown_answers_what_is_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = open(dir.path());
    ok(&endpoint, "PUT", "/bucket", b"").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = endpoint.clone();
    let serving = tokio::spawn(async move {
        server
            .serve(listener, async {
                let _ = stopped.await;
            })
            .await
    });
    let mut connection = TcpStream::connect(address).await.unwrap();
    // One whole request tells that the server has taken the connection, half of another that it
    // has something in flight.
    connection.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 4096];
    let read = connection.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 403"));
    let url = std::fs::read_to_string(dir.path().join("endpoint")).unwrap();
    assert_eq!(url, format!("http://{address}"));
    connection.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let read = connection.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 403"));
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(connection.read(&mut answer).await.unwrap(), 0);
    assert!(!dir.path().join("endpoint").exists());
}

/// Sends the head of a signed request; its body is sent when it is asked for.
async fn begin(connection: &mut TcpStream, method: &str, path: &str, body: &[u8]) {
    let mut head = format!("{method} {path} HTTP/1.1\r\nExpect: 100-continue\r\n");
    for (name, value) in signed(method, path, body, SECRET_ACCESS_KEY).headers() {
        write!(head, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
    }
    connection.write_all((head + "\r\n").as_bytes()).await.unwrap();
}

/// More than the buffers of a connection take.
const LARGE: usize = 64 << 20;

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { patience: Duration::from_millis(200), ..Options::default() };
    let endpoint = LocalS3::open(dir.path(), options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    ok(&endpoint, "PUT", "/bucket", b"").await;
    ok(&endpoint, "PUT", "/bucket/large", &vec![1; LARGE]).await;
    let mut connection = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    begin(&mut connection, "GET", "/bucket/large", b"").await;
    let server = endpoint.clone();
    let serving = tokio::spawn(async move { server.serve(listener, std::future::pending()).await });
    let mut first = [0; 12];
    connection.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    // Its file goes when it is let go, and not before.
    ok(&endpoint, "DELETE", "/bucket/large", b"").await;
    let folders = || std::fs::read_dir(dir.path().join("data")).unwrap();
    let files = |folder: &std::path::Path| std::fs::read_dir(folder).unwrap().count();
    while folders().map(|folder| files(&folder.unwrap().path())).sum::<usize>() > 0 {
        tokio::task::yield_now().await;
    }
    serving.abort();
}

#[tokio::test]
async fn shutdown_ends_with_a_client_that_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { patience: Duration::from_millis(500), ..Options::default() };
    let endpoint = LocalS3::open(dir.path(), options).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    ok(&endpoint, "PUT", "/bucket", b"").await;
    let mut connection = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let body = vec![1; LARGE];
    begin(&mut connection, "PUT", "/bucket/large", &body).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = endpoint.clone();
    let serving = tokio::spawn(async move {
        server
            .serve(listener, async {
                let _ = stopped.await;
            })
            .await
    });
    // The server asks for the body, so the request is in flight.
    let mut asked = [0; 12];
    connection.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
    // It never keeps anybody waiting for long, and never comes to an end.
    let trickling = tokio::spawn(async move { while connection.write_all(b"1").await.is_ok() {} });
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    trickling.await.unwrap();
}
