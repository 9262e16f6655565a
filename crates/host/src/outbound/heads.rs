//! Finds the heads of messages in what a server sends over HTTP/2.
//!
//! A server may send any number of interim responses (1xx) before a response. The HTTP/2 library keeps all that arrive at
//! once in memory, some 300 bytes for each one of ten.

/// Follows the frames of a connection (RFC 9113, section 4.1).
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// How many bytes of the next frame's header have arrived.
    at: u8,
    /// The length in that header.
    length: usize,
    /// Whether that frame begins a head.
    begins: bool,
    /// How much of the last frame is still to come.
    left: usize,
}

/// The type of the frame that begins a head.
const HEADERS: u8 = 1;

impl Heads {
    /// How many heads begin in these bytes, which follow those of the call before.
    pub(super) fn count(&mut self, mut bytes: &[u8]) -> usize {
        let mut count = 0;
        loop {
            let payload = self.left.min(bytes.len());
            self.left -= payload;
            let Some((byte, rest)) = bytes.split_at(payload).1.split_first() else {
                return count;
            };
            bytes = rest;
            self.at += 1;
            match self.at {
                1..=3 => self.length = self.length << 8 | usize::from(*byte),
                4 => self.begins = *byte == HEADERS,
                9 => {
                    count += usize::from(self.begins);
                    *self = Self {
                        left: self.length,
                        ..Self::default()
                    };
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let header = [0, (length >> 8) as u8, length as u8, kind, 4, 0, 0, 0, 1];
        [&header[..], &vec![HEADERS; length]].concat()
    }

    #[test]
    fn heads_are_counted_in_pieces_of_any_size() {
        let frames = [
            frame(4, 18),
            frame(HEADERS, 5),
            frame(0, 1_000),
            frame(HEADERS, 0),
            frame(9, 300),
            frame(0, 0),
            frame(HEADERS, 1),
        ];
        let bytes = frames.concat();
        for size in 1..bytes.len() {
            let mut heads = Heads::default();
            let found: usize = bytes.chunks(size).map(|piece| heads.count(piece)).sum();
            assert_eq!(found, 3, "pieces of {size} bytes");
        }
    }
}
