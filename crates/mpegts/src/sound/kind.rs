//! The codecs of sound, as far as a stream names them.

use std::fmt;

use super::adts::frame;
use crate::kind::StreamType;

/// A codec of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SoundCodec {
    /// AAC in ADTS frames, which MP4 takes.
    Aac,
    /// AAC in another framing: LATM.
    AacLatm,
    /// AAC whose channels are described in the sound itself.
    AacOwnChannels,
    /// MPEG-1 or MPEG-2 audio, and its layer if a frame has been seen.
    Mpeg {
        /// Whether it is MPEG-2 (half the sampling rates).
        is_mpeg2: bool,
        /// 1 to 3, or 0 if it is not known.
        layer: u8,
    },
    /// Dolby AC-3.
    Ac3,
    /// Dolby E-AC-3.
    Eac3,
    /// DTS.
    Dts,
    /// Opus.
    Opus,
    /// Uncompressed sound: SMPTE 302M.
    Pcm,
}

impl fmt::Display for SoundCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::Aac => "AAC",
            Self::AacLatm => "AAC in LATM",
            Self::AacOwnChannels => "AAC with channels of its own",
            Self::Mpeg { is_mpeg2, layer } => {
                let version = if is_mpeg2 { 2 } else { 1 };
                return match layer {
                    0 => write!(f, "MPEG-{version} audio"),
                    layer => write!(f, "MPEG-{version} layer {layer}"),
                };
            }
            Self::Ac3 => "AC-3",
            Self::Eac3 => "E-AC-3",
            Self::Dts => "DTS",
            Self::Opus => "Opus",
            Self::Pcm => "PCM (SMPTE 302M)",
        })
    }
}

impl SoundCodec {
    /// The codec by the first bytes of the sound.
    pub(crate) fn refine(codec: Option<Self>, data: &[u8]) -> Option<Self> {
        match (codec, data) {
            (Some(Self::Mpeg { .. }), [0xff, b, ..]) if b & 0xe0 == 0xe0 => Some(Self::Mpeg {
                is_mpeg2: b & 0x18 != 0x18,
                layer: (4 - (b >> 1 & 3)) & 3,
            }),
            (None, data) => frame(data).map(|_| Self::Aac),
            (codec, _) => codec,
        }
    }
}

/// The codec of a stream other than AAC in ADTS, by the map. `None` if it is no sound.
pub(crate) fn declared_codec(kind: StreamType, descriptors: &[u8]) -> Option<SoundCodec> {
    Some(match kind.0 {
        // A second stream of AAC.
        0x0f => SoundCodec::Aac,
        0x11 | 0x1c => SoundCodec::AacLatm,
        0x03 => SoundCodec::Mpeg {
            is_mpeg2: false,
            layer: 0,
        },
        0x04 => SoundCodec::Mpeg {
            is_mpeg2: true,
            layer: 0,
        },
        0x81 => SoundCodec::Ac3,
        0x87 => SoundCodec::Eac3,
        0x82 | 0x85 => SoundCodec::Dts,
        0x06 => return by_descriptor(descriptors),
        _ => return None,
    })
}

/// The codec of private data: a registration (ISO/IEC 13818-1, section 2.6.8) or a descriptor of DVB names it.
fn by_descriptor(mut descriptors: &[u8]) -> Option<SoundCodec> {
    while let [tag, length, rest @ ..] = descriptors {
        let (body, rest) = rest.split_at_checked(usize::from(*length))?;
        let codec = match (tag, body) {
            (0x05, [b'O', b'p', b'u', b's', ..]) => Some(SoundCodec::Opus),
            (0x05, [b'B', b'S', b'S', b'D', ..]) => Some(SoundCodec::Pcm),
            (0x05, [b'A', b'C', b'-', b'3', ..]) | (0x6a, _) => Some(SoundCodec::Ac3),
            (0x05, [b'E', b'A', b'C', b'3', ..]) | (0x7a, _) => Some(SoundCodec::Eac3),
            (0x05, [b'D', b'T', b'S', ..]) | (0x7b, _) => Some(SoundCodec::Dts),
            (0x7c, _) => Some(SoundCodec::AacLatm),
            _ => None,
        };
        if codec.is_some() {
            return codec;
        }
        descriptors = rest;
    }
    None
}
