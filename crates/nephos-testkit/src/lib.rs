//! What tests need and the product does not.
//!
//! **Purpose.** A scripted API server with faults, and answers of S3 to script it with.
//!
//! **Owns.** [`MockApi`] and [`s3`].
//!
//! **Does not own.** Anything that ships: no other crate depends on this one outside its tests.
//!
//! **Invariants.** Every request that arrives is recorded before it is answered, so that a test can
//! count calls. Nothing waits for the clock.

mod mock_api;
pub mod s3;

pub use mock_api::{MockApi, Recorded, Reply};
