//! Fragmented MP4, in one pass over the stream.

use std::time::Duration;

use crate::error::Error;
use crate::index::codecs;
use crate::mp4::boxes::Boxes;
use crate::mp4::fragment::{Run, fragment};
use crate::mp4::movie::{Samples, TIMESCALE, TrackInfo, file_type, movie, timescale, to_movie};
use crate::reader::Reader;
use crate::sample::{Described, Sample, Sink, Track};
use crate::summary::{Note, Summary};

/// A fragment ends after so many bytes, key frame or not.
const MAX_BYTES: usize = 4 << 20;
/// A fragment ends after so many ticks, key frame or not.
const MAX_TICKS: i64 = 10 * TIMESCALE as i64;
/// How much sound waits for the first picture.
const MAX_EARLY_SOUND: usize = 1 << 20;

/// Writes a stream as fragmented MP4: a fragment for each group of pictures.
///
/// It takes bytes in pieces of any size, and does no I/O.
///
/// A file in one pass has two limits. If the parameters of the pictures change, the new ones are in the pictures only,
/// which Apple's players do not read. And sound that starts after the first group of pictures is left out. The summary
/// notes both. [`Indexer`](crate::Indexer) has neither.
///
/// # Memory
///
/// A group of pictures of at most 4 MiB, one picture of at most
/// [`Limit::PICTURE_BYTES`](crate::Limit::PICTURE_BYTES), and 1 MiB of sound.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use mv_clip_mpegts::{Error, Fragmenter};
///
/// fn to_mp4(clip: &[u8]) -> Result<Vec<u8>, Error> {
///     let mut mp4 = Vec::new();
///     let mut fragmenter = Fragmenter::new().with_duration(Duration::from_secs(60));
///     for piece in clip.chunks(64 * 1024) {
///         fragmenter.push(piece, &mut mp4)?;
///     }
///     fragmenter.finish(&mut mp4)?;
///     Ok(mp4)
/// }
/// # assert!(to_mp4(b"no clip").is_err());
/// ```
pub struct Fragmenter {
    reader: Reader,
    output: Output,
}

/// The samples that no fragment has yet.
#[derive(Default)]
struct Pending {
    samples: Vec<Sample>,
    data: Vec<u8>,
}

impl Pending {
    fn add(&mut self, sample: Sample, data: &[u8]) {
        self.samples.push(sample);
        self.data.extend_from_slice(data);
    }

    fn clear(&mut self) {
        self.samples.clear();
        self.data.clear();
    }
}

/// Where the tracks start.
#[derive(Clone, Copy)]
struct Start {
    /// The start of the movie, in ticks of each track.
    pictures: i64,
    sound: i64,
    has_sound: bool,
}

#[derive(Default)]
struct Output {
    duration: Duration,
    start: Option<Start>,
    number: u32,
    pictures: Pending,
    sound: Pending,
    early_sound: u64,
    late_sound: bool,
    codecs: String,
    mp4: Vec<u8>,
}

impl Default for Fragmenter {
    fn default() -> Self {
        Self::new()
    }
}

impl Fragmenter {
    /// Starts before the first byte.
    pub fn new() -> Self {
        Self {
            reader: Reader::new(true),
            output: Output::default(),
        }
    }

    /// Announces the duration: players show it before they have the whole file.
    #[must_use]
    pub fn with_duration(mut self, duration: Duration) -> Self {
        self.output.duration = duration;
        self
    }

    /// Takes the next bytes of the stream, and appends to `mp4` the fragments that they complete.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`], or [`Error::NotMpegTs`] if no stream starts.
    pub fn push(&mut self, bytes: &[u8], mp4: &mut Vec<u8>) -> Result<(), Error> {
        let result = self.reader.push(bytes, &mut self.output);
        mp4.append(&mut self.output.mp4);
        result
    }

    /// Appends the last fragment, and summarises the stream.
    ///
    /// # Errors
    ///
    /// [`Error`] if there is nothing that can be written as MP4. Nothing was written then.
    pub fn finish(mut self, mp4: &mut Vec<u8>) -> Result<Summary, Error> {
        self.reader.finish(&mut self.output)?;
        self.reader.check()?;
        self.output.flush(None, &self.reader.described());
        mp4.append(&mut self.output.mp4);
        let mut summary = self.reader.summary();
        if self.output.early_sound > 0 {
            let places = self.output.early_sound;
            summary.notes.push(Note::DroppedSound { places });
        }
        if self.output.late_sound {
            summary.sound = None;
            summary.notes.push(Note::LateSound);
        }
        Ok(summary)
    }

    /// The value of `codecs` in the MIME type of the MP4, such as `avc1.42c01e,mp4a.40.2` (RFC 6381). Empty until the
    /// first fragment is there.
    pub fn codecs(&self) -> &str {
        &self.output.codecs
    }
}

impl Sink for Output {
    fn sample(
        &mut self,
        sample: Sample,
        data: &[u8],
        described: &Described<'_>,
    ) -> Result<(), Error> {
        match sample.track {
            Track::Pictures => {
                let first = self.pictures.samples.first();
                let is_full = self.pictures.data.len() + data.len() > MAX_BYTES
                    || first.is_some_and(|first| sample.dts - first.dts > MAX_TICKS);
                if first.is_some() && (sample.is_key || is_full) {
                    self.flush(Some(sample.dts), described);
                }
                self.pictures.add(sample, data);
            }
            Track::Sound => {
                match self.start {
                    Some(start) if !start.has_sound => {
                        self.late_sound = true;
                        return Ok(());
                    }
                    _ if self.sound.data.len() + data.len() <= MAX_EARLY_SOUND => {}
                    Some(_) => self.flush(None, described),
                    None if self.pictures.samples.is_empty() => {
                        self.early_sound += self.sound.samples.len() as u64;
                        self.sound.clear();
                    }
                    None => self.flush(None, described),
                }
                self.sound.add(sample, data);
            }
        }
        Ok(())
    }
}

impl Output {
    /// Writes a fragment of all that is there. The next picture is decoded at `next`.
    fn flush(&mut self, next: Option<i64>, described: &Described<'_>) {
        let Some(start) = self.start.or_else(|| self.start(described)) else {
            return;
        };
        let mut runs = Vec::new();
        let time = |ticks: i64| u64::try_from(ticks).unwrap_or(0);
        if let Some(first) = self.pictures.samples.first() {
            runs.push(Run {
                track: Track::Pictures,
                time: time(first.dts - start.pictures),
                samples: &self.pictures.samples,
                next,
                bytes: self.pictures.data.len(),
            });
        }
        if let Some(first) = self.sound.samples.first() {
            runs.push(Run {
                track: Track::Sound,
                time: time(first.dts - start.sound),
                samples: &self.sound.samples,
                next: None,
                bytes: self.sound.data.len(),
            });
        }
        if runs.is_empty() {
            return;
        }
        self.number += 1;
        fragment(&mut Boxes(&mut self.mp4), self.number, &runs);
        self.mp4.extend_from_slice(&self.pictures.data);
        self.mp4.extend_from_slice(&self.sound.data);
        self.pictures.clear();
        self.sound.clear();
    }

    /// Writes the head of the file, now that the first pictures and sounds are known.
    fn start(&mut self, described: &Described<'_>) -> Option<Start> {
        let first = self.pictures.samples.first()?;
        let delay = i64::from(first.offset);
        let rate = timescale(Track::Sound, described.sound);
        let sound = self.sound.samples.first();
        let mut zero = first.dts + delay;
        if let Some(sound) = sound {
            zero = zero.min(to_movie(sound.dts, rate));
        }
        let start = Start {
            // Pictures are late by the delay, which the edit list takes off.
            pictures: zero - delay,
            sound: (zero * i64::from(rate)).div_euclid(i64::from(TIMESCALE)),
            has_sound: sound.is_some(),
        };
        let track = |track, timescale, from| TrackInfo {
            track,
            timescale,
            start: 0,
            from,
            shown: ticks(self.duration, TIMESCALE),
            duration: ticks(self.duration, timescale),
            samples: Samples::Fragments,
        };
        let mut tracks = vec![track(Track::Pictures, TIMESCALE, u64::from(first.offset))];
        if start.has_sound {
            tracks.push(track(Track::Sound, rate, 0));
        }
        let boxes = &mut Boxes(&mut self.mp4);
        file_type(boxes, true);
        movie(boxes, &tracks, described);
        self.codecs = codecs(described, start.has_sound);
        self.start = Some(start);
        Some(start)
    }
}

fn ticks(duration: Duration, timescale: u32) -> u64 {
    let ticks = duration.as_millis() * u128::from(timescale) / 1000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}
