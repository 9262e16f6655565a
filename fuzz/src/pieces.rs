//! Bytes in pieces.

use arbitrary::Arbitrary;

/// Bytes that arrive in pieces.
#[derive(Arbitrary, Debug)]
pub struct Pieces<'a> {
    /// The announced length.
    pub(crate) announced: Announced,
    /// The sizes of the pieces, in a cycle.
    sizes: [u16; 3],
    /// All bytes.
    pub(crate) bytes: &'a [u8],
}

/// An announced length.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Announced {
    /// None.
    Nothing,
    /// The true length.
    Truth,
    /// Any length.
    Length(u16),
}

impl<'a> Pieces<'a> {
    /// The pieces; some may be empty.
    pub(crate) fn cut(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut sizes = self.sizes.map(usize::from).into_iter().cycle();
        let sum: usize = self.sizes.into_iter().map(usize::from).sum();
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let size = if sum == 0 {
                1
            } else {
                sizes.next().unwrap_or(1)
            };
            let piece;
            (piece, rest) = match rest {
                [] => return None,
                rest => rest.split_at(size.min(rest.len())),
            };
            Some(piece)
        })
    }
}
