//! What a stream holds.

use std::fmt;

/// The type of an elementary stream: `stream_type` of ISO/IEC 13818-1, table 2-34.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StreamType(pub u8);

impl StreamType {
    /// H.264 video.
    pub const H264: Self = Self(0x1b);
    /// H.265 video.
    pub const H265: Self = Self(0x24);
    /// AAC sound in ADTS frames.
    pub const AAC: Self = Self(0x0f);

    /// Data that its descriptors name, if anything does.
    pub(crate) const PRIVATE: Self = Self(0x06);

    const MPEG1_VIDEO: Self = Self(0x01);
    const MPEG2_VIDEO: Self = Self(0x02);
    const MPEG4_VIDEO: Self = Self(0x10);

    /// Whether it is a video codec whose pictures are recognised.
    pub(crate) fn is_video(self) -> bool {
        matches!(
            self,
            Self::H264 | Self::H265 | Self::MPEG1_VIDEO | Self::MPEG2_VIDEO | Self::MPEG4_VIDEO
        )
    }

    /// Whether a picture follows a start code with this byte.
    pub(crate) fn starts_picture(self, code: u8) -> bool {
        match self {
            // A slice. The first bit is zero in each NAL unit; a PES packet has it set.
            Self::H264 => code < 0x80 && matches!(code & 0x1f, 1 | 2 | 5),
            Self::H265 => code < 0x80 && matches!(code >> 1, 0..=9 | 16..=21),
            Self::MPEG4_VIDEO => code == 0xb6,
            _ => code == 0,
        }
    }
}

impl fmt::Display for StreamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::H264 => f.write_str("H.264"),
            Self::H265 => f.write_str("H.265"),
            Self::AAC => f.write_str("AAC"),
            Self::MPEG1_VIDEO => f.write_str("MPEG-1 video"),
            Self::MPEG2_VIDEO => f.write_str("MPEG-2 video"),
            Self::MPEG4_VIDEO => f.write_str("MPEG-4 video"),
            Self::PRIVATE => f.write_str("private data"),
            Self(0x03) => f.write_str("MPEG-1 audio"),
            Self(0x04) => f.write_str("MPEG-2 audio"),
            Self(0x11) => f.write_str("AAC in LATM"),
            Self(0x81) => f.write_str("AC-3"),
            Self(other) => write!(f, "stream type {other:#04x}"),
        }
    }
}

impl fmt::Debug for StreamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
