//! How an endpoint is opened.

/// What must have happened before a write is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Data and metadata are on the disk: they survive a power failure.
    #[default]
    Fsync,
    /// Data and metadata are with the operating system: they survive `kill -9`, not a power
    /// failure.
    None,
}

/// Options of [`LocalS3::open`](crate::LocalS3::open).
#[derive(Debug, Clone)]
pub struct Options {
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Base domains of virtual-host style addressing, with or without a port: with `localhost`
    /// here, `http://photos.localhost:9000/cat` is the object `cat` in the bucket `photos`.
    pub domains: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
            domains: vec!["localhost".to_owned(), "s3.localhost".to_owned()],
        }
    }
}
