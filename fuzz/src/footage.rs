//! What is checked of a clip while it streams by, beside a check of the whole.

use mv_clip_core::transfer::{Digest, Footage, NotFootage, PACKET};

use crate::pieces::{Announced, Pieces};

/// Checks that bytes are taken for a clip where they are one, however they are cut.
pub fn check(pieces: Pieces<'_>) {
    let bytes = pieces.bytes;
    let length = bytes.len() as u64;
    let announced = match pieces.announced {
        Announced::Nothing => None,
        Announced::Truth => Some(length),
        Announced::Length(length) => Some(length.into()),
    };
    let seen = see(announced, pieces.cut());

    let packets: Vec<_> = bytes.chunks(188).collect();
    let is_clip = !packets.is_empty()
        && packets
            .iter()
            .all(|packet| packet.len() == 188 && packet[0] == b'G')
        && announced.is_none_or(|announced| announced == length);
    assert_eq!(seen.is_ok(), is_clip, "{seen:?}");
    let whole = see(announced, bytes.chunks(usize::MAX));
    match seen {
        Ok(Digest { bytes, ref sha256 }) => {
            assert_eq!(bytes, length);
            assert_eq!(sha256.len(), 64);
            assert_eq!(seen, whole);
        }
        Err(error) => {
            // Of several faults, an announced length that cannot be may be seen before the others.
            assert!(whole == Err(error) || error == NotFootage::CutOff);
            let first = packets.iter().position(|packet| packet[0] != b'G');
            match error {
                NotFootage::Empty => assert!(bytes.is_empty()),
                NotFootage::NoTransportStream => assert_eq!(first, Some(0)),
                NotFootage::LostSync(packet) => assert_eq!(first.map(|at| at as u64), Some(packet)),
                NotFootage::CutOff => {
                    let is_impossible = announced.is_some_and(|length| length % PACKET > 0);
                    assert!(first.is_none() || is_impossible);
                }
            }
        }
    }
}

fn see<'a>(
    announced: Option<u64>,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<Digest, NotFootage> {
    let mut footage = Footage::new(announced);
    for piece in pieces {
        footage.push(piece)?;
    }
    footage.finish()
}
