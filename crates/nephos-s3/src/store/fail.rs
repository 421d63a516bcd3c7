//! Why a change of the metadata did not happen.

use super::record::Unreadable;
use crate::error::{internal, out_of_space};
use s3s::S3Error;

/// Why a change did not happen.
pub(crate) enum Fail {
    /// The request may not do this. Refusals come before the first write of a change, so that the
    /// changes committed together with it are not touched.
    Refused(S3Error),
    /// The metadata file failed; nothing of the whole commit is kept.
    Broken(Breakage),
}

/// How the metadata file failed.
#[derive(Clone)]
pub(crate) struct Breakage {
    reason: String,
    /// There is no room on the disk.
    full: bool,
    /// The storage engine takes nothing more until it is opened again.
    pub(super) stuck: bool,
}

impl Breakage {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), full: false, stuck: false }
    }

    /// After a commit that failed, only the file itself tells whether it happened.
    pub(super) fn of_commit(error: redb::Error) -> Self {
        Self { stuck: true, ..Self::from(error) }
    }

    pub(super) fn error(&self) -> S3Error {
        if self.full { out_of_space() } else { internal(&self.reason) }
    }
}

impl From<S3Error> for Fail {
    fn from(error: S3Error) -> Self {
        Self::Refused(error)
    }
}

impl From<redb::Error> for Breakage {
    fn from(error: redb::Error) -> Self {
        let (full, stuck) = match &error {
            redb::Error::Io(io) => (is_full(io), true),
            redb::Error::PreviousIo => (false, true),
            _ => (false, false),
        };
        Self { reason: error.to_string(), full, stuck }
    }
}

/// Whether a write failed because there is no room for it.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

impl From<redb::StorageError> for Fail {
    fn from(error: redb::StorageError) -> Self {
        Self::Broken(redb::Error::from(error).into())
    }
}

impl From<Unreadable> for Fail {
    fn from(error: Unreadable) -> Self {
        Self::Broken(Breakage::new(error.to_string()))
    }
}
