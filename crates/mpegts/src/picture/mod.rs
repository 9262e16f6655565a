//! Pictures: H.264 (ISO/IEC 14496-10) and H.265 (ISO/IEC 23008-2).

mod bits;
pub(crate) mod description;
mod h264;
mod h265;
mod parameters;
pub(crate) mod track;
mod units;

use crate::StreamType;

/// A codec that MP4 takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    H264,
    H265,
}

impl Codec {
    pub(crate) fn of(kind: StreamType) -> Option<Self> {
        match kind {
            StreamType::H264 => Some(Self::H264),
            StreamType::H265 => Some(Self::H265),
            _ => None,
        }
    }

    /// What a NAL unit is, by its first bytes.
    fn unit(self, unit: &[u8]) -> Unit {
        match self {
            Self::H264 => h264::unit(unit),
            Self::H265 => h265::unit(unit),
        }
    }
}

/// What a NAL unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// A part of a picture: whether it is one of a key frame, and where in the picture it starts.
    Slice { is_key: bool, first: u32 },
    /// A parameter set.
    Parameters(Kind),
    /// Information for the next slices. It comes before them.
    Information,
    /// Separates pictures, or fills up: it is left out.
    Filler {
        /// Whether a picture ends here.
        ends_picture: bool,
    },
    /// Anything else: whether it comes before the slices.
    Other { is_prefix: bool },
}

/// The kind of a parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Video,
    Sequence,
    Picture,
}

impl Unit {
    /// Whether a picture with a slice cannot go on with this, given where its last slice starts.
    fn starts_picture(self, last_first: u32) -> bool {
        match self {
            Self::Slice { first, .. } => first <= last_first,
            Self::Parameters(_) | Self::Information => true,
            Self::Filler { ends_picture } => ends_picture,
            Self::Other { is_prefix } => is_prefix,
        }
    }
}
