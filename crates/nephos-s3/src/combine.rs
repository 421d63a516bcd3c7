//! The CRC of a whole from those of its parts.
//!
//! What the bytes of a part do to the CRC before them depends on their number only: it is a linear
//! map with a constant added. Working it out takes a hundred microseconds, which is a second for
//! the 10,000 parts of an upload; applying it takes nanoseconds. Nearly all parts of an upload have
//! one length.

use crc_fast::{CrcAlgorithm, checksum_combine};
use std::collections::HashMap;

/// As many as a CRC has at most. The map of a length is made when the length has come up as often.
const BITS: u32 = 64;

/// What a number of bytes does to a CRC before them.
struct Shift {
    constant: u64,
    /// What each bit contributes.
    columns: [u64; BITS as usize],
}

impl Shift {
    fn of(algorithm: CrcAlgorithm, width: u32, length: u64) -> Self {
        let constant = checksum_combine(algorithm, 0, 0, length);
        let mut columns = [0; BITS as usize];
        for (bit, column) in columns.iter_mut().enumerate().take(width as usize) {
            *column = checksum_combine(algorithm, 1 << bit, 0, length) ^ constant;
        }
        Self { constant, columns }
    }

    fn apply(&self, crc: u64) -> u64 {
        let set = (0..BITS as usize).filter(|bit| crc >> bit & 1 == 1);
        set.fold(self.constant, |sum, bit| sum ^ self.columns[bit])
    }
}

enum Known {
    /// How often the length has come up.
    Seen(u32),
    Shift(Box<Shift>),
}

/// Joins CRCs, one part after the other.
pub(crate) struct Combiner {
    algorithm: CrcAlgorithm,
    /// How many bits a CRC has.
    width: u32,
    known: HashMap<u64, Known>,
    crc: Option<u64>,
}

impl Combiner {
    pub(crate) fn new(algorithm: CrcAlgorithm, width: u32) -> Self {
        Self { algorithm, width, known: HashMap::new(), crc: None }
    }

    /// Adds the CRC of the next part.
    pub(crate) fn push(&mut self, crc: u64, length: u64) {
        let Some(before) = self.crc else {
            self.crc = Some(crc);
            return;
        };
        let known = self.known.entry(length).or_insert(Known::Seen(0));
        self.crc = Some(match known {
            Known::Shift(shift) => shift.apply(before) ^ crc,
            Known::Seen(times) => {
                *times += 1;
                if *times == BITS {
                    let shift = Shift::of(self.algorithm, self.width, length);
                    *known = Known::Shift(Box::new(shift));
                }
                checksum_combine(self.algorithm, before, crc, length)
            }
        });
    }

    /// The CRC of all parts; none of no parts.
    pub(crate) fn finish(self) -> Option<u64> {
        self.crc
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    #[test]
    fn however_often_a_length_comes_up_the_whole_has_the_same_crc() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        for (algorithm, width) in [
            (CrcAlgorithm::Crc32IsoHdlc, 32),
            (CrcAlgorithm::Crc32Iscsi, 32),
            (CrcAlgorithm::Crc64Nvme, 64),
        ] {
            let mut combiner = Combiner::new(algorithm, width);
            let mut whole = crc_fast::Digest::new(algorithm);
            for at in 0..400 {
                let length = if at % 50 == 49 { rng.random_range(0..5000) } else { 333 };
                let part: Vec<u8> = (0..length).map(|_| rng.random()).collect();
                whole.update(&part);
                combiner.push(crc_fast::checksum(algorithm, &part), length);
            }
            assert_eq!(combiner.finish(), Some(whole.finalize()));
        }
    }
}
