//! Properties that hold for any bytes.

use mv_clip_mpegts::{Error, Limit};
use proptest::prelude::*;

use crate::mp4::{File, fragmented_in, indexed_in, read};
use crate::mux::{CLIP, PACKET};

/// Damage of a file.
#[derive(Clone, Debug)]
enum Damage {
    Change(usize, u8),
    Remove(usize, usize),
    Insert(usize, Vec<u8>),
    Repeat(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = || 0..CLIP.len();
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Change(at, byte)),
        (at(), 1..2000_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        (at(), prop::collection::vec(any::<u8>(), 1..500))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (0..CLIP.len() / PACKET, 1..20_usize).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ]
}

fn damaged(damages: &[Damage]) -> Vec<u8> {
    let mut clip = CLIP.to_vec();
    for damage in damages {
        let length = clip.len();
        match damage {
            Damage::Change(at, byte) => {
                if let Some(found) = clip.get_mut(*at) {
                    *found = *byte;
                }
            }
            Damage::Remove(at, count) => {
                let start = (*at).min(length);
                clip.drain(start..(start + count).min(length));
            }
            Damage::Insert(at, bytes) => {
                let at = (*at).min(length);
                clip.splice(at..at, bytes.iter().copied());
            }
            Damage::Repeat(at, count) => {
                let start = (at * PACKET).min(length);
                let end = (start + count * PACKET).min(length);
                let again = clip[start..end].to_vec();
                clip.splice(start..start, again);
            }
        }
    }
    clip
}

/// The file, or why there is none. Whatever it is, it can be read.
fn outcome(clip: &[u8], piece: usize) -> Result<(File, File), Error> {
    let (index, indexed) = indexed_in(clip, piece)?;
    let (summary, fragmented) = fragmented_in(clip, piece)?;
    assert_eq!(summary.video, index.summary().video);
    assert_eq!(index.size(), indexed.len() as u64);
    Ok((read(&indexed), read(&fragmented)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_never_breaks_the_file_and_pieces_do_not_matter(
        damages in prop::collection::vec(damage(), 0..12),
        piece in 1..3000_usize,
    ) {
        let clip = damaged(&damages);
        let whole = outcome(&clip, clip.len().max(1));
        prop_assert!(whole == outcome(&clip, piece));
        if let Ok((indexed, fragmented)) = whole {
            for (one, other) in indexed.tracks.iter().zip(&fragmented.tracks) {
                prop_assert!(one.samples.len() == other.samples.len());
            }
            let pictures = indexed.pictures();
            prop_assert!(pictures.samples.first().is_some_and(|first| first.is_key));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_written(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        let found = outcome(&bytes, 100).map(|_| ());
        prop_assert!(!matches!(found, Err(Error::Limit(Limit::Samples))));
    }
}
