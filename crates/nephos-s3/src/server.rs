//! The HTTP/1.1 listener.

use crate::store::open::endpoint_file;
use crate::{Body, LocalS3};
use http_body_util::BodyExt;
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

/// A client that has connected must have sent its headers within this time.
const HEADER_TIMEOUT: Duration = Duration::from_mins(1);

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
                    connections.spawn(connection(endpoint.clone(), stream, stopping.clone()));
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
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// One connection, to its end. What goes wrong on it concerns its client only.
async fn connection(endpoint: LocalS3, stream: TcpStream, mut stopping: watch::Receiver<bool>) {
    // Answers are written at once: without this a small one waits for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let endpoint = endpoint.clone();
        async move {
            let request = request.map(|body| Body::new(body.map_err(Into::into)));
            Ok::<_, Infallible>(endpoint.call(request).await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
