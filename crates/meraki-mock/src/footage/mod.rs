//! Footage as a camera records it: any length, with the camera and the time in each picture.
//!
//! A picture of ten in a second shows a room, and above it the caption. `fixtures/README.md` says what is made in advance.
//! The rest is put together for each request: the size of each part is known without writing it, so a part of a clip
//! costs no more than its own bytes.

mod body;
mod caption;
mod picture;
mod scene;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use mv_clip_mpegts::StreamType;
use mv_clip_mpegts::mux::{self, PacketWriter, Unit};

pub(crate) use self::body::FootageBody;
pub use self::caption::read_caption;
use self::caption::{Caption, SECOND, TENTH};
use self::scene::{SCENES, Scene};

/// The size of a transport packet.
const PACKET: u64 = 188;
/// The milliseconds from one picture to the next.
const STEP: u64 = 100;
/// The pictures in a second.
const RATE: u64 = 1000 / STEP;
/// The pictures from one that can be decoded alone to the next. It begins with an even second, so that in it no digit of
/// the time but the last one of the seconds changes, and the tenths.
const GROUP: u64 = 2 * RATE;
/// Ticks of 90 kHz in a millisecond.
const TICKS: u64 = 90;
/// The time of the first picture, in ticks: the clock of the stream starts a little before.
const START: u64 = 126_000;
/// How much the clock is behind the pictures, in ticks.
const AHEAD: u64 = 45_000;

const MAP: u16 = 0x1000;
const VIDEO: u16 = 0x100;
const SOUND: u16 = 0x101;

/// A frame of AAC at 16 kHz: a tone that goes on from one frame to the next.
static TONE: &[u8] = include_bytes!("../../fixtures/footage/tone.aac");
/// The milliseconds of a frame of sound.
const TONE_TIME: u64 = 64;

/// The footage of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footage {
    camera: String,
    /// The first picture, in tenths of a second since 1970.
    first: u64,
    /// The one after the last.
    end: u64,
}

/// A picture, with its tables and its sound: as many packets as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Picture {
    /// In tenths of a second since 1970.
    at: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A whole picture.
    Key,
    /// The characters of the caption that changed, since the picture before.
    Change {
        /// The number of pictures since the last whole one.
        since: u64,
        characters: &'static [usize],
    },
}

impl Footage {
    /// The pictures from `start` up to `end`. `camera` is what the caption calls it.
    pub(crate) fn new(camera: String, start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        let step = |time: DateTime<Utc>| {
            u64::try_from(time.timestamp_millis())
                .unwrap_or_default()
                .div_ceil(STEP)
        };
        Self {
            camera,
            first: step(start),
            end: step(end),
        }
    }

    /// The number of bytes.
    pub(crate) fn len(&self) -> u64 {
        self.pictures().map(Picture::len).sum()
    }

    /// The bytes from this one on, in pieces.
    pub(crate) fn pieces(&self, from: u64) -> Pieces {
        let mut pieces = Pieces {
            footage: self.clone(),
            next: self.first,
            skip: from,
            tables: PacketWriter::new(mux::PROGRAM_ASSOCIATION),
            map: PacketWriter::new(MAP),
            video: PacketWriter::new(VIDEO),
            sound: PacketWriter::new(SOUND),
        };
        while let Some(picture) = pieces.footage.picture(pieces.next)
            && picture.len() <= pieces.skip
        {
            pieces.skip -= picture.len();
            pieces.pass(picture);
        }
        pieces
    }

    fn pictures(&self) -> impl Iterator<Item = Picture> {
        (self.first..self.end).filter_map(|at| self.picture(at))
    }

    fn picture(&self, at: u64) -> Option<Picture> {
        if !(self.first..self.end).contains(&at) {
            return None;
        }
        let since = (at % GROUP).min(at - self.first);
        let characters: &[_] = if at.is_multiple_of(RATE) {
            &[SECOND, TENTH]
        } else {
            &[TENTH]
        };
        let kind = match since {
            0 => Kind::Key,
            _ => Kind::Change { since, characters },
        };
        Some(Picture { at, kind })
    }

    fn caption(&self, at: u64) -> Caption {
        Caption::new(&self.camera, at)
    }

    /// The room that this camera looks at.
    fn scene(&self) -> &'static Scene {
        SCENES.of(&self.camera)
    }
}

impl Picture {
    fn len(self) -> u64 {
        let tables = if self.kind == Kind::Key { 2 } else { 0 };
        PACKET * (tables + self.video_packets() + self.sound_packets()) as u64
    }

    fn video_packets(self) -> usize {
        Unit::packets(match self.kind {
            Kind::Key => picture::MOST_CAPTION + SCENES.largest(),
            Kind::Change { characters, .. } => picture::most_of_change(characters.len()),
        })
    }

    /// The frames of sound that begin with this picture, or before the next.
    fn sound(self) -> std::ops::Range<u64> {
        (self.at * STEP).div_ceil(TONE_TIME)..((self.at + 1) * STEP).div_ceil(TONE_TIME)
    }

    fn sound_packets(self) -> usize {
        let frames = self.sound();
        Unit::packets(TONE.len() * usize::try_from(frames.end - frames.start).unwrap_or_default())
    }
}

/// The bytes of footage, a picture at a time.
#[derive(Debug)]
pub(crate) struct Pieces {
    footage: Footage,
    next: u64,
    /// The bytes of the next piece that are not wanted.
    skip: u64,
    tables: PacketWriter,
    map: PacketWriter,
    video: PacketWriter,
    sound: PacketWriter,
}

impl Pieces {
    /// Leaves a picture out.
    fn pass(&mut self, picture: Picture) {
        if picture.kind == Kind::Key {
            self.tables.skip(1);
            self.map.skip(1);
        }
        self.video.skip(picture.video_packets());
        self.sound.skip(picture.sound_packets());
        self.next += 1;
    }

    fn write(&mut self, picture: Picture) -> Result<Vec<u8>, mux::DoesNotFit> {
        let mut out = Vec::new();
        let is_key = picture.kind == Kind::Key;
        if is_key {
            let tables = mux::program_association(MAP);
            self.tables.section(&tables, &mut out)?;
            let map = mux::program_map(&[(StreamType::H264, VIDEO), (StreamType::AAC, SOUND)]);
            self.map.section(&map, &mut out)?;
        }
        let caption = self.footage.caption(picture.at);
        let data = match picture.kind {
            Kind::Key => picture::key(self.footage.scene(), picture.at / GROUP, &caption),
            Kind::Change { since, characters } => picture::change(since, characters, &caption),
        };
        let first = self.footage.first * STEP;
        let time = (picture.at * STEP - first) * TICKS + START;
        let video = Unit {
            kind: StreamType::H264,
            time,
            clock: Some(time - AHEAD),
            is_key,
            data: &data,
        };
        self.video.unit(&video, picture.video_packets(), &mut out)?;
        let frames = picture.sound();
        let sound = Unit {
            kind: StreamType::AAC,
            time: (frames.start * TONE_TIME - first) * TICKS + START,
            clock: None,
            is_key: false,
            data: &frames.flat_map(|_| TONE).copied().collect::<Vec<_>>(),
        };
        self.sound.unit(&sound, picture.sound_packets(), &mut out)?;
        self.next += 1;
        Ok(out)
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let picture = self.footage.picture(self.next)?;
        // Each part is given the packets of the longest of its kind.
        let piece = Bytes::from(self.write(picture).ok()?);
        let skip = usize::try_from(std::mem::take(&mut self.skip)).ok()?;
        Some(piece.slice(skip.min(piece.len())..))
    }
}
