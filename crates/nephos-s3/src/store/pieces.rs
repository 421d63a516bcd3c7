//! Pieces of a body that wait to be written.

use bytes::{Bytes, BytesMut};

/// A smaller piece is copied together with its neighbours: it costs as much to hold as a larger
/// one, and a client that sends single bytes could have very many of them waiting.
const SMALL: usize = 4 << 10;

#[derive(Default)]
pub(super) struct Pieces {
    list: Vec<Bytes>,
    /// Small ones that came last.
    small: BytesMut,
    length: usize,
}

impl Pieces {
    /// How many bytes there are.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        self.length += bytes.len();
        if bytes.len() < SMALL {
            self.small.extend_from_slice(&bytes);
            return;
        }
        self.gather();
        self.list.push(bytes);
    }

    fn gather(&mut self) {
        if !self.small.is_empty() {
            self.list.push(std::mem::take(&mut self.small).freeze());
        }
    }

    /// All of them, in order; none are left.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        self.gather();
        self.length = 0;
        std::mem::take(&mut self.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_pieces_are_few_large_ones() {
        let mut pieces = Pieces::default();
        for _ in 0..100_000 {
            pieces.push(Bytes::from_static(b"x"));
            pieces.push(Bytes::new());
        }
        pieces.push(Bytes::from(vec![b'y'; SMALL]));
        pieces.push(Bytes::from_static(b"z"));
        assert_eq!(pieces.length(), 100_000 + SMALL + 1);
        let taken = pieces.take();
        assert_eq!(taken.iter().map(Bytes::len).collect::<Vec<_>>(), [100_000, SMALL, 1]);
        assert_eq!((taken[0][0], taken[1][0], taken[2][0]), (b'x', b'y', b'z'));
        assert_eq!((pieces.length(), pieces.take().len()), (0, 0));
    }
}
