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
pub fn read_archive(
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
            if is_part(name) && document_name(name).strip_suffix(".yaml").is_some() =>
        {
            Ok(Some(format!("services/{name}")))
        }
        _ => Err("it is no document: those are provider.yaml, services/*.yaml, and .sig beside \
                  each"
            .to_owned()),
    }
}

/// The name of the document that a file is, or is the signature of.
fn document_name(file: &str) -> &str {
    file.strip_suffix(".sig").unwrap_or(file)
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    type Tar = Builder<Vec<u8>>;

    fn packed(fill: impl FnOnce(&mut Tar)) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        fill(&mut tar);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&tar.into_inner().unwrap()).unwrap();
        gzip.finish().unwrap()
    }

    fn add(tar: &mut Tar, kind: EntryType, path: &str, content: &[u8]) {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // Written as it is: the crate would refuse what the tests are about.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, content).unwrap();
    }

    fn file(tar: &mut Tar, path: &str) {
        add(tar, EntryType::Regular, path, path.as_bytes());
    }

    fn read(archive: &[u8], limits: &ArchiveLimits) -> Result<Vec<(String, usize)>, String> {
        let mut kept = Vec::new();
        read_archive("a.tgz", archive, "v1", limits, |path, content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).map_err(|error| CatalogError::Archive {
                archive: "a.tgz".to_owned(),
                file: Some(path.to_owned()),
                reason: reason(&error),
            })?;
            kept.push((path.to_owned(), bytes.len()));
            Ok(())
        })
        .map(|()| kept)
        .map_err(|error| error.to_string())
    }

    fn says(archive: &[u8], why: &str) {
        let said = read(archive, &ArchiveLimits::default()).unwrap_err();
        assert!(said.contains(why), "{said} instead of {why}");
    }

    #[test]
    fn documents_are_read_however_they_were_packed() {
        let long = format!("v1/services/{}.yaml", "n".repeat(110));
        let archive = packed(|tar| {
            add(tar, EntryType::XGlobalHeader, "pax_global_header", b"11 a=12345\n");
            add(tar, EntryType::Directory, "./", b"");
            add(tar, EntryType::Directory, "v1/", b"");
            file(tar, "./v1/provider.yaml");
            file(tar, "v1/provider.yaml.sig");
            add(tar, EntryType::Directory, "v1/services", b"");
            add(tar, EntryType::GNULongName, "././@LongLink", format!("{long}\0").as_bytes());
            file(tar, "v1/services/cut");
            let record = "35 path=v1/services/by_pax.yaml.sig\n";
            assert_eq!(record.len(), 36);
            let record = record.replacen("35", "36", 1);
            add(tar, EntryType::XHeader, "PaxHeader", record.as_bytes());
            file(tar, "other");
        });
        let kept = read(&archive, &ArchiveLimits::default()).unwrap();
        let kept: Vec<&str> = kept.iter().map(|(path, _)| path.as_str()).collect();
        let expected =
            ["provider.yaml", "provider.yaml.sig", &long[3..], "services/by_pax.yaml.sig"];
        assert_eq!(kept, expected);
    }

    #[test]
    fn nothing_else_may_be_in_an_archive() {
        for (path, why) in [
            ("v1/../../etc/passwd.yaml", "leads out of the archive"),
            ("../v1/provider.yaml", "leads out of the archive"),
            ("v1/services/..", "leads out of the archive"),
            ("/v1/provider.yaml", "an absolute path"),
            ("v1\\provider.yaml", "an absolute path"),
            ("v2/provider.yaml", "not in the directory v1 of its version"),
            ("provider.yaml", "not in the directory v1"),
            ("v1/readme.md", "it is no document"),
            ("v1/services/a/b.yaml", "it is no document"),
            ("v1/services/.hidden.yaml", "it is no document"),
            ("v1/services/a b.yaml", "it is no document"),
            ("v1/services/a.sh", "it is no document"),
            ("v1/./provider.yaml", "it is no document"),
            ("v1//provider.yaml", "it is no document"),
            ("", "not in the directory v1"),
        ] {
            says(
                &packed(|tar| {
                    file(tar, "v1/provider.yaml");
                    file(tar, path);
                }),
                why,
            );
        }
        for (kind, why) in [
            (EntryType::Symlink, "it is a link"),
            (EntryType::Link, "it is a link"),
            (EntryType::Char, "it is a device"),
            (EntryType::Fifo, "it is a device"),
            (EntryType::GNUSparse, "of an unusual kind"),
            (EntryType::new(b'9'), "of an unusual kind"),
        ] {
            says(&packed(|tar| add(tar, kind, "v1/services/a.yaml", b"")), why);
        }
        says(&packed(|tar| add(tar, EntryType::Directory, "v1/other", b"")), "it is no document");
        says(&packed(|tar| file(tar, "v1/services/a.yaml")), "it has no v1/provider.yaml");
        says(
            &packed(|tar| {
                file(tar, "v1/provider.yaml");
                file(tar, "./v1/provider.yaml");
            }),
            "it is there twice",
        );
    }

    #[test]
    fn an_archive_that_ends_early_is_refused_wherever_it_ends() {
        let whole = packed(|tar| {
            file(tar, "v1/provider.yaml");
            add(tar, EntryType::Regular, "v1/services/a.yaml", &[7; 3000]);
        });
        assert!(read(&whole, &ArchiveLimits::default()).is_ok());
        for length in 0..whole.len() {
            assert!(read(&whole[..length], &ArchiveLimits::default()).is_err(), "{length}");
        }
        let mut tar = Builder::new(Vec::new());
        file(&mut tar, "v1/provider.yaml");
        add(&mut tar, EntryType::Regular, "v1/services/a.yaml", &[7; 3000]);
        let short = &tar.into_inner().unwrap()[..3 * 512 + 100];
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(short).unwrap();
        assert!(read(&gzip.finish().unwrap(), &ArchiveLimits::default()).is_err());
        says(b"<html>not found</html>", "refused");
    }

    #[test]
    fn bounds_hold_whatever_an_archive_claims() {
        let zeros = vec![0; 1 << 20];
        let bomb = packed(|tar| {
            file(tar, "v1/provider.yaml");
            add(tar, EntryType::Regular, "v1/services/a.yaml", &zeros);
            add(tar, EntryType::Regular, "v1/services/b.yaml", &zeros);
        });
        assert!(bomb.len() < 10_000);
        let default = ArchiveLimits::default();
        let with = |limits: ArchiveLimits| read(&bomb, &limits).unwrap_err();
        assert!(read(&bomb, &default).is_ok());
        let said = with(ArchiveLimits { unpacked: 1 << 20, ..default.clone() });
        assert!(said.contains("larger than an archive may be"), "{said}");
        let said = with(ArchiveLimits { compressed: 1000, ..default.clone() });
        assert!(said.contains("larger than an archive may be"), "{said}");
        let said = with(ArchiveLimits { document: 1 << 19, ..default.clone() });
        assert!(said.contains("v1/services/a.yaml: it has more than"), "{said}");
        let said = with(ArchiveLimits { entries: 2, ..default });
        assert!(said.contains("more than 2 entries"), "{said}");
        says(
            &packed(|tar| {
                add(tar, EntryType::GNULongName, "././@LongLink", &zeros);
                file(tar, "v1/provider.yaml");
            }),
            "a name in it is too long",
        );
        let mut claims = Vec::new();
        let mut header = Header::new_gnu();
        header.set_path("v1/provider.yaml").unwrap();
        header.set_size(u64::MAX / 2);
        header.set_cksum();
        claims.extend(header.as_bytes());
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&claims).unwrap();
        says(&gzip.finish().unwrap(), "it has more than");
    }
}
