//! From bytes to samples and a summary.

use crate::check::NotMpegTs;
use crate::clock::{Clock, HERTZ, duration};
use crate::error::Error;
use crate::kind::StreamType;
use crate::picture::codec::Codec;
use crate::picture::description::Description;
use crate::picture::track::Pictures;
use crate::rate::Steps;
use crate::sample::{Described, Sink};
use crate::sound::kind::SoundCodec;
use crate::sound::track::Sound;
use crate::summary::{self, Note, Program, Summary, Video};
use crate::transport::demux::{Demux, Streams};
use crate::transport::pes::Stamp;

/// Reads a stream, and gives its samples to a sink.
pub(crate) struct Reader {
    demux: Demux,
    tracks: Tracks,
}

struct Tracks {
    clock: Clock,
    pictures: Option<Pictures>,
    /// Pictures of another codec, which are only counted.
    other: Option<Other>,
    sound: Sound,
    takes_data: bool,
}

/// Pictures that are not looked into: each is a PES packet.
struct Other {
    kind: StreamType,
    pictures: u64,
    steps: Steps,
    line: crate::clock::Line,
    last: Option<i64>,
}

/// The parts of a reader that take data, and the sink that takes the samples.
struct ToSink<'a, S> {
    tracks: &'a mut Tracks,
    sink: &'a mut S,
}

impl Reader {
    pub(crate) fn new(takes_data: bool) -> Self {
        Self {
            demux: Demux::default(),
            tracks: Tracks {
                clock: Clock::default(),
                pictures: None,
                other: None,
                sound: Sound::default(),
                takes_data,
            },
        }
    }

    pub(crate) fn push<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), Error> {
        let tracks = &mut self.tracks;
        self.demux.push(bytes, &mut ToSink { tracks, sink })
    }

    /// Gives the last samples to the sink.
    pub(crate) fn finish<S: Sink>(&mut self, sink: &mut S) -> Result<(), Error> {
        let tracks = &mut self.tracks;
        let mut streams = ToSink { tracks, sink };
        self.demux.finish(&mut streams)?;
        streams.finish()
    }

    pub(crate) fn described(&self) -> Described<'_> {
        Described {
            pictures: self.tracks.descriptions(),
            sound: self.tracks.sound.config(),
        }
    }

    /// The error if nothing can be written as MP4.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let packets = self.demux.packets;
        if let Some(other) = &self.tracks.other {
            return Err(Error::UnsupportedVideo(other.kind));
        }
        let state = self.tracks.pictures.as_ref().map(Pictures::state);
        match state.map(|state| (state.pictures, state.skipped)) {
            Some((1.., _)) => Ok(()),
            Some((_, pictures @ 1..)) => Err(Error::NoKeyFrame { pictures }),
            _ if !self.demux.has_pat() => Err(NotMpegTs::NoPat { packets }.into()),
            _ if self.demux.programs.is_empty() => Err(NotMpegTs::NoPmt { packets }.into()),
            _ => Err(NotMpegTs::NoPicture { packets }.into()),
        }
    }

    /// How long the pictures last as a rule, in ticks.
    pub(crate) fn interval(&self) -> i64 {
        let steps = self.tracks.pictures.as_ref().map(|p| &p.state().steps);
        steps.map_or(0, |steps| steps.measure().interval)
    }

    pub(crate) fn summary(&self) -> Summary {
        let tracks = &self.tracks;
        let state = tracks.pictures.as_ref().map(Pictures::state);
        let other = tracks.other.as_ref();
        let steps = state.map(|state| &state.steps);
        let measured = steps
            .or(other.map(|other| &other.steps))
            .unwrap_or(&Steps::default())
            .measure();
        let mut losses = self.demux.losses();
        losses.damaged_pictures = state.map_or(0, |state| state.damaged);
        let programs = self.demux.programs.iter();
        Summary {
            packets: self.demux.packets,
            programs: programs
                .map(|(number, streams)| Program {
                    number: *number,
                    streams: streams.clone(),
                })
                .collect(),
            video: Video {
                codec: self.demux.video().unwrap_or(StreamType(0)),
                size: tracks.descriptions().first().map(|first| first.size),
                pictures: state
                    .map(|state| state.pictures)
                    .or(other.map(|other| other.pictures))
                    .unwrap_or(0),
                interval: duration(measured.interval),
            },
            sound: tracks.sound(),
            duration: measured.duration,
            holes: measured.holes,
            missing: measured.missing,
            losses,
            notes: self.notes(),
        }
    }

    fn notes(&self) -> Vec<Note> {
        let tracks = &self.tracks;
        let mut notes = Vec::new();
        let others = self.demux.other_sounds.iter();
        notes.extend(others.filter_map(|other| other.codec.map(Note::SkippedSound)));
        if tracks.sound.is_undescribed {
            notes.push(Note::SkippedSound(SoundCodec::AacOwnChannels));
        } else if self.demux.declares_sound() && tracks.sound.frames == 0 {
            notes.push(Note::NoSound);
        }
        if tracks.sound.frames > 0 && tracks.sound.dropped > 0 {
            let places = tracks.sound.dropped;
            notes.push(Note::DroppedSound { places });
        }
        let others = self.demux.other_videos.values();
        notes.extend(others.map(|kind| Note::OtherVideo(*kind)));
        if let Some(state) = tracks.pictures.as_ref().map(Pictures::state) {
            if state.skipped > 0 {
                let pictures = state.skipped;
                notes.push(Note::SkippedPictures { pictures });
            }
            if state.changes > 0 {
                let times = state.changes;
                notes.push(Note::ParametersChanged { times });
            }
        }
        notes.extend(
            tracks
                .clock
                .jumps
                .iter()
                .map(|jump| Note::ClockJumped(*jump)),
        );
        if tracks.clock.more_jumps > 0 {
            let jumps = tracks.clock.more_jumps;
            notes.push(Note::MoreClockJumps { jumps });
        }
        notes
    }
}

impl Tracks {
    fn descriptions(&self) -> &[Description] {
        let state = self.pictures.as_ref().map(Pictures::state);
        state.map_or(&[], |state| &state.descriptions)
    }

    fn sound(&self) -> Option<summary::Sound> {
        let config = self.sound.config().filter(|_| self.sound.frames > 0)?;
        Some(summary::Sound {
            rate: config.rate,
            channels: config.channels().unwrap_or(0),
            frames: self.sound.frames,
        })
    }
}

impl<S: Sink> ToSink<'_, S> {
    fn finish(&mut self) -> Result<(), Error> {
        let Tracks {
            clock,
            pictures,
            sound,
            ..
        } = &mut *self.tracks;
        sound.finish();
        let sound = sound.config();
        let Some(pictures) = pictures else {
            return Ok(());
        };
        pictures.finish(clock, &mut |sample, data, pictures| {
            self.sink
                .sample(sample, data, &Described { pictures, sound })
        })
    }
}

impl<S: Sink> Streams for ToSink<'_, S> {
    fn start_video(&mut self, kind: StreamType, stamp: Option<Stamp>) -> Result<(), Error> {
        let tracks = &mut *self.tracks;
        match Codec::of(kind) {
            Some(codec) => tracks
                .pictures
                .get_or_insert_with(|| Pictures::new(codec, tracks.takes_data))
                .start(stamp),
            None => tracks
                .other
                .get_or_insert_with(|| Other {
                    kind,
                    pictures: 0,
                    steps: Steps::default(),
                    line: crate::clock::Line::of_pictures(),
                    last: None,
                })
                .count(stamp, &mut tracks.clock),
        }
        Ok(())
    }

    fn video(&mut self, data: &[u8]) -> Result<(), Error> {
        let Tracks {
            clock,
            pictures,
            sound,
            ..
        } = &mut *self.tracks;
        let Some(track) = pictures else {
            return Ok(());
        };
        let sound = sound.config();
        track.push(data, clock, &mut |sample, data, pictures| {
            self.sink
                .sample(sample, data, &Described { pictures, sound })
        })
    }

    fn damaged_video(&mut self) {
        if let Some(pictures) = &mut self.tracks.pictures {
            pictures.damage();
        }
    }

    fn start_sound(&mut self, stamp: Option<Stamp>) {
        self.tracks.sound.start(stamp);
    }

    fn sound(&mut self, data: &[u8]) -> Result<(), Error> {
        let Tracks {
            clock,
            pictures,
            sound,
            ..
        } = &mut *self.tracks;
        let state = pictures.as_ref().map(Pictures::state);
        let pictures = state.map_or(&[][..], |state| &state.descriptions);
        sound.push(data, clock, &mut |sample, data, config| {
            let sound = Some(config);
            self.sink
                .sample(sample, data, &Described { pictures, sound })
        })
    }
}

impl Other {
    fn count(&mut self, stamp: Option<Stamp>, clock: &mut Clock) {
        self.pictures += 1;
        if let Some(stamp) = stamp {
            let expected = self.last.map(|last| last + HERTZ / 30);
            let time = clock.place(&mut self.line, stamp.dts, expected, stamp.is_discontinuity);
            self.last = Some(time);
            self.steps.add(time);
        }
    }
}
