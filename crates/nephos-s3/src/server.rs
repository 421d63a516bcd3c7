//! The HTTP/1.1 listener.

use crate::patience::{Connection, Watched};
use crate::store::open::endpoint_file;
use crate::{Body, LocalS3};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How much is read from a connection at once. The head of a request may be as long.
const READ_BUFFER: usize = 512 << 10;

/// After an error of `accept`, mostly too many open files, waiting a little lets connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// The endpoint file, for as long as this value lives.
struct Announced(PathBuf);

impl Announced {
    fn write(home: &Path, address: SocketAddr) -> io::Result<Self> {
        let ip = match address.ip() {
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        let url = format!("http://{}", SocketAddr::new(ip, address.port()));
        let path = endpoint_file(home);
        // Another process may read at any time: it must see all of the URL or nothing.
        let draft = path.with_extension("new");
        std::fs::write(&draft, url)?;
        std::fs::rename(&draft, &path)?;
        Ok(Self(path))
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(crate) async fn serve(
    endpoint: &LocalS3,
    home: &Path,
    patience: Duration,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let announced = Announced::write(home, listener.local_addr()?)?;
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(endpoint.clone(), stream, patience, stopping.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            // Ended connections are taken out, so that the set does not grow.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    drop(announced);
    let _ = stop.send(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(patience, drained).await.is_err() {
        // A client that takes this long for what it began could take for ever.
        connections.shutdown().await;
    }
    Ok(())
}

/// One connection, to its end. What goes wrong on it concerns its client only.
async fn connection(
    endpoint: LocalS3,
    stream: TcpStream,
    patience: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    // Answers are written at once: without this a small one waits for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let endpoint = endpoint.clone();
        async move {
            let request = request.map(|body| Body::new(Watched::new(body, patience)));
            Ok::<_, Infallible>(endpoint.call(request).await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(Connection::new(stream, patience)), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
