//! MD5 of many bodies at once.
//!
//! One MD5 is a chain of steps that wait for each other, so that a core computes it at a fraction
//! of what it can do (0.5 to 0.7 GB/s). Several of them have nothing to do with each other: in the
//! lanes of vector registers, sixteen are computed in the time of two.

mod hashers;
mod lanes;
mod md5;

pub(crate) use self::hashers::Hashers;
pub(crate) use self::md5::Md5;
