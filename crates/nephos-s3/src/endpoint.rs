//! The endpoint as its callers hold it.

use crate::access::Gate;
use crate::auth::Secrets;
use crate::document::MAX_DOCUMENT;
use crate::envelope;
use crate::host::Domains;
use crate::service::Endpoint;
use crate::store::Store;
use crate::users::Users;
use crate::{Body, OpenError, Options, server};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Lifecycle rules are not looked at more often than this, however short a day is.
const MIN_PAUSE: Duration = Duration::from_millis(500);

/// A local S3 endpoint over one directory. Clones share it.
#[derive(Clone)]
pub struct LocalS3 {
    service: S3Service,
    endpoint: Endpoint,
    domains: Domains,
    patience: Duration,
}

impl std::fmt::Debug for LocalS3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalS3").field("dir", &self.endpoint.store.home).finish_non_exhaustive()
    }
}

impl LocalS3 {
    /// Opens a directory, and makes it on first use.
    ///
    /// The directory has one owner at a time. While another process has it open without
    /// listening, this waits for up to ten seconds, because such a process is a command that will
    /// soon be done.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let store = Arc::new(Store::open(dir, &options)?);
        let users = Arc::new(Users::new(dir, options.published_user));
        let endpoint = Endpoint {
            store,
            users: Arc::clone(&users),
            denied: options.denied.into(),
            day: i64::try_from(options.lifecycle_day.as_millis()).unwrap_or(i64::MAX).max(1),
        };
        let domains = Domains::new(&options.domains);
        let mut builder = S3ServiceBuilder::new(endpoint.clone());
        builder.set_auth(Secrets(Arc::clone(&users)));
        builder.set_access(Gate { users, denied: Arc::clone(&endpoint.denied) });
        builder.set_host(domains.clone());
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(limits()))));
        Ok(Self { service: builder.build(), endpoint, domains, patience: options.patience })
    }

    /// Answers one request in this process, without a socket.
    ///
    /// The request needs what one over a socket would have: a signature with the keys of a user,
    /// and a `Host` header.
    pub async fn call(&self, req: http::Request<Body>) -> http::Response<Body> {
        envelope::call(&self.service, &self.endpoint, &self.domains, req).await
    }

    /// Answers the requests of many connections, until `shutdown` is done and the requests in
    /// flight then have been answered or have used up [`Options::patience`]. Lifecycle rules are
    /// carried out meanwhile.
    ///
    /// The URL is in the file `endpoint` of the directory for as long as this runs.
    pub async fn serve(
        &self,
        listener: tokio::net::TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> std::io::Result<()> {
        let janitor = tokio::spawn(tidy(self.endpoint.clone()));
        let served =
            server::serve(self, &self.endpoint.store.home, self.patience, listener, shutdown).await;
        janitor.abort();
        served
    }
}

/// The documents of S3's operations are small.
fn limits() -> S3Config {
    let mut limits = S3Config::default();
    limits.xml_max_body_size = MAX_DOCUMENT;
    limits
}

/// Cleans up, now and then. What fails is tried again the next time.
async fn tidy(endpoint: Endpoint) {
    let day = u64::try_from(endpoint.day).unwrap_or(u64::MAX);
    let pause = Duration::from_millis(day / 24).max(MIN_PAUSE);
    loop {
        tokio::time::sleep(pause).await;
        let _ = endpoint.clean().await;
    }
}
