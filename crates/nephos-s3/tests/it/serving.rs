//! The listener.

use crate::client::{ok, open};
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
