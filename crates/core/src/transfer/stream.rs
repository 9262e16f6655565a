//! [`StreamChecker`]: checks that the bytes of a clip are a complete MPEG transport stream with pictures.

use std::fmt;

use mv_clip_mpegts::{Checker, NotMpegTs};
use sha2::{Digest as _, Sha256};

/// The length of a transport stream packet in bytes (ISO/IEC 13818-1, section 2.4.3.2).
pub const PACKET: u64 = 188;

/// Checks a clip piece by piece while it is transferred, and computes its hash. Takes constant memory.
#[derive(Clone)]
pub struct StreamChecker {
    content_length: Option<u64>,
    bytes: u64,
    hash: Sha256,
    checker: Checker,
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
    /// No packet has a picture.
    NoPicture,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the clip is empty"),
            Self::NotTransportStream => f.write_str("this is not an MPEG transport stream"),
            Self::LostSync(packet) => write!(f, "packet {packet} does not start with 0x47"),
            Self::Truncated => f.write_str("the clip is incomplete"),
            Self::NoPicture => f.write_str("the clip has no picture"),
        }
    }
}

impl std::error::Error for StreamError {}

impl From<NotMpegTs> for StreamError {
    fn from(error: NotMpegTs) -> Self {
        match error {
            NotMpegTs::Empty => Self::Empty,
            NotMpegTs::LostSync { packet, .. } => Self::LostSync(packet),
            NotMpegTs::Truncated { .. } => Self::Truncated,
            NotMpegTs::NoPat { .. } | NotMpegTs::NoPmt { .. } | NotMpegTs::NoPicture { .. } => {
                Self::NoPicture
            }
            _ => Self::NotTransportStream,
        }
    }
}

impl StreamChecker {
    /// Starts with no bytes. `content_length` is the length in bytes that the media host announced, if it did.
    pub fn new(content_length: Option<u64>) -> Self {
        Self {
            content_length,
            bytes: 0,
            hash: Sha256::new(),
            checker: Checker::default(),
        }
    }

    /// Checks the next bytes, of any number.
    ///
    /// # Errors
    ///
    /// [`StreamError::NotTransportStream`] and [`StreamError::LostSync`]; and [`StreamError::Truncated`] for the
    /// first bytes, if the announced length is not a number of whole packets.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.checker.push(bytes)?;
        let stray = u64::from(self.checker.stray());
        if self.checker.has_started()
            && self.content_length.is_some_and(|bytes| {
                bytes
                    .checked_sub(stray)
                    .is_none_or(|bytes| !bytes.is_multiple_of(PACKET))
            })
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
    /// [`StreamError::Empty`], [`StreamError::Truncated`] and [`StreamError::NoPicture`].
    pub fn finish(self) -> Result<Digest, StreamError> {
        let is_short = self.content_length.is_some_and(|bytes| bytes != self.bytes);
        if is_short && self.bytes > 0 {
            return Err(StreamError::Truncated);
        }
        self.checker.finish()?;
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

    /// The tables of a stream, and the start of a picture: three packets.
    const PICTURE: &[u8] = include_bytes!("picture.ts");

    /// A clip of so many packets.
    fn stream(packets: usize) -> Vec<u8> {
        let mut packet = [0x11; 188];
        packet[0] = 0x47;
        [PICTURE, &packet.repeat(packets - 3)].concat()
    }

    fn check(pieces: &[&[u8]]) -> Result<Digest, StreamError> {
        let mut checker = StreamChecker::new(None);
        for piece in pieces {
            checker.push(piece)?;
        }
        checker.finish()
    }

    #[test]
    fn a_clip_is_complete_at_the_announced_length() {
        let clip = stream(3);
        let is_complete = |content_length| {
            let mut checker = StreamChecker::new(content_length);
            checker.push(&clip).unwrap();
            checker.is_complete()
        };
        assert!(is_complete(Some(3 * PACKET)));
        assert!(!is_complete(Some(4 * PACKET)) && !is_complete(None));
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
        // sha256sum picture.ts
        let sha256 = "a5ba1e59ee44042b54cb2dadd82f6082ab520d2ed868a16c7f85371a3dcdcba8";
        assert_eq!(check(&[PICTURE]).unwrap().sha256, sha256);
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
            let stream = stream(4);
            let cut = &stream[..stream.len() - missing];
            assert_eq!(check(&[cut]), Err(StreamError::Truncated), "{missing}");
        }
    }

    #[test]
    fn a_stream_without_a_picture_is_an_error() {
        let mut null = [0xff; 188];
        null[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
        for clip in [&null.repeat(9), &PICTURE[..188], &PICTURE[..376]] {
            assert_eq!(check(&[clip]), Err(StreamError::NoPicture));
        }
    }

    #[test]
    fn bytes_before_the_first_packet_belong_to_the_clip() {
        let clip = [b"\xef\xbb\xbf\r\n", PICTURE].concat();
        assert_eq!(check(&[&clip]).unwrap().bytes, 569);
        for (length, expected) in [
            (569, Ok(())),
            (564, Err(StreamError::Truncated)),
            (757, Ok(())),
        ] {
            let mut checker = StreamChecker::new(Some(length));
            assert_eq!(checker.push(&clip), expected, "{length}");
        }
    }

    #[test]
    fn the_announced_length_is_checked_after_the_first_byte() {
        let mut checker = StreamChecker::new(Some(187));
        assert_eq!(
            checker.push(b"<html>"),
            Err(StreamError::NotTransportStream)
        );
        assert_eq!(checker.push(PICTURE), Err(StreamError::Truncated));
        let mut checker = StreamChecker::new(Some(752));
        assert_eq!(checker.push(PICTURE), Ok(()));
        assert_eq!(format!("{checker:?}"), "StreamChecker(564 bytes)");
        assert_eq!(checker.clone().finish(), Err(StreamError::Truncated));
        assert_eq!(checker.push(&stream(4)[564..]), Ok(()));
        assert_eq!(checker.finish().unwrap().bytes, 752);
    }
}
