//! The endpoint as its callers hold it.

use crate::access::Gate;
use crate::auth::DemoCredentials;
use crate::envelope;
use crate::host::Domains;
use crate::service::Endpoint;
use crate::store::Store;
use crate::{Body, OpenError, Options, server};
use s3s::service::{S3Service, S3ServiceBuilder};
use std::path::Path;
use std::sync::Arc;

/// A local S3 endpoint over one directory. Clones share it.
#[derive(Clone)]
pub struct LocalS3 {
    service: S3Service,
    store: Arc<Store>,
}

impl std::fmt::Debug for LocalS3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalS3").field("dir", &self.store.home).finish_non_exhaustive()
    }
}

impl LocalS3 {
    /// Opens a directory, and makes it on first use.
    ///
    /// The directory has one owner at a time. While another process has it open without
    /// listening, this waits for up to ten seconds, because such a process is a command that will
    /// soon be done.
    #[expect(clippy::needless_pass_by_value, reason = "options are made for one call")]
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let store = Arc::new(Store::open(dir, &options)?);
        let mut builder = S3ServiceBuilder::new(Endpoint { store: Arc::clone(&store) });
        builder.set_auth(DemoCredentials);
        builder.set_access(Gate);
        builder.set_host(Domains::new(&options.domains));
        Ok(Self { service: builder.build(), store })
    }

    /// Answers one request in this process, without a socket.
    ///
    /// The request needs what one over a socket would have: a signature with the published
    /// credentials, and a `Host` header.
    pub async fn call(&self, req: http::Request<Body>) -> http::Response<Body> {
        envelope::call(&self.service, req).await
    }

    /// Answers the requests of many connections, until `shutdown` is done and the requests in
    /// flight then have been answered.
    ///
    /// The URL is in the file `endpoint` of the directory for as long as this runs.
    pub async fn serve(
        &self,
        listener: tokio::net::TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> std::io::Result<()> {
        server::serve(self, &self.store.home, listener, shutdown).await
    }
}
