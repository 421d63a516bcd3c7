//! How an endpoint is opened.

use std::time::Duration;

/// What must have happened before a write is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Data and metadata are on the disk: they survive a power failure.
    #[default]
    Safe,
    /// Data and metadata are with the operating system: they survive `kill -9`, not a power
    /// failure.
    Fast,
}

/// What entity tags are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EtagMode {
    /// MD5s wherever S3 has them, which some clients compare with their own.
    #[default]
    Md5,
    /// Something that changes with the bytes and costs nothing, as S3 has it for objects under
    /// SSE-KMS and SSE-C.
    Fast,
}

/// Options of [`LocalS3::open`](crate::LocalS3::open).
#[derive(Debug, Clone)]
pub struct Options {
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// What entity tags are made of.
    pub etag: EtagMode,
    /// Base domains of virtual-host style addressing, with or without a port: with `localhost`
    /// here, `http://photos.localhost:9000/cat` is the object `cat` in the bucket `photos`.
    pub domains: Vec<String>,
    /// Whether the published key pair may sign requests, besides the users of the directory.
    pub published_user: bool,
    /// Actions that everybody is denied, as `s3:DeleteObject` or `kms:Decrypt`: for tests of what
    /// happens without a permission. [`actions`](crate::actions) lists them.
    pub denied: Vec<String>,
    /// How long a client may take to send the next byte of a body, and its headers, and to take the
    /// next byte of an answer; and how long requests in flight may take when the listener ends.
    pub patience: Duration,
    /// How long a day of a lifecycle rule is. Rules are looked at 24 times a day, and not more
    /// than twice a second.
    pub lifecycle_day: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Safe,
            etag: EtagMode::Md5,
            domains: vec!["localhost".to_owned(), "s3.localhost".to_owned()],
            published_user: true,
            denied: Vec::new(),
            patience: Duration::from_mins(1),
            lifecycle_day: Duration::from_hours(24),
        }
    }
}
