//! A scripted HTTP server on a socket of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Request method.
    pub method: String,
    /// Path without the query, still percent-encoded.
    pub path: String,
    /// Query pairs, percent-encoded; a flag has an empty value.
    pub query: BTreeMap<String, String>,
    /// Headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Vec<u8>,
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    send: usize,
}

impl Reply {
    /// An answer with a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { status, headers: Vec::new(), send: body.len(), body }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Cuts the connection after this many bytes of the body, though more are announced.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.send = bytes;
        self
    }
}

type Script = dyn Fn(usize, &Recorded) -> Reply + Send + Sync;

/// A server on 127.0.0.1 that answers by a script and records what it is asked.
#[derive(Debug)]
pub struct MockApi {
    url: String,
    requests: Arc<Mutex<Vec<Recorded>>>,
    in_flight: Arc<Mutex<(usize, usize)>>,
    task: JoinHandle<()>,
}

impl MockApi {
    /// Starts a server; `script` gets the number of the request (from 0) and the request.
    pub async fn start(
        script: impl Fn(usize, &Recorded) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let in_flight = Arc::new(Mutex::new((0, 0)));
        let script: Arc<Script> = Arc::new(script);
        let (seen, flying) = (requests.clone(), in_flight.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = connection(stream, script.clone(), seen.clone(), flying.clone());
                tokio::spawn(async move {
                    // A client that goes away ends its connection, nothing else.
                    let _ = connection.await;
                });
            }
        });
        Ok(Self { url, requests, in_flight, task })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything that was asked, in the order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The largest number of requests that were being answered at once.
    pub fn most_in_flight(&self) -> usize {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

impl Drop for MockApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connection(
    stream: TcpStream,
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<Recorded>>>,
    flying: Arc<Mutex<(usize, usize)>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await? {
        let number = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(request.clone());
            seen.len() - 1
        };
        {
            let mut flying = flying.lock().unwrap_or_else(PoisonError::into_inner);
            flying.0 += 1;
            flying.1 = flying.1.max(flying.0);
        }
        // Others that are under way arrive before this one is answered.
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        let reply = script(number, &request);
        let mut head = format!(
            "HTTP/1.1 {} Scripted\r\ncontent-length: {}\r\n",
            reply.status,
            reply.body.len()
        );
        for (name, value) in &reply.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        let socket = stream.get_mut();
        socket.write_all(head.as_bytes()).await?;
        let body: &[u8] = if request.method == "HEAD" { &[] } else { &reply.body };
        let sent = &body[..reply.send.min(body.len())];
        socket.write_all(sent).await?;
        socket.flush().await?;
        flying.lock().unwrap_or_else(PoisonError::into_inner).0 -= 1;
        if sent.len() < body.len() {
            return socket.shutdown().await;
        }
    }
    Ok(())
}

async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Recorded>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|v: &String| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        })
        .collect();
    Ok(Some(Recorded { method, path: path.to_owned(), query, headers, body }))
}
