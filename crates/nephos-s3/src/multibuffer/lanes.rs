//! The compression function of MD5 (RFC 1321), over several streams in lock step.

// What is not inlined into the dispatched function is compiled for the least of all machines, and
// the adapters of iterators are not where a crate is compiled in many units: the loops here count.
#![allow(clippy::inline_always, clippy::needless_range_loop)]

use pulp::{Arch, NullaryFnOnce};

/// The four words that MD5 carries from block to block.
pub(super) type State = [u32; 4];

/// What MD5 works on at a time.
pub(super) const BLOCK: usize = 64;

/// How many streams go together: the lanes of a 256-bit register. Twice as many take twice as long,
/// as their bytes have to be put into the lanes one by one.
pub(super) const LANES: usize = 8;

/// The state before the first block.
pub(super) const START: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The integer parts of 4294967296 times abs(sin(i)), from the table of RFC 1321.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// Which word of the block each step adds, and by how much each step of four rotates.
struct Round {
    first: usize,
    stride: usize,
    rotations: [u32; 4],
}

const ROUNDS: [Round; 4] = [
    Round { first: 0, stride: 1, rotations: [7, 12, 17, 22] },
    Round { first: 1, stride: 5, rotations: [5, 9, 14, 20] },
    Round { first: 5, stride: 3, rotations: [4, 11, 16, 23] },
    Round { first: 0, stride: 7, rotations: [6, 10, 15, 21] },
];

/// Adds whole blocks to up to [`LANES`] streams. All slices have the same length.
pub(super) fn compress(arch: Arch, states: &mut [State], data: &[&[u8]]) {
    match states.len() {
        0 => {}
        // One stream is a chain of steps, which no vector shortens.
        1 => md5::block_api::compress(&mut states[0], data[0].as_chunks().0),
        _ => run::<LANES>(arch, states, data),
    }
}

/// Lanes without a stream repeat the first one; what they come to is dropped.
fn run<const L: usize>(arch: Arch, states: &mut [State], data: &[&[u8]]) {
    let used = |lane: usize| if lane < states.len() { lane } else { 0 };
    let mut words = [[0; L]; 4];
    for (word, lanes) in words.iter_mut().enumerate() {
        for (lane, value) in lanes.iter_mut().enumerate() {
            *value = states[used(lane)][word];
        }
    }
    let data = std::array::from_fn(|lane| data[used(lane)].as_chunks().0);
    let words = arch.dispatch(Compression::<L> { words, data });
    for (lane, state) in states.iter_mut().enumerate() {
        *state = words.map(|lanes| lanes[lane]);
    }
}

/// One call of the kernel, which is compiled for each set of vector instructions.
struct Compression<'a, const L: usize> {
    words: [[u32; L]; 4],
    data: [&'a [[u8; BLOCK]]; L],
}

impl<const L: usize> NullaryFnOnce for Compression<'_, L> {
    type Output = [[u32; L]; 4];

    #[inline(always)]
    fn call(self) -> Self::Output {
        let mut words = self.words;
        let count = self.data[0].len();
        if count == 0 {
            return words;
        }
        let mut next = load(&self.data, 0);
        for at in 0..count {
            // The words of the next block are put together while this one is worked on. They must
            // go through memory: a compiler that sees where they come from gathers them one by one
            // into each step, which takes up to four times as long.
            let block = *std::hint::black_box(&next);
            next = load(&self.data, (at + 1).min(count - 1));
            let before = words;
            steps(&mut words, &block);
            for word in 0..4 {
                for lane in 0..L {
                    words[word][lane] = words[word][lane].wrapping_add(before[word][lane]);
                }
            }
        }
        words
    }
}

/// The words of one block of each stream, a word of all lanes together.
#[inline(always)]
fn load<const L: usize>(data: &[&[[u8; BLOCK]]; L], at: usize) -> [[u32; L]; 16] {
    let mut block = [[0; L]; 16];
    for lane in 0..L {
        let bytes = &data[lane][at];
        for word in 0..16 {
            let at = 4 * word;
            let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            block[word][lane] = u32::from_le_bytes(bytes);
        }
    }
    block
}

/// The sixty-four steps. Loops with constant bounds are unrolled, and what runs over the lanes
/// becomes one vector instruction.
#[inline(always)]
fn steps<const L: usize>(words: &mut [[u32; L]; 4], block: &[[u32; L]; 16]) {
    let [mut a, mut b, mut c, mut d] = *words;
    macro_rules! step {
        ($round:literal, $step:expr, $function:expr) => {
            let round = &ROUNDS[$round];
            let added = &block[(round.first + round.stride * $step) % 16];
            let mut next = [0; L];
            for lane in 0..L {
                let mixed: u32 = $function(b[lane], c[lane], d[lane]);
                // What depends on the step before comes last.
                next[lane] = added[lane]
                    .wrapping_add(SINES[$round * 16 + $step])
                    .wrapping_add(a[lane])
                    .wrapping_add(mixed)
                    .rotate_left(round.rotations[$step % 4])
                    .wrapping_add(b[lane]);
            }
            (a, d, c, b) = (d, c, b, next);
        };
    }
    macro_rules! round {
        ($round:literal, $function:expr) => {
            round!($round, $function, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        };
        ($round:literal, $function:expr, $($step:literal)*) => {
            $(step!($round, $step, $function);)*
        };
    }
    round!(0, |b: u32, c: u32, d: u32| d ^ (b & (c ^ d)));
    round!(1, |b: u32, c: u32, d: u32| c ^ (d & (b ^ c)));
    round!(2, |b: u32, c: u32, d: u32| b ^ c ^ d);
    round!(3, |b: u32, c: u32, d: u32| c ^ (b | !d));
    *words = [a, b, c, d];
}
