//! What goes into a track.

use crate::error::Error;
use crate::picture::description::Description;
use crate::sound::adts::AacConfig;

/// A picture or a frame of sound. Times are in ticks of its track: 90 kHz for pictures, the sampling rate for sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) track: Track,
    /// When it is decoded. Later than the sample before.
    pub(crate) dts: i64,
    /// How much later it is shown.
    pub(crate) offset: u32,
    /// Whether decoding can start with it.
    pub(crate) is_key: bool,
    /// The number of its description, from 0.
    pub(crate) description: u32,
    /// How long it lasts, if nothing else tells.
    pub(crate) duration: u32,
    /// The number of bytes.
    pub(crate) size: u32,
}

/// A track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Track {
    Pictures,
    Sound,
}

/// How the samples so far are encoded.
#[derive(Clone, Copy)]
pub(crate) struct Described<'a> {
    pub(crate) pictures: &'a [Description],
    pub(crate) sound: Option<AacConfig>,
}

/// Takes the samples of all tracks, in the order of the stream.
pub(crate) trait Sink {
    /// Takes a sample, and its data if the reader collects it.
    fn sample(
        &mut self,
        sample: Sample,
        data: &[u8],
        described: &Described<'_>,
    ) -> Result<(), Error>;
}
