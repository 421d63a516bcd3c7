//! The HTTP/1.1 listener.

use crate::store::open::endpoint_file;
use crate::{Body, BoxError, LocalS3};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};

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
    while connections.join_next().await.is_some() {}
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
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// A client that stopped sending in the middle of a body.
#[derive(Debug, thiserror::Error)]
#[error("no byte of the body arrived for {} seconds", .0.as_secs())]
pub(crate) struct Stalled(Duration);

/// A body that must not stop arriving.
struct Watched {
    body: Incoming,
    patience: Duration,
    /// Made when the client first makes us wait, and set anew with every wait.
    deadline: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Watched {
    fn new(body: Incoming, patience: Duration) -> Self {
        Self { body, patience, deadline: None, waiting: false }
    }

    /// Whether the client has kept us waiting for too long.
    fn overdue(&mut self, cx: &mut Context<'_>) -> bool {
        let patience = self.patience;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        if !self.waiting {
            self.waiting = true;
            deadline.as_mut().reset(Instant::now() + patience);
        }
        deadline.as_mut().poll(cx).is_ready()
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if self.overdue(cx) {
            return Poll::Ready(Some(Err(Stalled(self.patience).into())));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
