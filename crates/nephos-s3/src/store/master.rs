//! The key file of the directory.

use crate::encryption::Secret;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Reads the key, or makes one that only the owner of the directory may read.
pub(super) fn read_or_make(path: &Path) -> io::Result<Secret> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
        Err(error) => Err(error),
    }
}

fn parse(text: &str) -> io::Result<Secret> {
    let bytes = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Secret::new).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "it does not hold 64 hexadecimal digits")
    })
}

/// The file appears under its name with all of the key in it, and is on the disk before anything
/// is encrypted with it.
fn make(path: &Path) -> io::Result<Secret> {
    let bytes: [u8; 32] = rand::random();
    let draft = path.with_extension("new");
    let mut file = private(&draft)?;
    file.write_all(hex::encode(bytes).as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    if let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
        File::open(folder)?.sync_all()?;
    }
    Ok(Secret::new(bytes))
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("encryption.key");
        let made = read_or_make(&path).unwrap();
        assert!(read_or_make(&path).unwrap() == made);
        std::fs::write(&path, "short").unwrap();
        assert!(read_or_make(&path).is_err());
    }
}
