//! Names that become parts of paths.

use crate::CatalogError;

/// Longer names fit no file system together with their suffixes.
const LONGEST: usize = 128;

/// The directory that holds a provider: its name, but for the one that has another.
pub fn provider_directory(provider: &str) -> Result<String, CatalogError> {
    let name = if provider.eq_ignore_ascii_case("google") { "googleapis.com" } else { provider };
    part("provider", name)
}

/// The name in SQL of the provider in `directory`.
pub(crate) fn provider_name(directory: &str) -> &str {
    if directory == "googleapis.com" { "google" } else { directory }
}

/// A name that is one part of a path, and stays in its directory.
pub(crate) fn part(kind: &'static str, name: &str) -> Result<String, CatalogError> {
    if is_part(name) {
        return Ok(name.to_owned());
    }
    Err(CatalogError::Registry(format!(
        "{name:?} is not the name of a {kind}: letters, digits, and . _ - + between them"
    )))
}

pub(crate) fn is_part(name: &str) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"._-+".contains(&c);
    !name.is_empty() && name.len() <= LONGEST && !is_hidden(name) && name.bytes().all(fits)
}

/// Whether a directory is not for documents: the working files of pulls, and of other tools.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_directory() {
        assert_eq!(provider_directory("google").unwrap(), "googleapis.com");
        assert_eq!(provider_name("googleapis.com"), "google");
        assert_eq!(provider_directory("azure_extras").unwrap(), "azure_extras");
        for bad in ["", ".", "..", "a/b", "a\\b", ".pull", "a b", "a\0", "ä", &"x".repeat(129)] {
            assert!(provider_directory(bad).is_err(), "{bad:?}");
        }
    }
}
