//! The body type shared by in-process calls and the listener.

use bytes::Bytes;

/// An error of a body stream.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request or response body.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
