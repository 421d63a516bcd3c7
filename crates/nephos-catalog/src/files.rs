//! Where documents lie below a registry's `src`.

use std::path::{Component, Path, PathBuf};

use crate::registry::is_hidden;
use crate::{CatalogError, ProviderVersion};

/// Providers whose directory has another name: the registry's own alias.
const ALIASES: [(&str, &str); 1] = [("google", "googleapis.com")];

/// A version directory of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// The directory.
    pub(crate) path: PathBuf,
    /// Name of the provider's directory.
    pub(crate) provider: String,
    /// Name of the version's directory.
    pub(crate) label: String,
}

impl Version {
    /// The version at `path`, `<provider>/<version>`.
    pub(crate) fn at(path: &Path) -> Self {
        let name = |path: Option<&Path>| {
            path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
        };
        Self { path: path.to_owned(), provider: name(path.parent()), label: name(Some(path)) }
    }

    /// Its `provider.yaml`.
    pub(crate) fn document(&self) -> PathBuf {
        self.path.join("provider.yaml")
    }

    /// Whether this directory should hold the provider of this name.
    pub(crate) fn is_of(&self, name: &str) -> bool {
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        self.provider == alias.map_or(name, |(_, directory)| *directory)
    }
}

/// The newest version of each provider below `source`, by directory. Directories that are not
/// providers are passed over.
pub(crate) fn providers(source: &Path) -> Result<Vec<Version>, CatalogError> {
    let mut found: Vec<Version> =
        subdirectories(source)?.iter().filter_map(|directory| newest_in(directory)).collect();
    found.sort_by(|a, b| a.provider.cmp(&b.provider));
    Ok(found)
}

fn subdirectories(path: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let visible =
        entries.flatten().filter(|entry| !is_hidden(&entry.file_name().to_string_lossy()));
    Ok(visible.map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

/// The highest version of a provider's directory that has a `provider.yaml`.
pub(crate) fn newest_in(directory: &Path) -> Option<Version> {
    let directories = subdirectories(directory).ok()?;
    let versions = directories.iter().map(|path| Version::at(path));
    versions
        .filter(|version| version.document().is_file())
        .max_by_key(|v| ProviderVersion::new(&v.label))
}

/// The file that a document refers to as `reference`, a path below `src`.
///
/// A name that differs only in case is found too, as documents were made on file systems that do
/// not tell the difference; so is one in a directory that was copied under another name.
pub(crate) fn locate(
    source: &Path,
    version: &Version,
    reference: &str,
) -> Result<PathBuf, CatalogError> {
    let relative = Path::new(reference);
    let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if reference.is_empty() || !inside {
        return Err(CatalogError::Unreadable {
            path: relative.to_owned(),
            reason: "it is not a path below the registry's src".to_owned(),
        });
    }
    let file = source.join(relative);
    let own: PathBuf = relative.components().skip(2).collect();
    let candidates = [file.clone(), version.path.join(own)];
    let found = candidates
        .iter()
        .find_map(|path| if path.is_file() { Some(path.clone()) } else { in_other_case(path) });
    Ok(found.unwrap_or(file))
}

fn in_other_case(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    let entries = std::fs::read_dir(path.parent()?).ok()?;
    entries.flatten().find(|entry| entry.file_name().eq_ignore_ascii_case(name)).map(|e| e.path())
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CatalogError> {
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

/// The text of a file.
pub(crate) fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String, CatalogError> {
    String::from_utf8(bytes).map_err(|error| CatalogError::Unreadable {
        path: path.to_owned(),
        reason: format!("it is not UTF-8 at byte {}", error.utf8_error().valid_up_to()),
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> CatalogError {
    CatalogError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_with_a_document_wins() {
        let folder = tempfile::tempdir().unwrap();
        for label in ["v9.0.0", "v10.1.0-rc1", "v10.1.0", "v2.00.01", "v11.0.0"] {
            let path = folder.path().join("p").join(label);
            std::fs::create_dir_all(&path).unwrap();
            if label != "v11.0.0" {
                std::fs::write(path.join("provider.yaml"), "").unwrap();
            }
        }
        std::fs::create_dir(folder.path().join("not-a-provider")).unwrap();
        let found = providers(folder.path()).unwrap();
        let labels: Vec<_> = found.iter().map(|v| (&*v.provider, &*v.label)).collect();
        assert_eq!(labels, [("p", "v10.1.0")]);
    }

    #[test]
    fn files_are_found_in_other_case_and_never_outside() {
        let folder = tempfile::tempdir().unwrap();
        let version = Version::at(&folder.path().join("copy/v1"));
        std::fs::create_dir_all(version.path.join("services")).unwrap();
        let file = version.path.join("services/Org.yaml");
        std::fs::write(&file, "").unwrap();
        for reference in ["copy/v1/services/Org.yaml", "copy/v1/services/org.yaml"] {
            assert_eq!(locate(folder.path(), &version, reference).unwrap(), file);
        }
        let moved = locate(folder.path(), &version, "p/v00.00.00000/services/org.yaml").unwrap();
        assert_eq!(moved, file);
        for reference in ["", "/etc/passwd", "../x", "copy/../../x", "./x"] {
            assert!(locate(folder.path(), &version, reference).is_err(), "{reference}");
        }
    }
}
