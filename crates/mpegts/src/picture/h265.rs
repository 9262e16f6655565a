//! NAL units and parameter sets of H.265.

use super::bits::Bits;
use super::h264::cropped;
use super::unit::{Kind, Unit};

/// What a NAL unit is. Needs up to three bytes of it.
pub(super) fn unit(unit: &[u8]) -> Unit {
    let Some(header) = unit.first() else {
        return Unit::Other { is_prefix: false };
    };
    match header >> 1 & 0x3f {
        kind @ (0..=9 | 16..=21) => Unit::Slice {
            is_key: kind >= 16,
            first: match unit.get(2) {
                // `first_slice_segment_in_pic_flag`.
                Some(byte) if byte & 0x80 == 0 => u32::MAX,
                _ => 0,
            },
        },
        32 => Unit::Parameters(Kind::Video),
        33 => Unit::Parameters(Kind::Sequence),
        34 => Unit::Parameters(Kind::Picture),
        35 => Unit::Filler { ends_picture: true },
        38 => Unit::Filler {
            ends_picture: false,
        },
        39 => Unit::Information,
        kind => Unit::Other {
            is_prefix: matches!(kind, 41..=44 | 48..=55),
        },
    }
}

/// What a sequence parameter set says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) id: u32,
    pub(super) size: (u16, u16),
    /// Profile, compatibility, constraints and level, as they stand in the set.
    pub(super) profile: [u8; 12],
    pub(super) sub_layers: u8,
    pub(super) is_nested: bool,
    pub(super) chroma: u8,
    pub(super) luma_bits: u8,
    pub(super) chroma_bits: u8,
}

/// Reads a sequence parameter set.
pub(super) fn sequence(unit: &[u8]) -> Option<Sequence> {
    let bits = &mut Bits::new(unit.get(2..)?);
    bits.skip(4)?;
    let more_layers = bits.bits(3)?;
    let is_nested = bits.flag()?;
    let mut profile = [0; 12];
    for byte in &mut profile {
        *byte = u8::try_from(bits.bits(8)?).ok()?;
    }
    let mut present = [(false, false); 8];
    for layer in present.iter_mut().take(more_layers as usize) {
        *layer = (bits.flag()?, bits.flag()?);
    }
    if more_layers > 0 {
        bits.skip(2 * (8 - more_layers))?;
    }
    for (has_profile, has_level) in present {
        bits.skip(if has_profile { 88 } else { 0 } + if has_level { 8 } else { 0 })?;
    }
    let id = bits.ue()?;
    let chroma = bits.ue()?;
    let is_separate = chroma == 3 && bits.flag()?;
    let mut size = (bits.ue()?, bits.ue()?);
    if bits.flag()? {
        let unit = match chroma {
            _ if is_separate => (1, 1),
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        size = cropped(bits, size, unit)?;
    }
    let (luma_bits, chroma_bits) = (bits.ue()?, bits.ue()?);
    Some(Sequence {
        id,
        size: (u16::try_from(size.0).ok()?, u16::try_from(size.1).ok()?),
        profile,
        sub_layers: u8::try_from(more_layers + 1).ok()?,
        is_nested,
        chroma: u8::try_from(chroma).ok().filter(|chroma| *chroma < 4)?,
        luma_bits: u8::try_from(luma_bits).ok().filter(|bits| *bits < 8)?,
        chroma_bits: u8::try_from(chroma_bits).ok().filter(|bits| *bits < 8)?,
    })
}

/// The number of a video parameter set.
pub(super) fn video(unit: &[u8]) -> Option<u32> {
    Bits::new(unit.get(2..)?).bits(4)
}

/// The number of a picture parameter set, and that of its sequence parameter set.
pub(super) fn picture(unit: &[u8]) -> Option<(u32, u32)> {
    let bits = &mut Bits::new(unit.get(2..)?);
    Some((bits.ue()?, bits.ue()?))
}
