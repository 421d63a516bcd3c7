//! The local S3 endpoint of Nephos.
//!
//! **Purpose.** Answer the S3 protocol from a directory, with no account and no network, so that
//! everything the engine does against Amazon S3 can be done, tested and measured on one machine.
//!
//! **Owns.** What S3 promises about buckets, objects and multipart uploads: names, conditions,
//! checksums, entity tags, paging, error codes and messages; the metadata (one `redb` file) and
//! the data files beside it; uploads by HTML form; the HTTP/1.1 listener.
//!
//! **Does not own.** The wire shapes, request routing and signature arithmetic (the `s3s` crate),
//! TLS, accounts, policies, and the command line that starts it.
//!
//! **Invariants.** Nothing is visible before every check of its request has passed. Nothing that
//! was acknowledged is lost, through `kill -9` as well. Memory does not grow with the size of a
//! body. Completing an upload copies no bytes. A feature that is absent answers `NotImplemented`,
//! never a success. Nothing is printed.

mod absent;
mod access;
mod action;
mod attributes;
mod auth;
mod authorization;
mod body;
mod bucket;
mod bucket_encryption;
mod checksum;
mod clock;
mod combine;
mod complete;
mod condition;
mod copy;
mod cors;
mod deletion;
mod document;
mod encryption;
mod endpoint;
mod envelope;
mod error;
mod etag;
mod form;
mod host;
mod identity;
mod intake;
mod janitor;
mod lifecycle;
mod listing;
mod multibuffer;
mod multipart;
mod object;
mod open_error;
mod options;
mod ownership;
mod part;
mod patience;
mod payload;
mod policy_setting;
mod read;
mod server;
mod service;
mod setting;
mod signature;
mod store;
mod subresource;
mod tags;
mod uploads;
mod users;
mod version;
mod versioning;

pub use self::action::actions;
pub use self::body::{Body, BoxError};
pub use self::endpoint::LocalS3;
pub use self::identity::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
pub use self::open_error::OpenError;
pub use self::options::{Durability, EtagMode, Options};
pub use self::users::{User, UsersFile};
