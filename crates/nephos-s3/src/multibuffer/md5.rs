//! One MD5 in the making.

use super::lanes::{BLOCK, START, State, compress};
use pulp::Arch;

/// A running MD5.
pub(super) struct Md5 {
    pub(super) state: State,
    length: u64,
    /// Bytes that do not fill a block yet.
    tail: [u8; BLOCK],
    held: usize,
}

impl Default for Md5 {
    fn default() -> Self {
        Self { state: START, length: 0, tail: [0; BLOCK], held: 0 }
    }
}

impl Md5 {
    /// Takes bytes that cannot be compressed together with other streams: those that fill up a
    /// block that was begun, and those that are less than one. Returns how many were taken; what
    /// follows are whole blocks, if anything.
    pub(super) fn absorb(&mut self, arch: Arch, bytes: &[u8]) -> usize {
        if self.held == 0 && bytes.len() >= BLOCK {
            return 0;
        }
        let taken = bytes.len().min(BLOCK - self.held);
        self.tail[self.held..self.held + taken].copy_from_slice(&bytes[..taken]);
        self.held += taken;
        self.length += taken as u64;
        if self.held == BLOCK {
            compress(arch, std::slice::from_mut(&mut self.state), &[&self.tail]);
            self.held = 0;
        }
        taken
    }

    /// Counts whole blocks that were compressed.
    pub(super) fn count(&mut self, length: usize) {
        self.length += length as u64;
    }

    /// Adds bytes to this stream alone.
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        let arch = Arch::new();
        while !bytes.is_empty() {
            let taken = self.absorb(arch, bytes);
            bytes = &bytes[taken..];
            let (blocks, rest) = bytes.split_at(bytes.len() / BLOCK * BLOCK);
            if self.held == 0 && !blocks.is_empty() {
                compress(arch, std::slice::from_mut(&mut self.state), &[blocks]);
                self.count(blocks.len());
                bytes = rest;
            }
        }
    }

    /// The hash of everything.
    pub(super) fn finish(mut self) -> [u8; 16] {
        let bits = self.length.wrapping_mul(8).to_le_bytes();
        // A one bit, zeros, and the length in the last eight bytes of a block.
        let zeros = (2 * BLOCK - 9 - self.held) % BLOCK;
        let mut padding = vec![0; 1 + zeros + 8];
        padding[0] = 0x80;
        padding[1 + zeros..].copy_from_slice(&bits);
        self.update(&padding);
        let mut hash = [0; 16];
        for (bytes, word) in hash.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use md5::Digest as _;

    #[test]
    fn the_vectors_of_rfc_1321() {
        let hash = |text: &str| {
            let mut md5 = Md5::default();
            md5.update(text.as_bytes());
            hex::encode(md5.finish())
        };
        assert_eq!(hash(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hash("a"), "0cc175b9c0f1b6a831c399e269772661");
        assert_eq!(hash("abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hash("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
        assert_eq!(hash("abcdefghijklmnopqrstuvwxyz"), "c3fcd3d76192e4007dfb496cca67e13b");
        let digits =
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890";
        assert_eq!(hash(digits), "57edf4a22be3c955ac49da2e2107b67a");
    }

    #[test]
    fn any_length_in_any_pieces() {
        let bytes: Vec<u8> = (0..300_u32).map(|n| u8::try_from(n % 256).unwrap()).collect();
        for length in 0..bytes.len() {
            for piece in [1, 3, 63, 64, 65, 300] {
                let mut md5 = Md5::default();
                for part in bytes[..length].chunks(piece) {
                    md5.update(part);
                }
                let expected: [u8; 16] = md5::Md5::digest(&bytes[..length]).into();
                assert_eq!(md5.finish(), expected, "{length} in {piece}");
            }
        }
    }
}
