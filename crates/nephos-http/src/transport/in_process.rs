//! A service inside this process.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use http::{Request, Response};

use super::{RequestBody, ResponseBody, Transport};
use crate::CallError;

type Handler =
    dyn Fn(Request<RequestBody>) -> BoxFuture<'static, Response<ResponseBody>> + Send + Sync;

/// Calls a function instead of a socket.
#[derive(Clone)]
pub struct InProcess {
    name: String,
    handler: Arc<Handler>,
}

impl InProcess {
    /// A transport that answers with `handler`; `name` stands in messages.
    pub fn new(
        name: impl Into<String>,
        handler: impl Fn(Request<RequestBody>) -> BoxFuture<'static, Response<ResponseBody>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { name: name.into(), handler: Arc::new(handler) }
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InProcess({})", self.name)
    }
}

#[async_trait]
impl Transport for InProcess {
    async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, CallError> {
        Ok((self.handler)(request).await)
    }
}
