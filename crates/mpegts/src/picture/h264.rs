//! NAL units and parameter sets of H.264.

use super::bits::Bits;
use super::unit::{Kind, Unit};

/// What a NAL unit is. Needs up to eight bytes of it.
pub(super) fn unit(unit: &[u8]) -> Unit {
    let Some((header, rest)) = unit.split_first() else {
        return Unit::Other { is_prefix: false };
    };
    match header & 0x1f {
        kind @ (1 | 2 | 5) => Unit::Slice {
            is_key: kind == 5,
            first: Bits::new(rest).ue().unwrap_or(0),
        },
        6 => Unit::Information,
        7 => Unit::Parameters(Kind::Sequence),
        8 => Unit::Parameters(Kind::Picture),
        9 => Unit::Filler { ends_picture: true },
        12 => Unit::Filler {
            ends_picture: false,
        },
        _ => Unit::Other { is_prefix: false },
    }
}

/// Whether supplemental information says that decoding can start here: it has a recovery point.
pub(super) fn is_recovery_point(unit: &[u8]) -> bool {
    has_recovery_point(&mut Bits::new(unit.get(1..).unwrap_or_default())).unwrap_or(false)
}

fn has_recovery_point(bits: &mut Bits<'_>) -> Option<bool> {
    loop {
        let (kind, size) = (sei_number(bits)?, sei_number(bits)?);
        if kind == 6 {
            return Some(true);
        }
        bits.skip(size.checked_mul(8)?)?;
    }
}

/// A number as a sum of bytes: all but the last are 255.
fn sei_number(bits: &mut Bits<'_>) -> Option<u32> {
    let mut sum = 0_u32;
    loop {
        let byte = bits.bits(8)?;
        sum = sum.checked_add(byte)?;
        if byte != 0xff {
            return Some(sum);
        }
    }
}

/// What a sequence parameter set says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) id: u32,
    pub(super) size: (u16, u16),
    pub(super) chroma: u8,
    pub(super) luma_bits: u8,
    pub(super) chroma_bits: u8,
    /// The ticks of 90 kHz from picture to picture, if the set says so.
    pub(super) interval: Option<u32>,
}

/// The profiles that say more of their coding.
pub(super) fn is_high(profile: u8) -> bool {
    matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    )
}

/// Reads a sequence parameter set.
pub(super) fn sequence(unit: &[u8]) -> Option<Sequence> {
    let [_, profile, _, _, rest @ ..] = unit else {
        return None;
    };
    let bits = &mut Bits::new(rest);
    let id = bits.ue()?;
    let (mut chroma, mut is_separate, mut luma_bits, mut chroma_bits) = (1, false, 0, 0);
    if is_high(*profile) {
        chroma = bits.ue()?;
        is_separate = chroma == 3 && bits.flag()?;
        (luma_bits, chroma_bits) = (bits.ue()?, bits.ue()?);
        bits.skip(1)?;
        if bits.flag()? {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.flag()? {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?;
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.skip(1)?;
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue()?.min(255) {
                bits.se()?;
            }
        }
        _ => {}
    }
    bits.ue()?;
    bits.skip(1)?;
    let width = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let rows = bits.ue()?.checked_add(1)?.checked_mul(16)?;
    let fields = if bits.flag()? { 1 } else { 2 };
    if fields == 2 {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let height = rows.checked_mul(fields)?;
    let size = if bits.flag()? {
        let (x, y) = match chroma {
            _ if is_separate => (1, 1),
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        cropped(bits, (width, height), (x, y * fields))?
    } else {
        (width, height)
    };
    Some(Sequence {
        id,
        size: (u16::try_from(size.0).ok()?, u16::try_from(size.1).ok()?),
        chroma: u8::try_from(chroma).ok().filter(|chroma| *chroma < 4)?,
        luma_bits: u8::try_from(luma_bits).ok().filter(|bits| *bits < 8)?,
        chroma_bits: u8::try_from(chroma_bits).ok().filter(|bits| *bits < 8)?,
        interval: interval(bits).filter(|interval| (1..=900_000).contains(interval)),
    })
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + i64::from(bits.se()?)).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// The size within the margins that follow, in these units.
pub(super) fn cropped(
    bits: &mut Bits<'_>,
    (width, height): (u32, u32),
    (x, y): (u32, u32),
) -> Option<(u32, u32)> {
    let mut margins = |unit: u32| bits.ue()?.checked_add(bits.ue()?)?.checked_mul(unit);
    let (across, down) = (margins(x)?, margins(y)?);
    let positive = |size: &u32| *size > 0;
    Some((
        width.checked_sub(across).filter(positive)?,
        height.checked_sub(down).filter(positive)?,
    ))
}

/// The time between two pictures, from the usability information.
fn interval(bits: &mut Bits<'_>) -> Option<u32> {
    if !bits.flag()? {
        return None;
    }
    if bits.flag()? && bits.bits(8)? == 255 {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            bits.skip(24)?;
        }
    }
    if bits.flag()? {
        bits.ue()?;
        bits.ue()?;
    }
    if !bits.flag()? {
        return None;
    }
    let (units, scale) = (u64::from(bits.bits(32)?), u64::from(bits.bits(32)?));
    // A unit is the time of a field.
    u32::try_from((units * 2 * 90_000).checked_div(scale)?).ok()
}

/// The number of a picture parameter set, and that of its sequence parameter set.
pub(super) fn picture(unit: &[u8]) -> Option<(u32, u32)> {
    let bits = &mut Bits::new(unit.get(1..)?);
    Some((bits.ue()?, bits.ue()?))
}
