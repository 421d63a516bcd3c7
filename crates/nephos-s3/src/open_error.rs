//! Why a directory cannot be opened.

use std::path::PathBuf;

/// Why [`LocalS3::open`](crate::LocalS3::open) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another handle in this one, has the directory open.
    #[error("{} is in use by {}", dir.display(), match endpoint {
        Some(url) => format!("the S3 endpoint at {url}"),
        None => "another process".to_owned(),
    })]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// Where its owner listens, where that is known.
        endpoint: Option<String>,
    },
    /// The metadata file cannot be read as one.
    #[error("the metadata in {} cannot be read: {reason}", path.display())]
    Corrupt {
        /// The metadata file.
        path: PathBuf,
        /// What the storage engine said.
        reason: String,
    },
    /// The directory was written by a newer version of this program.
    #[error("{} was written by a newer version of nephos (format {found}, this one reads {known})", dir.display())]
    TooNew {
        /// The directory.
        dir: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The directory was written by an older version of this program, in a layout that was never
    /// released.
    #[error("{} was written by an older version of nephos (format {found}, this one reads {known})", dir.display())]
    TooOld {
        /// The directory.
        dir: PathBuf,
        /// The format found.
        found: u32,
        /// The format known here.
        known: u32,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
}

impl OpenError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
