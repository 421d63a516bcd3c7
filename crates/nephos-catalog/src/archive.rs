//! The framing of compiled forms: an index, and blobs that are read one at a time.
//!
//! Layout: `MAGIC`, the key (32 bytes), the length of the whole (`u64`), the length of the index
//! (`u64`), the index's checksum (8 bytes), the index, then the blobs. Numbers are little-endian,
//! the index is `postcard`, and so is each blob. A blob's place and checksum stand in the index.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Changes with every change of the framing.
const MAGIC: &[u8; 8] = b"nephos\x00\x02";
const HEADER: u64 = 8 + 32 + 8 + 8 + 8;

/// What a compiled form was made from: of another key, it is another's.
pub(crate) type Key = [u8; 32];

/// SHA-256 of several texts, each with its length so that they cannot run into each other.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Not a compiled form, of another version, or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged;

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it is of another version or damaged")
    }
}

/// Where the bytes of an archive are.
#[derive(Clone)]
enum Place {
    Static(&'static [u8]),
    Memory(Arc<[u8]>),
    /// The file is opened for each read: a service that was looked at keeps no descriptor.
    File(PathBuf),
}

/// A run of bytes.
#[derive(Clone)]
pub(crate) struct Bytes {
    place: Place,
    window: Range<u64>,
}

impl Bytes {
    pub(crate) fn of_file(path: PathBuf) -> Result<Self, Damaged> {
        let length = std::fs::metadata(&path).map_err(|_| Damaged)?.len();
        Ok(Self { place: Place::File(path), window: 0..length })
    }

    fn length(&self) -> u64 {
        self.window.end - self.window.start
    }

    /// The part at `range`, which must be in it.
    fn slice(&self, range: &Range<u64>) -> Result<Self, Damaged> {
        if range.start > range.end || range.end > self.length() {
            return Err(Damaged);
        }
        let start = self.window.start;
        Ok(Self { place: self.place.clone(), window: start + range.start..start + range.end })
    }

    fn read(&self, range: &Range<u64>) -> Result<Cow<'_, [u8]>, Damaged> {
        let Range { start, end } = self.slice(range)?.window;
        let (from, to) = (usize::try_from(start), usize::try_from(end));
        let (Ok(from), Ok(to)) = (from, to) else { return Err(Damaged) };
        match &self.place {
            Place::Static(bytes) => bytes.get(from..to).map(Cow::Borrowed).ok_or(Damaged),
            Place::Memory(bytes) => bytes.get(from..to).map(Cow::Borrowed).ok_or(Damaged),
            Place::File(path) => {
                let mut bytes = vec![0; to - from];
                let mut file = File::open(path).map_err(|_| Damaged)?;
                file.seek(SeekFrom::Start(start)).map_err(|_| Damaged)?;
                file.read_exact(&mut bytes).map_err(|_| Damaged)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

impl From<Cow<'static, [u8]>> for Bytes {
    fn from(bytes: Cow<'static, [u8]>) -> Self {
        let window = 0..bytes.len() as u64;
        let place = match bytes {
            Cow::Borrowed(bytes) => Place::Static(bytes),
            Cow::Owned(bytes) => Place::Memory(bytes.into()),
        };
        Self { place, window }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Cow::<'static, [u8]>::Owned(bytes).into()
    }
}

/// Where a blob is, counted from the end of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blob {
    range: Range<u64>,
    checksum: [u8; 8],
}

/// Blobs on their way into an archive.
#[derive(Default)]
pub(crate) struct Blobs {
    bytes: Vec<u8>,
}

impl Blobs {
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Blob {
        let start = self.bytes.len() as u64;
        self.bytes.extend(bytes);
        Blob { range: start..self.bytes.len() as u64, checksum: checksum(bytes) }
    }
}

/// The bytes of an archive.
pub(crate) fn write(key: &Key, index: &[u8], blobs: &Blobs) -> Vec<u8> {
    let (index_length, blobs_length) = (index.len() as u64, blobs.bytes.len() as u64);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(key);
    bytes.extend((HEADER + index_length + blobs_length).to_le_bytes());
    bytes.extend(index_length.to_le_bytes());
    bytes.extend(checksum(index));
    bytes.extend(index);
    bytes.extend(&blobs.bytes);
    bytes
}

/// An archive with its index decoded.
pub(crate) struct Archive<I> {
    pub(crate) index: I,
    bytes: Bytes,
    blobs_at: u64,
}

impl<I: DeserializeOwned> Archive<I> {
    /// Reads the header and the index; `key` is the one it was written with.
    pub(crate) fn open(bytes: Bytes, key: &Key) -> Result<Self, Damaged> {
        let header = bytes.read(&(0..HEADER))?;
        let mut rest = header.strip_prefix(MAGIC).ok_or(Damaged)?;
        if take::<32>(&mut rest)? != *key || u64::from_le_bytes(take(&mut rest)?) != bytes.length()
        {
            return Err(Damaged);
        }
        let length = u64::from_le_bytes(take(&mut rest)?);
        let sum: [u8; 8] = take(&mut rest)?;
        let blobs_at = HEADER.checked_add(length).ok_or(Damaged)?;
        let index = bytes.read(&(HEADER..blobs_at))?;
        if checksum(&index) != sum {
            return Err(Damaged);
        }
        let index = postcard::from_bytes(&index).map_err(|_| Damaged)?;
        drop(header);
        Ok(Self { index, bytes, blobs_at })
    }

    /// Decodes a blob.
    pub(crate) fn decode<T: DeserializeOwned>(&self, blob: &Blob) -> Result<T, Damaged> {
        let bytes = self.part(blob)?;
        let bytes = bytes.read(&(0..bytes.length()))?;
        if checksum(&bytes) != blob.checksum {
            return Err(Damaged);
        }
        postcard::from_bytes(&bytes).map_err(|_| Damaged)
    }

    /// A blob that is an archive of its own.
    pub(crate) fn part(&self, blob: &Blob) -> Result<Bytes, Damaged> {
        let at = |place: u64| self.blobs_at.checked_add(place).ok_or(Damaged);
        self.bytes.slice(&(at(blob.range.start)?..at(blob.range.end)?))
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Damaged> {
    let (taken, rest) = bytes.split_first_chunk::<N>().ok_or(Damaged)?;
    *bytes = rest;
    Ok(*taken)
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    sum.copy_from_slice(&Sha256::digest(bytes)[..8]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut blobs = Blobs::default();
        let index = vec![blobs.add(&postcard::to_stdvec("one").unwrap()), {
            blobs.add(&postcard::to_stdvec("two").unwrap())
        }];
        write(&[7; 32], &postcard::to_stdvec(&index).unwrap(), &blobs)
    }

    fn texts(bytes: Bytes, key: &Key) -> Result<Vec<String>, Damaged> {
        let archive = Archive::<Vec<Blob>>::open(bytes, key)?;
        archive.index.iter().map(|blob| archive.decode(blob)).collect()
    }

    #[test]
    fn a_blob_is_read_from_memory_and_from_a_file() {
        let bytes = archive();
        assert_eq!(texts(bytes.clone().into(), &[7; 32]).unwrap(), ["one", "two"]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(texts(Bytes::of_file(path).unwrap(), &[7; 32]).unwrap(), ["one", "two"]);
    }

    #[test]
    fn every_damaged_byte_is_seen() {
        let bytes = archive();
        assert_eq!(texts(bytes.clone().into(), &[8; 32]), Err(Damaged));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert_eq!(texts(damaged.into(), &[7; 32]), Err(Damaged), "byte {at}");
            assert_eq!(texts(bytes[..at].to_vec().into(), &[7; 32]), Err(Damaged), "length {at}");
        }
    }
}
