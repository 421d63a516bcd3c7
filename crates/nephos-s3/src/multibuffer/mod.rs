//! MD5 of many bodies at once.
//!
//! One MD5 is a chain of steps that wait for each other, so that a core computes it at a fraction
//! of what it can do (0.6 GiB/s). Several of them have nothing to do with each other: in the lanes of
//! vector registers, eight together are computed at five times that rate (3 GiB/s).

mod hashers;
mod lanes;
mod md5;
mod stream;

pub(crate) use self::hashers::Hashers;
pub(crate) use self::stream::Md5Stream;
