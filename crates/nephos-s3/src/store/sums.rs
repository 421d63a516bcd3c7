//! The checksums that are computed while a body is written.

use super::staged::Intent;
use crate::checksum::{Algorithm, Digest, Hasher};

/// Running checksums.
pub(super) struct Sums {
    algorithm: Option<Algorithm>,
    crc64: crc_fast::Digest,
    /// The one that was asked for, where it is not the CRC-64/NVME.
    asked: Option<Hasher>,
    /// The one that was signed, where it is not asked for as well.
    signed: Option<Hasher>,
    sha256: bool,
}

/// What they came to.
pub(super) struct Totals {
    pub(super) crc64: u64,
    pub(super) checksum: Option<Digest>,
    pub(super) sha256: Option<[u8; 32]>,
}

impl Sums {
    pub(super) fn new(intent: &Intent) -> Self {
        let asked = intent.algorithm.filter(|algorithm| *algorithm != Algorithm::Crc64Nvme);
        let signed = intent.sha256 && asked != Some(Algorithm::Sha256);
        Self {
            algorithm: intent.algorithm,
            crc64: crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme),
            asked: asked.map(Hasher::new),
            signed: signed.then(|| Hasher::new(Algorithm::Sha256)),
            sha256: intent.sha256,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.crc64.update(bytes);
        for hasher in [&mut self.asked, &mut self.signed].into_iter().flatten() {
            hasher.update(bytes);
        }
    }

    pub(super) fn finish(self) -> Totals {
        let crc64 = self.crc64.finalize();
        let checksum = match self.asked {
            Some(hasher) => Some(hasher.finish()),
            None => self.algorithm.map(|_| Digest::crc64(crc64)),
        };
        let signed = match self.signed {
            Some(hasher) => Some(hasher.finish()),
            None => checksum.clone().filter(|_| self.sha256),
        };
        let sha256 = signed.and_then(|digest| digest.value.try_into().ok());
        Totals { crc64, checksum, sha256 }
    }
}
