//! Why there is no MP4.

use crate::check::NotMpegTs;
use crate::kind::StreamType;

/// Why a stream cannot be written as MP4.
///
/// Each message says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is no transport stream, or holds no picture.
    #[error(transparent)]
    NotMpegTs(#[from] NotMpegTs),
    /// The video has a codec that is not supported.
    #[error("the video is {0}: only H.264 and H.265 can be written as MP4; play the .ts file")]
    UnsupportedVideo(StreamType),
    /// No picture can be shown without another one before it.
    #[error(
        "none of the {pictures} pictures can be shown by itself (there is no key frame); take an earlier start"
    )]
    NoKeyFrame {
        /// The number of pictures.
        pictures: u64,
    },
    /// The stream exceeds a limit that keeps the memory bounded. No camera makes such a stream.
    #[error("the stream is not from a camera: {0}")]
    Limit(Limit),
    /// The bytes of the second pass are not those of the first.
    #[error("the clip changed while it was read: start again with the first pass")]
    Changed,
}

/// A limit on what a stream may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Limit {
    /// The size of a picture.
    #[error("a picture has more than {} bytes", Self::PICTURE_BYTES)]
    PictureBytes,
    /// The parts of a picture.
    #[error("a picture has more than {} parts", Self::PICTURE_UNITS)]
    PictureUnits,
    /// The size of the parameter sets.
    #[error("the parameter sets have more than {} bytes", Self::PARAMETER_BYTES)]
    ParameterBytes,
    /// How often the parameters change.
    #[error("the parameters change more than {} times", Self::DESCRIPTIONS)]
    Descriptions,
    /// The pictures, or the frames of sound.
    #[error("a track has more than {} samples", Self::SAMPLES)]
    Samples,
}

impl Limit {
    /// The most bytes of a picture.
    pub const PICTURE_BYTES: usize = 16 << 20;
    /// The most NAL units of a picture.
    pub const PICTURE_UNITS: usize = 1 << 16;
    /// The most bytes of the parameter sets that are in force.
    pub const PARAMETER_BYTES: usize = 16 << 10;
    /// The most sets of parameters of one stream.
    pub const DESCRIPTIONS: usize = 32;
    /// The most samples of a track: more than a day of pictures and of sound.
    pub const SAMPLES: usize = 1 << 22;
}

impl From<Limit> for Error {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}
