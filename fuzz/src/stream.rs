//! `StreamChecker`, compared with a check of the whole clip.

use mv_clip_core::transfer::{Digest, PACKET, StreamChecker, StreamError};

use crate::pieces::{Announced, Pieces};

/// Checks that the result is right for any size of the pieces.
pub fn check(pieces: Pieces<'_>) {
    let bytes = pieces.bytes;
    let length = bytes.len() as u64;
    let announced = match pieces.announced {
        Announced::Nothing => None,
        Announced::Truth => Some(length),
        Announced::Length(length) => Some(length.into()),
    };
    let result = check_pieces(announced, pieces.cut());

    // Up to 187 bytes that are no text may come first.
    let is_stray = |byte: &&u8| **byte != b'G' && !byte.is_ascii_graphic();
    let stray = bytes.iter().take(187).take_while(is_stray).count();
    let packets: Vec<_> = bytes[stray..].chunks(188).collect();
    let is_form = !packets.is_empty()
        && packets
            .iter()
            .all(|packet| packet.len() == 188 && packet[0] == b'G')
        && announced.is_none_or(|announced| announced == length);
    let is_whole = matches!(result, Ok(_) | Err(StreamError::NoPicture));
    assert_eq!(is_whole, is_form, "{result:?}");
    let whole = check_pieces(announced, bytes.chunks(usize::MAX));
    match result {
        Ok(Digest { bytes, ref sha256 }) => {
            assert_eq!(bytes, length);
            assert_eq!(sha256.len(), 64);
            assert_eq!(result, whole);
        }
        Err(error) => {
            // Of several errors, an impossible length may be found before the others.
            assert!(whole == Err(error) || error == StreamError::Truncated);
            let first = packets.iter().position(|packet| packet[0] != b'G');
            match error {
                StreamError::Empty => assert!(bytes.is_empty()),
                StreamError::NotTransportStream => assert!(first.is_none_or(|first| first == 0)),
                StreamError::LostSync(packet) => {
                    assert_eq!(first.map(|at| at as u64), Some(packet))
                }
                StreamError::Truncated => {
                    let stray = stray as u64;
                    let is_impossible = announced.is_some_and(|length| {
                        length < stray || !(length - stray).is_multiple_of(PACKET)
                    });
                    assert!(first.is_none() || is_impossible);
                }
                StreamError::NoPicture => assert_eq!(whole, Err(error)),
                other => panic!("{other:?} has no reference"),
            }
        }
    }
}

fn check_pieces<'a>(
    announced: Option<u64>,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<Digest, StreamError> {
    let mut checker = StreamChecker::new(announced);
    for piece in pieces {
        checker.push(piece)?;
    }
    checker.finish()
}
