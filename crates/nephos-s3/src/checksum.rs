//! Checksums as S3 defines them: five algorithms, over a whole object or over its parts.

use crate::combine::Combiner;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// What the checksum of a completed upload covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Coverage {
    /// The bytes of the object.
    FullObject,
    /// The checksums of its parts.
    Composite,
}

/// A checksum of some bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digest {
    pub(crate) algorithm: Algorithm,
    pub(crate) value: Vec<u8>,
}

/// The checksum of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectChecksum {
    pub(crate) digest: Digest,
    pub(crate) coverage: Coverage,
    /// How many parts went into a composite.
    pub(crate) parts: u32,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The name in `x-amz-checksum-algorithm`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header that carries a value.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    pub(crate) fn from_header(header: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.header().eq_ignore_ascii_case(header.trim()))
    }

    fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// What an upload covers if its creator does not say.
    pub(crate) fn default_coverage(self) -> Coverage {
        match self {
            Self::Crc64Nvme => Coverage::FullObject,
            _ => Coverage::Composite,
        }
    }

    /// A hash cannot be combined, and S3 defines no composite of CRC-64/NVME.
    pub(crate) fn allows(self, coverage: Coverage) -> bool {
        match coverage {
            Coverage::FullObject => self.crc().is_some(),
            Coverage::Composite => self != Self::Crc64Nvme,
        }
    }

    fn digest_of_crc(self, crc: u64) -> Digest {
        Digest { algorithm: self, value: crc.to_be_bytes()[8 - self.length()..].to_vec() }
    }
}

impl Coverage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::FullObject, Self::Composite]
            .into_iter()
            .find(|coverage| coverage.name().eq_ignore_ascii_case(name))
    }
}

impl Digest {
    /// Reads a header value; none if it is not base64 of the right length.
    pub(crate) fn parse(algorithm: Algorithm, text: &str) -> Option<Self> {
        let value = STANDARD.decode(text).ok()?;
        (value.len() == algorithm.length()).then_some(Self { algorithm, value })
    }

    pub(crate) fn text(&self) -> String {
        STANDARD.encode(&self.value)
    }

    pub(crate) fn crc64(crc: u64) -> Self {
        Algorithm::Crc64Nvme.digest_of_crc(crc)
    }

    fn as_crc(&self) -> u64 {
        self.value.iter().fold(0, |crc, byte| crc << 8 | u64::from(*byte))
    }
}

impl ObjectChecksum {
    /// The checksum of one part, as a read of that part shows it.
    pub(crate) fn of_part(digest: Digest) -> Self {
        Self { digest, coverage: Coverage::Composite, parts: 0 }
    }

    pub(crate) fn full(digest: Digest) -> Self {
        Self { digest, coverage: Coverage::FullObject, parts: 0 }
    }

    /// The value as a header shows it: a composite ends in the number of parts.
    pub(crate) fn text(&self) -> String {
        match self.coverage {
            Coverage::FullObject => self.digest.text(),
            Coverage::Composite if self.parts == 0 => self.digest.text(),
            Coverage::Composite => format!("{}-{}", self.digest.text(), self.parts),
        }
    }

    /// The checksum of an object from those of its parts, without reading a byte again. None if
    /// a part has no checksum, or one of another algorithm.
    pub(crate) fn of_parts<'a>(
        algorithm: Algorithm,
        coverage: Coverage,
        parts: impl Iterator<Item = (Option<&'a Digest>, u64)>,
    ) -> Option<Self> {
        let mut hasher = Hasher::new(algorithm);
        let mut combiner = match coverage {
            Coverage::Composite => None,
            Coverage::FullObject => {
                let bits = u32::try_from(algorithm.length() * 8).ok()?;
                Some(Combiner::new(algorithm.crc()?, bits))
            }
        };
        let mut count = 0;
        for (digest, length) in parts {
            let digest = digest.filter(|digest| digest.algorithm == algorithm)?;
            count += 1;
            match &mut combiner {
                None => hasher.update(&digest.value),
                Some(combiner) => combiner.push(digest.as_crc(), length),
            }
        }
        Some(Self {
            digest: match combiner {
                None => hasher.finish(),
                Some(combiner) => algorithm.digest_of_crc(combiner.finish()?),
            },
            coverage,
            parts: count,
        })
    }
}

/// Computes one checksum over a stream.
pub(crate) enum Hasher {
    Crc(Algorithm, Box<crc_fast::Digest>),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match (algorithm, algorithm.crc()) {
            (_, Some(crc)) => Self::Crc(algorithm, Box::new(crc_fast::Digest::new(crc))),
            (Algorithm::Sha1, None) => Self::Sha1(Box::default()),
            (_, None) => Self::Sha256(Box::default()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(_, crc) => crc.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        match self {
            Self::Crc(algorithm, crc) => algorithm.digest_of_crc(crc.finalize()),
            Self::Sha1(hasher) => {
                Digest { algorithm: Algorithm::Sha1, value: hasher.finalize().to_vec() }
            }
            Self::Sha256(hasher) => {
                Digest { algorithm: Algorithm::Sha256, value: hasher.finalize().to_vec() }
            }
        }
    }
}

/// Sets the one of the five checksum fields of an output that belongs to a checksum.
macro_rules! set_checksum {
    ($output:expr, $algorithm:expr, $text:expr) => {{
        let text = Some($text);
        match $algorithm {
            $crate::checksum::Algorithm::Crc32 => $output.checksum_crc32 = text,
            $crate::checksum::Algorithm::Crc32c => $output.checksum_crc32c = text,
            $crate::checksum::Algorithm::Crc64Nvme => $output.checksum_crc64nvme = text,
            $crate::checksum::Algorithm::Sha1 => $output.checksum_sha1 = text,
            $crate::checksum::Algorithm::Sha256 => $output.checksum_sha256 = text,
        }
    }};
}
pub(crate) use set_checksum;

/// The checksum values that an input names, with their algorithms.
macro_rules! given_checksums {
    ($input:expr) => {
        [
            ($crate::checksum::Algorithm::Crc32, $input.checksum_crc32.as_deref()),
            ($crate::checksum::Algorithm::Crc32c, $input.checksum_crc32c.as_deref()),
            ($crate::checksum::Algorithm::Crc64Nvme, $input.checksum_crc64nvme.as_deref()),
            ($crate::checksum::Algorithm::Sha1, $input.checksum_sha1.as_deref()),
            ($crate::checksum::Algorithm::Sha256, $input.checksum_sha256.as_deref()),
        ]
        .into_iter()
        .filter_map(|(algorithm, text)| Some((algorithm, text?)))
    };
}
pub(crate) use given_checksums;

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn known_values() {
        let text = |algorithm| digest(algorithm, b"123456789").text();
        assert_eq!(text(Algorithm::Crc32), "y/Q5Jg==");
        assert_eq!(text(Algorithm::Crc32c), "4waSgw==");
        assert_eq!(text(Algorithm::Crc64Nvme), "rosUhgp5mIg=");
        assert_eq!(text(Algorithm::Sha1), "98O8HYCOBHMq32eZZczDTKeuNEE=");
    }

    #[test]
    fn combined_parts_equal_the_whole() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let parts = [digest(algorithm, b"1234"), digest(algorithm, b"56789")];
            let lengths = [4, 5];
            let whole = ObjectChecksum::of_parts(
                algorithm,
                Coverage::FullObject,
                parts.iter().map(Some).zip(lengths),
            );
            assert_eq!(whole.unwrap().digest, digest(algorithm, b"123456789"));
        }
    }

    #[test]
    fn a_composite_hashes_the_part_checksums() {
        let part = digest(Algorithm::Sha256, b"a");
        let composite = ObjectChecksum::of_parts(
            Algorithm::Sha256,
            Coverage::Composite,
            [(Some(&part), 1), (Some(&part), 1)].into_iter(),
        )
        .unwrap();
        let joined = [part.value.clone(), part.value].concat();
        assert_eq!(composite.text(), format!("{}-2", digest(Algorithm::Sha256, &joined).text()));
    }
}
