//! `ftyp` and `moov`.

use super::boxes::{Boxes, version};
use super::entry;
use super::table::Table;
use crate::clock::HERTZ;
use crate::sample::{Described, Track};
use crate::sound::adts::AacConfig;

/// The ticks of a second of the movie, and of the pictures.
pub(crate) const TIMESCALE: u32 = HERTZ as u32;

/// The number of a track.
pub(super) fn id(track: Track) -> u32 {
    match track {
        Track::Pictures => 1,
        Track::Sound => 2,
    }
}

/// `ftyp`: what a reader has to know.
pub(crate) fn file_type(boxes: &mut Boxes<'_>, is_fragmented: bool) {
    boxes.put(b"ftyp", |boxes| {
        boxes.bytes(match is_fragmented {
            true => b"iso6\0\0\0\0iso6mp41",
            false => b"isom\0\0\x02\0isomiso2mp41",
        });
    });
}

/// A track of the movie.
pub(crate) struct TrackInfo<'a> {
    pub(crate) track: Track,
    pub(crate) timescale: u32,
    /// Nothing is shown for so long, in ticks of the movie.
    pub(crate) start: u64,
    /// The time of the track from which it is shown.
    pub(crate) from: u64,
    /// How long it is shown, in ticks of the movie. 0 if that is not known.
    pub(crate) shown: u64,
    /// How long its samples last, in ticks of the track. 0 if that is not known.
    pub(crate) duration: u64,
    pub(crate) samples: Samples<'a>,
}

/// Where the samples of a track are.
pub(crate) enum Samples<'a> {
    Table {
        table: &'a Table,
        chunks: &'a [(u64, u32)],
        is_large: bool,
    },
    Fragments,
}

/// `moov`.
pub(crate) fn movie(boxes: &mut Boxes<'_>, tracks: &[TrackInfo<'_>], described: &Described<'_>) {
    let ends = tracks.iter().map(|track| match track.shown {
        0 => 0,
        shown => track.start + shown,
    });
    let duration = ends.max().unwrap_or(0);
    boxes.put(b"moov", |boxes| {
        let version = version(duration);
        boxes.full(b"mvhd", version, 0, |boxes| {
            boxes.time(version, 0);
            boxes.time(version, 0);
            boxes.u32(TIMESCALE);
            boxes.time(version, duration);
            boxes.u32(0x1_0000);
            boxes.u16(0x100);
            boxes.zeros(10);
            boxes.matrix();
            boxes.zeros(24);
            boxes.u32(3);
        });
        for track in tracks {
            write_track(boxes, track, described);
        }
        if tracks
            .iter()
            .any(|track| matches!(track.samples, Samples::Fragments))
        {
            write_extends(boxes, tracks, duration);
        }
    });
}

fn write_extends(boxes: &mut Boxes<'_>, tracks: &[TrackInfo<'_>], duration: u64) {
    boxes.put(b"mvex", |boxes| {
        if duration > 0 {
            let version = version(duration);
            boxes.full(b"mehd", version, 0, |boxes| boxes.time(version, duration));
        }
        for track in tracks {
            boxes.full(b"trex", 0, 0, |boxes| {
                boxes.u32(id(track.track));
                boxes.u32(1);
                boxes.zeros(12);
            });
        }
    });
}

fn write_track(boxes: &mut Boxes<'_>, info: &TrackInfo<'_>, described: &Described<'_>) {
    let is_sound = info.track == Track::Sound;
    let size = described
        .pictures
        .first()
        .map(|first| first.size)
        .filter(|_| !is_sound);
    let duration = match info.shown {
        0 => 0,
        shown => info.start + shown,
    };
    boxes.put(b"trak", |boxes| {
        let version = version(duration);
        // Enabled, and a part of the movie.
        boxes.full(b"tkhd", version, 3, |boxes| {
            boxes.time(version, 0);
            boxes.time(version, 0);
            boxes.u32(id(info.track));
            boxes.zeros(4);
            boxes.time(version, duration);
            boxes.zeros(12);
            boxes.u16(if is_sound { 0x100 } else { 0 });
            boxes.zeros(2);
            boxes.matrix();
            let (width, height) = size.unwrap_or_default();
            boxes.u32(u32::from(width) << 16);
            boxes.u32(u32::from(height) << 16);
        });
        if info.start > 0 || info.from > 0 || !matches!(info.samples, Samples::Fragments) {
            write_edits(boxes, info);
        }
        boxes.put(b"mdia", |boxes| write_media(boxes, info, described));
    });
}

/// What of a track is shown, and when.
fn write_edits(boxes: &mut Boxes<'_>, info: &TrackInfo<'_>) {
    let version = version(info.start.max(info.shown).max(info.from));
    boxes.put(b"edts", |boxes| {
        boxes.full(b"elst", version, 0, |boxes| {
            boxes.u32(1 + u32::from(info.start > 0));
            if info.start > 0 {
                boxes.time(version, info.start);
                // Nothing is shown.
                boxes.time(
                    version,
                    if version == 0 {
                        u64::from(u32::MAX)
                    } else {
                        u64::MAX
                    },
                );
                boxes.u32(0x1_0000);
            }
            // All that comes, where the end is not known yet.
            let shown = match info.samples {
                Samples::Fragments => 0,
                Samples::Table { .. } => info.shown,
            };
            boxes.time(version, shown);
            boxes.time(version, info.from);
            boxes.u32(0x1_0000);
        });
    });
}

fn write_media(boxes: &mut Boxes<'_>, info: &TrackInfo<'_>, described: &Described<'_>) {
    let is_sound = info.track == Track::Sound;
    let version = version(info.duration);
    boxes.full(b"mdhd", version, 0, |boxes| {
        boxes.time(version, 0);
        boxes.time(version, 0);
        boxes.u32(info.timescale);
        boxes.time(version, info.duration);
        // The language is not known: `und`.
        boxes.u32(0x55c4_0000);
    });
    boxes.full(b"hdlr", 0, 0, |boxes| {
        boxes.zeros(4);
        boxes.bytes(if is_sound { b"soun" } else { b"vide" });
        boxes.zeros(12);
        boxes.bytes(if is_sound { b"sound\0" } else { b"video\0" });
    });
    boxes.put(b"minf", |boxes| {
        match is_sound {
            true => boxes.full(b"smhd", 0, 0, |boxes| boxes.zeros(4)),
            false => boxes.full(b"vmhd", 0, 1, |boxes| boxes.zeros(8)),
        }
        boxes.put(b"dinf", |boxes| {
            boxes.full(b"dref", 0, 0, |boxes| {
                boxes.u32(1);
                // The data is in this file.
                boxes.full(b"url ", 0, 1, |_| ());
            });
        });
        boxes.put(b"stbl", |boxes| {
            write_entries(boxes, info.track, described);
            match info.samples {
                Samples::Fragments => Table::default().write(boxes, &[], false),
                Samples::Table {
                    table,
                    chunks,
                    is_large,
                } => table.write(boxes, chunks, is_large),
            }
        });
    });
}

fn write_entries(boxes: &mut Boxes<'_>, track: Track, described: &Described<'_>) {
    boxes.full(b"stsd", 0, 0, |boxes| match (track, described.sound) {
        (Track::Pictures, _) => {
            boxes.u32(u32::try_from(described.pictures.len()).unwrap_or(0));
            for description in described.pictures {
                entry::pictures(boxes, description);
            }
        }
        (Track::Sound, Some(config)) => {
            boxes.u32(1);
            entry::sound(boxes, config);
        }
        (Track::Sound, None) => boxes.u32(0),
    });
}

/// Ticks of a track as ticks of the movie.
pub(crate) fn to_movie(ticks: i64, timescale: u32) -> i64 {
    let (scale, movie) = (i64::from(timescale), i64::from(TIMESCALE));
    (ticks * movie + scale / 2).div_euclid(scale)
}

/// The ticks of a second of a track.
pub(crate) fn timescale(track: Track, sound: Option<AacConfig>) -> u32 {
    match (track, sound) {
        (Track::Sound, Some(config)) => config.rate,
        _ => TIMESCALE,
    }
}
