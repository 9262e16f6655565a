//! [`StreamChecker`]: checks that the bytes of a clip are an MPEG transport stream, complete and not empty.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The length of a transport stream packet in bytes (ISO/IEC 13818-1, section 2.4.3.2).
pub const PACKET: u64 = 188;
/// The first byte of each packet.
const SYNC: u8 = 0x47;

/// Checks a clip piece by piece while it is transferred, and computes its hash. Takes constant memory.
#[derive(Clone)]
pub struct StreamChecker {
    content_length: Option<u64>,
    bytes: u64,
    hash: Sha256,
}

/// Size and hash of a complete clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The size in bytes.
    pub bytes: u64,
    /// The SHA-256 in lower-case hexadecimal, 64 digits.
    pub sha256: String,
}

/// Why bytes are not a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError {
    /// There are no bytes.
    Empty,
    /// The first byte is not the sync byte: an error page, most likely.
    NotTransportStream,
    /// The packet with this index, counted from 0, does not start with the sync byte.
    LostSync(u64),
    /// The bytes end within a packet, or their number is not the `Content-Length`.
    Truncated,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the clip is empty"),
            Self::NotTransportStream => f.write_str("this is not an MPEG transport stream"),
            Self::LostSync(packet) => write!(f, "packet {packet} does not start with 0x47"),
            Self::Truncated => f.write_str("the clip is incomplete"),
        }
    }
}

impl std::error::Error for StreamError {}

impl StreamChecker {
    /// Starts with no bytes. `content_length` is the length in bytes that the media host announced, if it did.
    pub fn new(content_length: Option<u64>) -> Self {
        Self {
            content_length,
            bytes: 0,
            hash: Sha256::new(),
        }
    }

    /// Checks the next bytes, of any number.
    ///
    /// # Errors
    ///
    /// [`StreamError::NotTransportStream`] and [`StreamError::LostSync`]; and [`StreamError::Truncated`] for the
    /// first bytes, if the announced length is not a multiple of [`PACKET`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        let packet = self.bytes.div_ceil(PACKET);
        let first = usize::try_from(packet * PACKET - self.bytes).unwrap_or(usize::MAX);
        let starts = bytes.iter().skip(first).step_by(PACKET as usize);
        if let Some((index, _)) = (packet..).zip(starts).find(|(_, byte)| **byte != SYNC) {
            return Err(match index {
                0 => StreamError::NotTransportStream,
                index => StreamError::LostSync(index),
            });
        }
        if self
            .content_length
            .is_some_and(|bytes| !bytes.is_multiple_of(PACKET))
        {
            return Err(StreamError::Truncated);
        }
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
        Ok(())
    }

    /// Whether the number of bytes is the announced length.
    pub fn is_complete(&self) -> bool {
        self.content_length == Some(self.bytes)
    }

    /// Ends the check after the last bytes.
    ///
    /// # Errors
    ///
    /// [`StreamError::Empty`] and [`StreamError::Truncated`].
    pub fn finish(self) -> Result<Digest, StreamError> {
        if self.bytes == 0 {
            return Err(StreamError::Empty);
        }
        let is_short = self.content_length.is_some_and(|bytes| bytes != self.bytes);
        if is_short || !self.bytes.is_multiple_of(PACKET) {
            return Err(StreamError::Truncated);
        }
        Ok(Digest {
            bytes: self.bytes,
            sha256: hex::encode(self.hash.finalize()),
        })
    }
}

impl fmt::Debug for StreamChecker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamChecker({} bytes)", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_is_complete_at_the_announced_length() {
        let packet = [SYNC; PACKET as usize];
        let is_complete = |content_length| {
            let mut checker = StreamChecker::new(content_length);
            checker.push(&packet).unwrap();
            checker.is_complete()
        };
        assert!(is_complete(Some(PACKET)));
        assert!(!is_complete(Some(2 * PACKET)) && !is_complete(None));
    }

    /// So many packets, whose payload has no sync byte.
    fn stream(packets: usize) -> Vec<u8> {
        let mut packet = [0x11; 188];
        packet[0] = SYNC;
        packet.repeat(packets)
    }

    fn check(pieces: &[&[u8]]) -> Result<Digest, StreamError> {
        let mut checker = StreamChecker::new(None);
        for piece in pieces {
            checker.push(piece)?;
        }
        checker.finish()
    }

    #[test]
    fn the_size_of_the_pieces_does_not_matter() {
        let stream = stream(10);
        let whole = check(&[&stream]).unwrap();
        assert_eq!(whole.bytes, 1_880);
        for size in [1, 7, 187, 188, 189, 1_000, 1_880] {
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            assert_eq!(check(&pieces).as_ref(), Ok(&whole), "{size}");
        }
    }

    #[test]
    fn the_hash_is_that_of_fips_180() {
        // printf 'G%0187d' 0 | sha256sum
        let packet = format!("G{:0187}", 0);
        let sha256 = "71c8e801c7f45ea4ed6c0c573555f27c2309dbc2d5ef64916ecc0032f50f30ca";
        assert_eq!(check(&[packet.as_bytes()]).unwrap().sha256, sha256);
    }

    #[test]
    fn every_packet_is_checked() {
        for packet in 0..10 {
            let mut stream = stream(10);
            stream[packet * 188] = b'<';
            let expected = match packet {
                0 => StreamError::NotTransportStream,
                packet => StreamError::LostSync(packet as u64),
            };
            for size in [1, 188, 300, 1_880] {
                let pieces: Vec<&[u8]> = stream.chunks(size).collect();
                assert_eq!(
                    check(&pieces),
                    Err(expected),
                    "{packet} in pieces of {size}"
                );
            }
        }
    }

    #[test]
    fn an_empty_or_truncated_stream_is_an_error() {
        assert_eq!(check(&[]), Err(StreamError::Empty));
        assert_eq!(check(&[b""]), Err(StreamError::Empty));
        for missing in [1, 187] {
            let stream = stream(3);
            let cut = &stream[..stream.len() - missing];
            assert_eq!(check(&[cut]), Err(StreamError::Truncated), "{missing}");
        }
    }

    #[test]
    fn the_announced_length_is_checked_after_the_first_byte() {
        let mut checker = StreamChecker::new(Some(187));
        assert_eq!(
            checker.push(b"<html>"),
            Err(StreamError::NotTransportStream)
        );
        assert_eq!(checker.push(&stream(1)), Err(StreamError::Truncated));
        let mut checker = StreamChecker::new(Some(376));
        assert_eq!(checker.push(&stream(1)), Ok(()));
        assert_eq!(format!("{checker:?}"), "StreamChecker(188 bytes)");
        assert_eq!(checker.clone().finish(), Err(StreamError::Truncated));
        assert_eq!(checker.push(&stream(1)), Ok(()));
        assert_eq!(checker.finish().unwrap().bytes, 376);
    }
}
