//! An archive of arbitrary bytes never panics, gives more than its bounds, or names a place outside.
//!
//! The first byte chooses: the rest is an archive as it is, or the tar inside of one, which the
//! fuzzer would hardly find through the checksums of gzip.
#![no_main]

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use nephos_catalog::{ArchiveLimits, CatalogError, read_archive};

const LIMITS: ArchiveLimits =
    ArchiveLimits { compressed: 1 << 20, unpacked: 4 << 20, document: 1 << 20, entries: 100 };

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    if kind % 2 == 0 {
        return read(rest);
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    let packed = gzip.write_all(&with_checksums(rest)).and_then(|()| gzip.finish());
    read(&packed.unwrap_or_default());
});

/// Makes every header that may be one a valid one.
fn with_checksums(tar: &[u8]) -> Vec<u8> {
    let mut out = tar.to_vec();
    for block in out.chunks_exact_mut(512) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    out
}

fn read(archive: &[u8]) {
    let mut total = 0;
    let _ = read_archive("fuzz", archive, "v1", &LIMITS, |path, content| {
        let name = path.strip_prefix("services/").unwrap_or(path);
        assert!(!name.contains(['/', '\\', '\0']) && !name.starts_with('.'), "{path:?}");
        assert!(name.ends_with(".yaml") || name.ends_with(".yaml.sig"), "{path:?}");
        let mut bytes = Vec::new();
        let read = content.read_to_end(&mut bytes);
        total += bytes.len() as u64;
        assert!(bytes.len() as u64 <= LIMITS.document && total <= LIMITS.unpacked);
        read.map(drop).map_err(|error| CatalogError::Registry(error.to_string()))
    });
}
