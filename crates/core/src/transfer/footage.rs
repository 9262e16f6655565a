//! What is checked of a clip while it streams by: an MPEG transport stream, whole and not empty.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The length of a packet in bytes, and the byte that each starts with (ISO/IEC 13818-1, 2.4.3.2).
pub const PACKET: u64 = 188;
const SYNC: u8 = 0x47;

/// A clip that streams by, seen up to some byte.
#[derive(Clone)]
pub struct Footage {
    announced: Option<u64>,
    bytes: u64,
    hash: Sha256,
}

/// A clip, all of which has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// Why bytes are no clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFootage {
    /// There are none.
    Empty,
    /// The first is not that of a packet: an error page, most likely.
    NoTransportStream,
    /// A later packet, counted from 0, does not start with the sync byte.
    LostSync(u64),
    /// They end within a packet, or before as many as were announced.
    CutOff,
}

impl Footage {
    /// A clip of which nothing has passed yet, and whose length in bytes may be announced.
    pub fn new(announced: Option<u64>) -> Self {
        Self {
            announced,
            bytes: 0,
            hash: Sha256::new(),
        }
    }

    /// Takes the next bytes, however many.
    ///
    /// # Errors
    ///
    /// [`NotFootage::NoTransportStream`] and [`NotFootage::LostSync`]; and [`NotFootage::CutOff`] by
    /// the first bytes, where the announced length says so.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), NotFootage> {
        let packet = self.bytes.div_ceil(PACKET);
        let first = usize::try_from(packet * PACKET - self.bytes).unwrap_or(usize::MAX);
        let starts = bytes.iter().skip(first).step_by(PACKET as usize);
        if let Some((index, _)) = (packet..).zip(starts).find(|(_, byte)| **byte != SYNC) {
            return Err(match index {
                0 => NotFootage::NoTransportStream,
                index => NotFootage::LostSync(index),
            });
        }
        if self
            .announced
            .is_some_and(|bytes| !bytes.is_multiple_of(PACKET))
        {
            return Err(NotFootage::CutOff);
        }
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
        Ok(())
    }

    /// Whether as many bytes have passed as were announced.
    pub fn has_all(&self) -> bool {
        self.announced == Some(self.bytes)
    }

    /// All has passed.
    ///
    /// # Errors
    ///
    /// [`NotFootage::Empty`] and [`NotFootage::CutOff`].
    pub fn finish(self) -> Result<Digest, NotFootage> {
        if self.bytes == 0 {
            return Err(NotFootage::Empty);
        }
        let is_short = self.announced.is_some_and(|bytes| bytes != self.bytes);
        if is_short || !self.bytes.is_multiple_of(PACKET) {
            return Err(NotFootage::CutOff);
        }
        Ok(Digest {
            bytes: self.bytes,
            sha256: hex::encode(self.hash.finalize()),
        })
    }
}

impl fmt::Debug for Footage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Footage({} bytes)", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_what_was_announced() {
        let packet = [SYNC; PACKET as usize];
        let passed = |announced| {
            let mut footage = Footage::new(announced);
            footage.push(&packet).unwrap();
            footage.has_all()
        };
        assert!(passed(Some(PACKET)));
        assert!(!passed(Some(2 * PACKET)) && !passed(None));
    }

    /// `packets` packets of bytes that are no sync byte.
    fn stream(packets: usize) -> Vec<u8> {
        let mut packet = [0x11; 188];
        packet[0] = SYNC;
        packet.repeat(packets)
    }

    fn seen(pieces: &[&[u8]]) -> Result<Digest, NotFootage> {
        let mut footage = Footage::new(None);
        for piece in pieces {
            footage.push(piece)?;
        }
        footage.finish()
    }

    #[test]
    fn in_any_pieces_it_comes_to_the_same() {
        let stream = stream(10);
        let whole = seen(&[&stream]).unwrap();
        assert_eq!(whole.bytes, 1_880);
        for size in [1, 7, 187, 188, 189, 1_000, 1_880] {
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            assert_eq!(seen(&pieces).as_ref(), Ok(&whole), "{size}");
        }
    }

    #[test]
    fn the_hash_is_that_of_fips_180() {
        // printf 'G%0187d' 0 | sha256sum
        let packet = format!("G{:0187}", 0);
        let sha256 = "71c8e801c7f45ea4ed6c0c573555f27c2309dbc2d5ef64916ecc0032f50f30ca";
        assert_eq!(seen(&[packet.as_bytes()]).unwrap().sha256, sha256);
    }

    #[test]
    fn every_packet_is_looked_at() {
        for packet in 0..10 {
            let mut stream = stream(10);
            stream[packet * 188] = b'<';
            let expected = match packet {
                0 => NotFootage::NoTransportStream,
                packet => NotFootage::LostSync(packet as u64),
            };
            for size in [1, 188, 300, 1_880] {
                let pieces: Vec<&[u8]> = stream.chunks(size).collect();
                assert_eq!(seen(&pieces), Err(expected), "{packet} in pieces of {size}");
            }
        }
    }

    #[test]
    fn nothing_and_parts_of_packets_are_no_clip() {
        assert_eq!(seen(&[]), Err(NotFootage::Empty));
        assert_eq!(seen(&[b""]), Err(NotFootage::Empty));
        for missing in [1, 187] {
            let stream = stream(3);
            let cut = &stream[..stream.len() - missing];
            assert_eq!(seen(&[cut]), Err(NotFootage::CutOff), "{missing}");
        }
    }

    #[test]
    fn an_announced_length_is_judged_once_it_is_a_clip() {
        let mut footage = Footage::new(Some(187));
        assert_eq!(footage.push(b"<html>"), Err(NotFootage::NoTransportStream));
        assert_eq!(footage.push(&stream(1)), Err(NotFootage::CutOff));
        let mut footage = Footage::new(Some(376));
        assert_eq!(footage.push(&stream(1)), Ok(()));
        assert_eq!(format!("{footage:?}"), "Footage(188 bytes)");
        assert_eq!(footage.clone().finish(), Err(NotFootage::CutOff));
        assert_eq!(footage.push(&stream(1)), Ok(()));
        assert_eq!(footage.finish().unwrap().bytes, 376);
    }
}
