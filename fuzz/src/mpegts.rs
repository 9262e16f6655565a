//! The crate `mv-clip-mpegts`: which bytes are a clip, and what is in it.

use crate::pieces::Pieces;
use mv_clip_mpegts::{Checker, NotMpegTs, Scanner, Summary, scan};

/// Checks that the result does not depend on the size of the pieces, and that it fits the bytes.
pub fn check(pieces: Pieces<'_>) {
    let bytes = pieces.bytes;
    let checked = see(pieces.cut());
    let measured = measure(pieces.cut());
    match scan(bytes) {
        Ok(summary) => {
            assert_eq!(checked, Ok(()));
            let stray = bytes.len() % 188;
            assert!(bytes[stray..].chunks(188).all(|packet| packet[0] == b'G'));
            assert_eq!(summary.packets, bytes.len() as u64 / 188);
            assert!(summary.covered() <= summary.duration);
            assert!(summary.video.pictures <= bytes.len() as u64);
            assert!(
                summary
                    .programs
                    .iter()
                    .all(|program| !program.streams.is_empty())
            );
            assert_eq!(measured, Ok(summary));
        }
        // The first piece may be too short to recognise a web page.
        Err(NotMpegTs::HtmlPage) => {
            assert!(matches!(checked, Err(NotMpegTs::NotTransportStream { .. })));
        }
        Err(error) => {
            let message = error.to_string();
            assert!(
                message.chars().all(|c| (' '..='~').contains(&c)),
                "{message}"
            );
            assert_eq!(checked, Err(error.clone()));
            assert_eq!(measured, Err(error));
        }
    }
}

fn see<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<(), NotMpegTs> {
    let mut checker = Checker::default();
    for piece in pieces {
        checker.push(piece)?;
    }
    checker.finish()
}

fn measure<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Summary, NotMpegTs> {
    let mut scanner = Scanner::new();
    for piece in pieces {
        scanner.push(piece)?;
    }
    scanner.finish()
}
