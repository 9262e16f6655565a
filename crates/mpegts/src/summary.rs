//! What is in a stream.

use std::fmt;
use std::time::Duration;

use crate::kind::StreamType;
use crate::sound::kind::SoundCodec;

/// The content of a stream: what is there, what is missing, and what was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The number of packets of 188 bytes.
    pub packets: u64,
    /// The programs that have a Program Map Table, ordered by number.
    pub programs: Vec<Program>,
    /// The pictures.
    pub video: Video,
    /// The sound, if there is AAC.
    pub sound: Option<Sound>,
    /// From the first picture to the end of the last, holes included.
    pub duration: Duration,
    /// Where pictures are missing, in order: the first 1,024 holes.
    pub holes: Vec<Hole>,
    /// The length of all holes, of those too that are not listed.
    pub missing: Duration,
    /// Damage of the file.
    pub losses: Losses,
    /// What else a person should know.
    pub notes: Vec<Note>,
}

impl Summary {
    /// How much of the duration has pictures.
    pub fn covered(&self) -> Duration {
        self.duration.saturating_sub(self.missing)
    }
}

/// A program. In a clip it holds the camera's video and, if the camera records audio, its audio.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// Its number in the Program Association Table.
    pub number: u16,
    /// The type of each of its elementary streams, in the order of its Program Map Table.
    pub streams: Vec<StreamType>,
}

/// The pictures of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Video {
    /// Their codec.
    pub codec: StreamType,
    /// Width and height of the first in pixels, if its codec is H.264 or H.265.
    pub size: Option<(u16, u16)>,
    /// How many there are from the first that can be shown.
    pub pictures: u64,
    /// How long each is shown, as a rule. Zero for a single picture.
    pub interval: Duration,
}

impl Video {
    /// Pictures a second, or 0 for a single picture.
    pub fn frame_rate(&self) -> f64 {
        match self.interval.as_secs_f64() {
            0.0 => 0.0,
            interval => 1.0 / interval,
        }
    }
}

/// The sound of a stream: AAC.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sound {
    /// Samples a second.
    pub rate: u32,
    /// The number of channels.
    pub channels: u8,
    /// The number of frames.
    pub frames: u64,
}

/// A step between two pictures that is more than 100 ms longer than usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hole {
    /// When the next picture should have come, from the first picture.
    pub start: Duration,
    /// How much later it came.
    pub length: Duration,
}

/// Damage of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Losses {
    /// How often packets are missing.
    pub gaps: u64,
    /// Packets that the stream itself marks as damaged. They are used nonetheless, as other programs do.
    pub damaged_packets: u64,
    /// Packets that are encrypted, and so left out.
    pub scrambled_packets: u64,
    /// Pictures with missing or damaged packets. They are kept: a player shows what is left of them.
    pub damaged_pictures: u64,
    /// Bytes that are in no packet.
    pub stray_bytes: u64,
}

impl Losses {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a person should know about a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The sound cannot be written as MP4 by this crate. The pictures have none.
    SkippedSound(SoundCodec),
    /// The stream declares sound, but has none.
    NoSound,
    /// The sound starts too late for a file in one pass, so it is left out.
    LateSound,
    /// Places at which the sound is damaged, or encoded in another way than before.
    DroppedSound {
        /// How many.
        places: u64,
    },
    /// Pictures at the start that cannot be shown, because they need others before them.
    SkippedPictures {
        /// How many.
        pictures: u64,
    },
    /// Another video of the stream, which is left out.
    OtherVideo(StreamType),
    /// The size or the coding of the pictures changes.
    ParametersChanged {
        /// How often.
        times: u64,
    },
    /// The clock of the stream jumps. The time line goes on.
    ClockJumped(ClockJump),
    /// More jumps of the clock than are listed.
    MoreClockJumps {
        /// How many.
        jumps: u64,
    },
}

/// A jump of the stream's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClockJump {
    /// When, on the time line of the stream's first clock.
    pub at: Duration,
    /// How far.
    pub by: Duration,
    /// Where to.
    pub direction: Direction,
}

/// Where a clock jumps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A later time.
    Forward,
    /// An earlier time.
    Back,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SkippedSound(codec) => write!(f, "Skipped sound: {codec}"),
            Self::NoSound => f.write_str("The stream declares sound, but has none"),
            Self::LateSound => f.write_str("Skipped sound: it starts too late"),
            Self::DroppedSound { places } => write!(f, "Damaged sound at {places} places"),
            Self::SkippedPictures { pictures } => {
                write!(f, "Skipped {pictures} pictures before the first key frame")
            }
            Self::OtherVideo(codec) => write!(f, "Skipped a second video: {codec}"),
            Self::ParametersChanged { times } => {
                write!(f, "The format of the pictures changes {times} times")
            }
            Self::ClockJumped(ClockJump { at, by, direction }) => {
                let (at, by) = (at.as_secs_f64(), by.as_secs_f64());
                let direction = match direction {
                    Direction::Forward => "forward",
                    Direction::Back => "back",
                };
                write!(
                    f,
                    "At {at:.1} s the camera's clock jumps {direction} by {by:.1} s"
                )
            }
            Self::MoreClockJumps { jumps } => write!(f, "The clock jumps {jumps} more times"),
        }
    }
}

impl fmt::Display for Summary {
    /// As in `297 packets, program 1: H.264, AAC; 4.0 s missing in 1 hole; Skipped sound: AC-3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packets", self.packets)?;
        for program in &self.programs {
            write!(f, ", program {}: ", program.number)?;
            for (position, stream) in program.streams.iter().enumerate() {
                let separator = if position == 0 { "" } else { ", " };
                write!(f, "{separator}{stream}")?;
            }
        }
        if !self.holes.is_empty() {
            let missing = self.missing.as_secs_f64();
            let holes = match self.holes.len() {
                1 => "1 hole".to_owned(),
                count => format!("{count} holes"),
            };
            write!(f, "; {missing:.1} s missing in {holes}")?;
        }
        if self.losses.gaps > 0 {
            write!(f, "; packets are missing at {} places", self.losses.gaps)?;
        }
        if self.losses.scrambled_packets > 0 {
            let packets = self.losses.scrambled_packets;
            write!(f, "; {packets} packets are encrypted and left out")?;
        }
        if self.losses.damaged_packets > 0 {
            let packets = self.losses.damaged_packets;
            write!(f, "; {packets} packets are marked as damaged")?;
        }
        for note in &self.notes {
            write!(f, "; {note}")?;
        }
        Ok(())
    }
}
