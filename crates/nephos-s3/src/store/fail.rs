//! Why a change of the metadata did not happen.

use super::record::Unreadable;
use s3s::S3Error;

/// Why a change did not happen.
pub(crate) enum Fail {
    /// The request may not do this. Refusals come before the first write of a change, so that the
    /// changes committed together with it are not touched.
    Refused(S3Error),
    /// The metadata file failed; nothing of the whole commit is kept.
    Broken(String),
}

impl From<S3Error> for Fail {
    fn from(error: S3Error) -> Self {
        Self::Refused(error)
    }
}

impl From<redb::StorageError> for Fail {
    fn from(error: redb::StorageError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<Unreadable> for Fail {
    fn from(error: Unreadable) -> Self {
        Self::Broken(error.to_string())
    }
}
