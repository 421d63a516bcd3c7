//! The file side of a registry: settings, archives, signatures, and what is installed.
//!
//! Nothing here touches the network: whoever does hands the bytes over.

mod archive;
mod certificate;
mod config;
mod installation;
mod listing;
mod naming;
mod signature;
mod version;

pub use archive::{ArchiveLimits, read_archive};
pub use config::{RegistryConfig, RegistryUrl, VerifyConfig};
pub use installation::Installation;
pub use listing::RegistryListing;
pub use naming::provider_directory;
pub use signature::Verifier;
pub use version::ProviderVersion;

pub(crate) use naming::is_hidden;
