//! ADTS frames of AAC (ISO/IEC 14496-3, section 1.A.2).

/// The length of a header, without the two bytes of its CRC.
pub(crate) const HEADER: usize = 7;

const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// How AAC is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AacConfig {
    pub(crate) object_type: u8,
    rate_index: u8,
    pub(crate) rate: u32,
    /// 0 if the sound itself says it.
    channel_config: u8,
}

impl AacConfig {
    pub(crate) fn channels(self) -> Option<u8> {
        match self.channel_config {
            0 => None,
            7 => Some(8),
            channels => Some(channels),
        }
    }

    /// `AudioSpecificConfig`.
    pub(crate) fn specific(self) -> [u8; 2] {
        let bits = u16::from(self.object_type) << 11
            | u16::from(self.rate_index) << 7
            | u16::from(self.channel_config) << 3;
        bits.to_be_bytes()
    }
}

/// What the header of a frame says.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) config: AacConfig,
    pub(crate) header: usize,
    /// The length with the header.
    pub(crate) length: usize,
    /// The samples of each channel.
    pub(crate) samples: u32,
}

/// Reads a header.
pub(crate) fn frame(bytes: &[u8]) -> Option<Frame> {
    let [a, b, c, d, e, f, g] = *bytes.first_chunk::<HEADER>()?;
    if a != 0xff || b & 0xf6 != 0xf0 {
        return None;
    }
    let rate_index = c >> 2 & 0x0f;
    let config = AacConfig {
        object_type: (c >> 6) + 1,
        rate_index,
        rate: *RATES.get(usize::from(rate_index))?,
        channel_config: (c & 1) << 2 | d >> 6,
    };
    let header = if b & 1 == 1 { HEADER } else { HEADER + 2 };
    let length = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
    (length > header).then_some(Frame {
        config,
        header,
        length,
        samples: 1024 * (1 + u32::from(g & 3)),
    })
}
