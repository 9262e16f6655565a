//! The harness's own look at a clip, as it is in the harness, which takes minutes to compile.

use mv_clip_mpegts::{Checker, NotMpegTs, Summary, check as check_whole};
use crate::pieces::Pieces;

/// Checks that what is found in a clip does not depend on how it is cut, and is in it.
pub fn check(pieces: Pieces<'_>) {
    let bytes = pieces.bytes;
    let seen = see(pieces.cut());
    match check_whole(bytes) {
        Ok(summary) => {
            assert!(
                bytes.len().is_multiple_of(188)
                    && bytes.chunks(188).all(|packet| packet[0] == b'G')
            );
            assert_eq!(summary.packets, bytes.len() / 188);
            assert!(!summary.programs.is_empty());
            assert!(
                summary
                    .programs
                    .iter()
                    .all(|program| !program.streams.is_empty())
            );
            // A reference every 5 s at most, in each packet at most.
            assert!(summary.duration.as_secs() <= 5 * summary.packets as u64);
            assert_eq!(seen, Ok(summary));
        }
        // The first piece may be too short to tell a page.
        Err(NotMpegTs::HtmlPage) => {
            assert!(matches!(
                seen,
                Err(NotMpegTs::HtmlPage | NotMpegTs::NotTransportStream { .. })
            ));
        }
        whole => {
            let error = whole.as_ref().unwrap_err().to_string();
            assert!(error.chars().all(|c| (' '..='~').contains(&c)), "{error}");
            assert_eq!(seen, whole);
        }
    }
}

fn see<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Summary, NotMpegTs> {
    let mut checker = Checker::default();
    for piece in pieces {
        checker.push(piece)?;
    }
    checker.finish()
}
