//! The crate `mv-clip-mpegts`: what it finds in a clip.

use crate::pieces::Pieces;
use mv_clip_mpegts::{Checker, NotMpegTs, Summary, check as check_whole};

/// Checks that the result does not depend on the size of the pieces, and that it fits the bytes.
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
            // At most one clock reference per packet, and at most 5 s between two.
            assert!(summary.duration.as_secs() <= 5 * summary.packets as u64);
            assert_eq!(seen, Ok(summary));
        }
        // The first piece may be too short to recognise a web page.
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
