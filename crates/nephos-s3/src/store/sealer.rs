//! Encrypted data as it lies in a file: frames, each with its tag behind it.

use crate::encryption::{DataKey, FRAME, TAG, Unsealable};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Encrypts a stream.
pub(super) struct Sealer {
    key: DataKey,
    frame: u64,
    pending: Vec<u8>,
}

impl Sealer {
    pub(super) fn new(key: DataKey) -> Self {
        Self { key, frame: 0, pending: Vec::with_capacity(FRAME + TAG) }
    }

    pub(super) fn write(&mut self, mut bytes: &[u8], to: &mut impl Write) -> io::Result<()> {
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(bytes.len().min(FRAME - self.pending.len()));
            self.pending.extend_from_slice(taken);
            bytes = rest;
            if self.pending.len() == FRAME {
                self.flush(to)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.key.seal(self.frame, &mut self.pending).map_err(io::Error::other)?;
        to.write_all(&self.pending)?;
        self.pending.clear();
        self.frame += 1;
        Ok(())
    }

    /// Writes what does not fill a frame.
    pub(super) fn finish(mut self, to: &mut impl Write) -> io::Result<()> {
        if self.pending.is_empty() { Ok(()) } else { self.flush(to) }
    }
}

/// Where a range of the clear bytes lies at rest, as offset and length, whole frames only.
fn at_rest(offset: u64, length: u64, total: u64) -> (u64, u64) {
    let (frame, stored) = (FRAME as u64, (FRAME + TAG) as u64);
    let first = offset / frame;
    let end = (offset + length).div_ceil(frame) * frame;
    let frames = end / frame - first;
    let missing = end.saturating_sub(total);
    (first * stored, frames * stored - missing)
}

/// Decrypts whole frames, of which the first has a number, and cuts a range out of them.
pub(super) fn open_frames(
    key: &DataKey,
    stored: &[u8],
    offset: u64,
    length: usize,
) -> Result<Vec<u8>, Unsealable> {
    let first = offset / FRAME as u64;
    let mut clear = Vec::with_capacity(stored.len());
    for (number, frame) in (first..).zip(stored.chunks(FRAME + TAG)) {
        let mut frame = frame.to_vec();
        key.open(number, &mut frame)?;
        clear.extend_from_slice(&frame);
    }
    let skipped = usize::try_from(offset % FRAME as u64).unwrap_or_default();
    clear.drain(..skipped.min(clear.len()));
    if clear.len() < length {
        return Err(Unsealable);
    }
    clear.truncate(length);
    Ok(clear)
}

/// Reads a range of the clear bytes of a file.
pub(super) fn read_range(
    file: &mut File,
    key: &DataKey,
    total: u64,
    offset: u64,
    length: usize,
) -> io::Result<Vec<u8>> {
    let (start, span) = at_rest(offset, length as u64, total);
    let mut stored = vec![0; usize::try_from(span).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut stored)?;
    open_frames(key, &stored, offset, length).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::Secret;

    #[test]
    fn any_range_can_be_read_back() {
        let clear: Vec<u8> = (0..200_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let key = || Secret::new([7; 32]).data_key(&[1; 16]).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let mut sealer = Sealer::new(key());
        for piece in clear.chunks(1000) {
            sealer.write(piece, &mut file).unwrap();
        }
        sealer.finish(&mut file).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 200_000 + 4 * TAG as u64);
        for (offset, length) in
            [(0, 200_000), (0, 1), (65_535, 2), (65_536, 65_536), (131_072, 68_928), (199_999, 1)]
        {
            let read = read_range(&mut file, &key(), 200_000, offset as u64, length).unwrap();
            assert_eq!(read, clear[offset..offset + length], "{offset} {length}");
        }
    }
}
