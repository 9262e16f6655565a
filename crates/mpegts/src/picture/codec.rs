//! The codecs that MP4 takes.

use super::unit::Unit;
use super::{h264, h265};
use crate::kind::StreamType;

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
    pub(super) fn unit(self, unit: &[u8]) -> Unit {
        match self {
            Self::H264 => h264::unit(unit),
            Self::H265 => h265::unit(unit),
        }
    }
}
