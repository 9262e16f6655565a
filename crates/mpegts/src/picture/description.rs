//! What a player needs before it can decode a picture.

use super::codec::Codec;
use super::parameters::Parameters;
use super::unit::Kind;
use super::{h264, h265};
use crate::mp4::boxes::Boxes;

/// The parameters of pictures, as a sample entry holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    codec: Codec,
    pub(crate) size: (u16, u16),
    /// The ticks from picture to picture, if the parameters say so.
    pub(super) interval: Option<u32>,
    pub(super) parameters: Parameters,
    /// The content of `avcC` or `hvcC`.
    configuration: Vec<u8>,
    /// RFC 6381.
    codecs: String,
}

impl Description {
    /// `None` as long as a set is missing.
    pub(super) fn of(codec: Codec, parameters: &Parameters) -> Option<Self> {
        match codec {
            Codec::H264 => h264_description(parameters),
            Codec::H265 => h265_description(parameters),
        }
    }

    /// The value of `codecs` in a MIME type: `avc1.42c01e`.
    pub(crate) fn codecs(&self) -> &str {
        &self.codecs
    }

    /// The kind of the sample entry. Apple's players refuse `hev1`.
    pub(crate) fn entry(&self) -> &'static [u8; 4] {
        match self.codec {
            Codec::H264 => b"avc1",
            Codec::H265 => b"hvc1",
        }
    }

    pub(crate) fn write_configuration(&self, boxes: &mut Boxes<'_>) {
        let kind = match self.codec {
            Codec::H264 => b"avcC",
            Codec::H265 => b"hvcC",
        };
        boxes.put(kind, |boxes| boxes.bytes(&self.configuration));
    }
}

/// Lengths of four bytes precede the NAL units.
const LENGTH_SIZE: u8 = 3;

fn put_sets<'a>(to: &mut Vec<u8>, sets: impl Iterator<Item = &'a [u8]>) {
    for set in sets {
        to.extend(u16::try_from(set.len()).unwrap_or(u16::MAX).to_be_bytes());
        to.extend(set);
    }
}

fn count(sets: &impl ExactSizeIterator) -> u8 {
    u8::try_from(sets.len()).unwrap_or(u8::MAX)
}

/// ISO/IEC 14496-15, section 5.3.3.1.
fn h264_description(parameters: &Parameters) -> Option<Description> {
    let (sequences, pictures) = (parameters.of(Kind::Sequence), parameters.of(Kind::Picture));
    let first = sequences.clone().next()?;
    pictures.clone().next()?;
    let sequence = h264::sequence(first)?;
    let [_, profile, compatibility, level, ..] = *first else {
        return None;
    };
    let mut configuration = vec![1, profile, compatibility, level, 0xfc | LENGTH_SIZE];
    configuration.push(0xe0 | count(&sequences));
    put_sets(&mut configuration, sequences);
    configuration.push(count(&pictures));
    put_sets(&mut configuration, pictures);
    if h264::is_high(profile) {
        let bits = [sequence.luma_bits, sequence.chroma_bits].map(|bits| 0xf8 | bits);
        configuration.push(0xfc | sequence.chroma);
        configuration.extend(bits);
        configuration.push(0);
    }
    Some(Description {
        codec: Codec::H264,
        size: sequence.size,
        interval: sequence.interval,
        parameters: parameters.clone(),
        configuration,
        codecs: format!("avc1.{profile:02x}{compatibility:02x}{level:02x}"),
    })
}

/// ISO/IEC 14496-15, section 8.3.3.1.
fn h265_description(parameters: &Parameters) -> Option<Description> {
    let kinds = [(32, Kind::Video), (33, Kind::Sequence), (34, Kind::Picture)];
    let sets = kinds.map(|(unit, kind)| (unit, parameters.of(kind)));
    if sets.iter().any(|(_, sets)| sets.len() == 0) {
        return None;
    }
    let sequence = h265::sequence(parameters.of(Kind::Sequence).next()?)?;
    let mut configuration = vec![1];
    configuration.extend(sequence.profile);
    // The least segmentation and the parallelism are not known.
    configuration.extend([0xf0, 0, 0xfc]);
    configuration.push(0xfc | sequence.chroma);
    configuration.push(0xf8 | sequence.luma_bits);
    configuration.push(0xf8 | sequence.chroma_bits);
    // Nor is the frame rate.
    configuration.extend([0, 0]);
    configuration.push(sequence.sub_layers << 3 | u8::from(sequence.is_nested) << 2 | LENGTH_SIZE);
    configuration.push(3);
    for (unit, sets) in sets {
        // All sets of this kind are here, and none in the pictures.
        configuration.extend([0x80 | unit, 0, count(&sets)]);
        put_sets(&mut configuration, sets);
    }
    Some(Description {
        codec: Codec::H265,
        size: sequence.size,
        interval: None,
        parameters: parameters.clone(),
        configuration,
        codecs: h265_codecs(&sequence.profile),
    })
}

/// ISO/IEC 14496-15, annex E.
fn h265_codecs(profile: &[u8; 12]) -> String {
    let [general, a, b, c, d, constraints @ .., level] = profile;
    let space = ["", "A", "B", "C"]
        .get(usize::from(general >> 6))
        .copied()
        .unwrap_or_default();
    let compatibility = u32::from_be_bytes([*a, *b, *c, *d]).reverse_bits();
    let tier = if general & 0x20 == 0 { 'L' } else { 'H' };
    let mut codecs = format!(
        "hvc1.{space}{}.{compatibility:x}.{tier}{level}",
        general & 0x1f
    );
    let used = constraints.iter().rposition(|byte| *byte != 0);
    for byte in constraints.iter().take(used.map_or(0, |last| last + 1)) {
        codecs.push_str(&format!(".{byte:x}"));
    }
    codecs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In `hvc1` all parameter sets are in the sample entry. `hev1` allows others in the pictures.
    #[test]
    fn the_entry_says_that_all_parameter_sets_are_in_it() {
        for (codec, kind) in [(Codec::H264, b"avc1"), (Codec::H265, b"hvc1")] {
            let description = Description {
                codec,
                size: (16, 16),
                interval: None,
                parameters: Parameters::default(),
                configuration: vec![],
                codecs: String::new(),
            };
            assert_eq!(description.entry(), kind);
        }
    }
}
