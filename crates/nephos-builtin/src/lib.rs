//! Providers that come with the binary.
//!
//! **Purpose.** Holds the documents of `providers/` in compiled form.
//!
//! **Owns.** The choice of built-in providers.
//!
//! **Does not own.** The document format and its compiled form: both are `nephos-catalog`'s.
//!
//! **Invariants.** The compiled form is made from the documents at build time; it is never edited.
//! A method that cannot be compiled fails the tests of this crate.

use nephos_catalog::{CatalogError, CompiledProvider};

const AWS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/aws.bin"));

/// The built-in providers. Only their index is decoded.
pub fn providers() -> Result<Vec<CompiledProvider>, CatalogError> {
    Ok(vec![CompiledProvider::open(AWS)?])
}

#[cfg(test)]
mod tests {
    use nephos_catalog::Catalog;

    #[test]
    fn every_method_of_every_built_in_service_compiles() {
        let catalog =
            super::providers().unwrap().into_iter().fold(Catalog::new(), Catalog::with_compiled);
        for provider in catalog.providers() {
            for service in &provider.services {
                assert_eq!(catalog.faults(&provider.name, &service.name).unwrap(), []);
                for head in catalog.resources(&provider.name, &service.name).unwrap() {
                    let resource =
                        catalog.resource(&provider.name, &service.name, &head.name).unwrap();
                    assert!(!resource.resource.methods.is_empty(), "{}", resource.full_name());
                }
            }
        }
    }
}
