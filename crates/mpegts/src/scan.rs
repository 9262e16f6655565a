//! Checks a clip and measures it, in one pass.

use crate::check::{Checker, NotMpegTs};
use crate::error::Error;
use crate::reader::Reader;
use crate::sample::{Described, Sample, Sink};
use crate::summary::Summary;

/// Checks that bytes are a clip, as [`Checker`] does, and measures the clip.
///
/// Holds one picture, and no sample.
///
/// # Examples
///
/// ```
/// use mv_clip_mpegts::{NotMpegTs, Scanner, Summary};
///
/// fn measure(pieces: &[&[u8]]) -> Result<Summary, NotMpegTs> {
///     let mut scanner = Scanner::new();
///     for piece in pieces {
///         scanner.push(piece)?;
///     }
///     let summary = scanner.finish()?;
///     println!("{} pictures, {} holes", summary.video.pictures, summary.holes.len());
///     Ok(summary)
/// }
/// # assert!(measure(&[b"no clip"]).is_err());
/// ```
pub struct Scanner {
    checker: Checker,
    reader: Reader,
    /// Whether the stream can be measured on.
    is_measured: bool,
}

struct Nothing;

impl Sink for Nothing {
    fn sample(&mut self, _: Sample, _: &[u8], _: &Described<'_>) -> Result<(), Error> {
        Ok(())
    }
}

/// Checks a whole clip, and measures it.
///
/// # Errors
///
/// [`NotMpegTs`] describes the first problem found.
///
/// # Examples
///
/// ```
/// use mv_clip_mpegts::{NotMpegTs, scan};
///
/// let page = b"<html><body>404 Not Found</body></html>";
/// assert_eq!(scan(page), Err(NotMpegTs::HtmlPage));
/// ```
pub fn scan(bytes: &[u8]) -> Result<Summary, NotMpegTs> {
    let mut scanner = Scanner::new();
    scanner.push(bytes)?;
    scanner.finish()
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// Starts before the first byte.
    pub fn new() -> Self {
        Self {
            checker: Checker::default(),
            reader: Reader::new(false),
            is_measured: true,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// [`NotMpegTs`] as soon as the bytes cannot be a clip.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), NotMpegTs> {
        let is_start = !self.checker.has_started() && self.checker.stray() == 0;
        if let Err(error) = self.checker.push(bytes) {
            return Err(match error {
                NotMpegTs::NotTransportStream { .. } if is_start && is_html(bytes) => {
                    NotMpegTs::HtmlPage
                }
                error => error,
            });
        }
        // A stream beyond the limits is measured as far as they go.
        self.is_measured = self.is_measured && self.reader.push(bytes, &mut Nothing).is_ok();
        Ok(())
    }

    /// Ends the clip, and summarises it.
    ///
    /// # Errors
    ///
    /// [`NotMpegTs`] if the clip is incomplete, or holds no picture.
    pub fn finish(mut self) -> Result<Summary, NotMpegTs> {
        self.checker.finish()?;
        if self.is_measured {
            // Its errors are about MP4.
            let _ = self.reader.finish(&mut Nothing);
        }
        Ok(self.reader.summary())
    }
}

fn is_html(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    [&b"<!doctype html"[..], b"<html"].iter().any(|start| {
        text.get(..start.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(start))
    })
}
