//! Archives of providers: gzip around tar.

use std::collections::HashSet;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry, EntryType, PaxExtensions};

use crate::CatalogError;

use super::naming::is_part;

/// What an archive may hold at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Bytes of the archive.
    pub compressed: u64,
    /// Bytes of all that is packed in it, the headers included.
    pub unpacked: u64,
    /// Bytes of one document; it is held in memory while its signature is verified.
    pub document: u64,
    /// Entries.
    pub entries: usize,
}

impl Default for ArchiveLimits {
    /// Ten times what the largest provider of the community has.
    fn default() -> Self {
        Self { compressed: 256 << 20, unpacked: 1 << 30, document: 128 << 20, entries: 20_000 }
    }
}

/// A name that does not fit in a header stands in an entry before it; a longer one is no name.
const LONGEST_EXTENSION: u64 = 64 << 10;

/// Reads the documents of an archive, one after the other: `keep` gets the path below the version's
/// directory (`provider.yaml`, `services/s3.yaml`, `services/s3.yaml.sig`) and the content. Whatever
/// else is in the archive, and an archive that ends early, is an error; `name` stands in it.
pub fn documents(
    name: &str,
    archive: impl Read,
    version: &str,
    limits: &ArchiveLimits,
    mut keep: impl FnMut(&str, &mut dyn Read) -> Result<(), CatalogError>,
) -> Result<(), CatalogError> {
    let refused = |file: &str, reason: String| CatalogError::Archive {
        archive: name.to_owned(),
        file: Some(file.to_owned()).filter(|file| !file.is_empty()),
        reason,
    };
    let broken = |error: io::Error| refused("", reason(&error));
    let mut unpacked = Bounded {
        inner: MultiGzDecoder::new(Bounded { inner: archive, left: limits.compressed }),
        left: limits.unpacked,
    };
    let mut seen = HashSet::new();
    let mut tar = Archive::new(&mut unpacked);
    // The name that an extension gives to the entry behind it.
    let mut long_name: Option<Vec<u8>> = None;
    // Raw entries: the crate would hold a name of any length in memory.
    for (count, entry) in tar.entries().map_err(broken)?.raw(true).enumerate() {
        let mut entry = entry.map_err(broken)?;
        if count >= limits.entries {
            return Err(refused("", format!("it has more than {} entries", limits.entries)));
        }
        let kind = entry.header().entry_type();
        match kind {
            EntryType::XGlobalHeader => continue,
            EntryType::XHeader | EntryType::GNULongName => {
                let text = extension(&mut entry).map_err(broken)?;
                long_name = if kind == EntryType::GNULongName {
                    Some(text.into_iter().take_while(|byte| *byte != 0).collect())
                } else {
                    pax_path(&text).or(long_name)
                };
                continue;
            }
            _ => {}
        }
        let path = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let shown = String::from_utf8_lossy(&path).into_owned();
        if !matches!(kind, EntryType::Regular | EntryType::Directory) {
            return Err(refused(&shown, format!("it is {}, not a file", kind_name(kind))));
        }
        let path = document_path(&path, version, kind == EntryType::Directory)
            .map_err(|reason| refused(&shown, reason))?;
        let Some(path) = path else { continue };
        if entry.size() > limits.document {
            return Err(refused(&shown, format!("it has more than {} bytes", limits.document)));
        }
        if !seen.insert(path.clone()) {
            return Err(refused(&shown, "it is there twice".to_owned()));
        }
        let size = entry.size();
        let mut content = Counted { inner: &mut entry, read: 0 };
        keep(&path, &mut content)?;
        if content.read != size {
            return Err(refused(&shown, "the archive ends in the middle of it".to_owned()));
        }
    }
    // What is behind the last entry holds the checksum.
    io::copy(&mut unpacked, &mut io::sink()).map_err(broken)?;
    if !seen.contains("provider.yaml") {
        return Err(refused("", format!("it has no {version}/provider.yaml")));
    }
    Ok(())
}

fn extension(entry: &mut Entry<'_, impl Read>) -> io::Result<Vec<u8>> {
    if entry.size() > LONGEST_EXTENSION {
        return Err(io::Error::other("a name in it is too long"));
    }
    let mut text = Vec::new();
    entry.read_to_end(&mut text)?;
    Ok(text)
}

fn pax_path(text: &[u8]) -> Option<Vec<u8>> {
    PaxExtensions::new(text)
        .flatten()
        .find(|extension| extension.key_bytes() == b"path")
        .map(|extension| extension.value_bytes().to_vec())
}

/// The path below the version's directory; `None` for a directory that may be there.
fn document_path(path: &[u8], version: &str, directory: bool) -> Result<Option<String>, String> {
    let text = std::str::from_utf8(path).map_err(|_| "its name is not text".to_owned())?;
    if text.starts_with('/') || text.contains('\\') {
        return Err("its name is an absolute path".to_owned());
    }
    let text = text.strip_prefix("./").unwrap_or(text);
    let text = if directory { text.trim_end_matches('/') } else { text };
    let steps: Vec<&str> = text.split('/').collect();
    if steps.contains(&"..") {
        return Err("its name leads out of the archive".to_owned());
    }
    if directory && matches!(steps.as_slice(), ["" | "."]) {
        return Ok(None);
    }
    if steps[0] != version {
        return Err(format!("it is not in the directory {version} of its version"));
    }
    match (&steps[1..], directory) {
        ([] | ["services"], true) => Ok(None),
        (["provider.yaml" | "provider.yaml.sig"], false) => Ok(Some(steps[1].to_owned())),
        (["services", name], false)
            if is_part(name) && (name.ends_with(".yaml") || name.ends_with(".yaml.sig")) =>
        {
            Ok(Some(format!("services/{name}")))
        }
        _ => Err("it is no document: those are provider.yaml, services/*.yaml, and .sig beside \
                  each"
            .to_owned()),
    }
}

fn kind_name(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink | EntryType::Link => "a link",
        EntryType::Char | EntryType::Block | EntryType::Fifo => "a device",
        _ => "of an unusual kind",
    }
}

pub(crate) fn reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return "it ends too early".to_owned();
    }
    // The crate appends what it was doing line by line.
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Fails where more is read than is left.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            // The end is not too much.
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::other("it is larger than an archive may be")),
            };
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}
