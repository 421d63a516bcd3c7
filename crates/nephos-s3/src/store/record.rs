//! What the metadata file holds, one record a row.

use crate::checksum::{Algorithm, Digest, ObjectChecksum};
use crate::encryption::{Encryption, Salt};
use crate::version::Version;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The first byte of every value, so that a later layout can be told from this one.
const LAYOUT: u8 = 2;

/// Names one stored piece of data.
pub(crate) type BlobId = u64;

/// Names the part list of a completed object.
pub(crate) type ManifestId = u64;

/// Names one upload. The high bits are the time it was initiated, so that the numbers sort as S3
/// lists the uploads of one key.
pub(crate) type UploadId = u128;

/// What a bucket does with the object that a write replaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    /// Never asked for: it goes.
    #[default]
    Off,
    /// It becomes an earlier version.
    Enabled,
    /// It goes if it is the version called `null`; others stay.
    Suspended,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    /// The `LocationConstraint` given; none means `us-east-1`.
    pub(crate) location: Option<String>,
    pub(crate) versioning: Versioning,
}

/// Where a run of bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// In the metadata file: a file of its own would cost more than the bytes.
    Row,
    /// In a data file.
    File,
}

/// A run of bytes, written once and never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extent {
    pub(crate) blob: BlobId,
    /// Of the bytes as clients see them.
    pub(crate) length: u64,
    pub(crate) place: Place,
    /// Where the bytes are encrypted: what their key was derived with.
    pub(crate) salt: Option<Salt>,
}

/// Where the bytes of an object are.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Layout {
    /// Written in one piece.
    Whole(Extent),
    /// Completed from parts; the list is a row of its own, so that listing a bucket stays cheap.
    Parts { manifest: ManifestId, count: u32 },
}

/// What the writer said about the bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Described {
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) content_type: Option<String>,
    /// Seconds since 1970.
    pub(crate) expires: Option<i64>,
    /// `x-amz-meta-*` without the prefix.
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) storage_class: Option<String>,
    pub(crate) redirect: Option<String>,
    pub(crate) tags: Tags,
}

/// Names and values, in the order given.
pub(crate) type Tags = Vec<(String, String)>;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ObjectRecord {
    pub(crate) version: Version,
    pub(crate) size: u64,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) layout: Layout,
    pub(crate) checksum: Option<ObjectChecksum>,
    pub(crate) described: Described,
    pub(crate) encryption: Encryption,
}

/// Says that a key was deleted, where versions are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MarkerRecord {
    pub(crate) version: Version,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
}

/// One version of a key that reads without a version id do not see.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum VersionRecord {
    Object(Box<ObjectRecord>),
    Marker(MarkerRecord),
}

/// One part of a completed object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ManifestPart {
    pub(crate) number: u16,
    pub(crate) extent: Extent,
    pub(crate) checksum: Option<Digest>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    /// Milliseconds since 1970.
    pub(crate) initiated: i64,
    pub(crate) described: Described,
    /// The checksum agreed on at the start, if one was.
    pub(crate) checksum: Option<(Algorithm, crate::checksum::Coverage)>,
    pub(crate) encryption: Encryption,
    /// The user who initiated it.
    pub(crate) initiator: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    pub(crate) extent: Extent,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
    /// The MD5 of the bytes, or what stands for it where tags are no MD5.
    pub(crate) tag: [u8; 16],
    /// Always kept: an object whose writer named no checksum gets the CRC-64/NVME of the whole.
    pub(crate) crc64: u64,
    pub(crate) checksum: Option<Digest>,
}

/// What a completed upload answered, kept so that a repeat gets the same answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CompletedRecord {
    pub(crate) bucket: String,
    /// When the bucket was created: a later one of its name has nothing to repeat.
    pub(crate) bucket_created: i64,
    pub(crate) key: String,
    /// Numbers and tags of the parts that were asked for.
    pub(crate) parts: [u8; 16],
    pub(crate) etag: String,
    pub(crate) checksum: Option<ObjectChecksum>,
    /// The version made, where the bucket keeps versions.
    pub(crate) version: Option<Version>,
    pub(crate) encryption: Encryption,
    /// Milliseconds since 1970.
    pub(crate) completed: i64,
}

/// A value that cannot be what was written.
#[derive(Debug, thiserror::Error)]
#[error("a {name} record in the metadata file cannot be read: {reason}")]
pub(crate) struct Unreadable {
    name: &'static str,
    reason: String,
}

pub(crate) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    // Writing plain data into a vector has no way to fail.
    postcard::to_extend(record, vec![LAYOUT]).unwrap_or_default()
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    let unreadable = |reason| Unreadable {
        name: std::any::type_name::<T>().rsplit("::").next().unwrap_or("?"),
        reason,
    };
    match bytes.split_first() {
        Some((&LAYOUT, rest)) => {
            postcard::from_bytes(rest).map_err(|error| unreadable(error.to_string()))
        }
        Some((other, _)) => Err(unreadable(format!("layout {other} is not known"))),
        None => Err(unreadable("it is empty".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_layout_is_refused() {
        let record = BucketRecord { created: 1, location: None, versioning: Versioning::Off };
        let mut bytes = encode(&record);
        assert_eq!(decode::<BucketRecord>(&bytes).unwrap().created, 1);
        bytes[0] = 9;
        let error = decode::<BucketRecord>(&bytes).unwrap_err().to_string();
        assert!(error.contains("BucketRecord") && error.contains("layout 9"));
    }
}
