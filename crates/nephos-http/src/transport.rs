//! Where requests go.

mod in_process;
mod network;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};

use crate::CallError;

pub use in_process::InProcess;
pub use network::Network;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// Body of a request.
pub type RequestBody = BoxBody<Bytes, BoxError>;
/// Body of a response.
pub type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

/// Sends one signed request and returns its answer, whatever the status.
///
/// Everything that Nephos sends goes through this trait: the network and the endpoint inside the
/// process are two implementations, scripted faults a third.
#[async_trait]
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends `request`. The error is [`crate::CallErrorKind::Transport`]; `retryable` says that the
    /// request did not reach the service.
    async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, CallError>;
}
