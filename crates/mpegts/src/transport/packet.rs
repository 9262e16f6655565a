//! One packet of 188 bytes.

/// The size of a packet.
pub(crate) const SIZE: usize = 188;
/// The first byte of each packet.
pub(crate) const SYNC: u8 = 0x47;
/// The PID of the Program Association Table.
pub(crate) const PAT: u16 = 0;

/// The PID of packets that fill up.
pub(crate) const NULL: u16 = 0x1fff;

/// A packet, and what its header says.
#[derive(Clone, Copy)]
pub(crate) struct Packet<'a> {
    header: [u8; 4],
    /// What follows the header.
    rest: &'a [u8],
}

impl<'a> Packet<'a> {
    pub(crate) fn new(bytes: &'a [u8; SIZE]) -> Self {
        let [a, b, c, d, rest @ ..] = bytes;
        Self {
            header: [*a, *b, *c, *d],
            rest,
        }
    }

    pub(crate) fn pid(&self) -> u16 {
        let [_, high, low, _] = self.header;
        u16::from_be_bytes([high & 0x1f, low])
    }

    /// `transport_error_indicator`: a receiver could not correct the packet.
    pub(crate) fn has_error(&self) -> bool {
        self.header[1] & 0x80 != 0
    }

    /// `payload_unit_start_indicator`.
    pub(crate) fn starts_unit(&self) -> bool {
        self.header[1] & 0x40 != 0
    }

    pub(crate) fn is_scrambled(&self) -> bool {
        self.header[3] & 0xc0 != 0
    }

    pub(crate) fn counter(&self) -> u8 {
        self.header[3] & 0x0f
    }

    fn has_adaptation_field(&self) -> bool {
        self.header[3] & 0x20 != 0
    }

    /// `discontinuity_indicator`: the clock or the counter starts anew here.
    pub(crate) fn is_discontinuity(&self) -> bool {
        self.has_adaptation_field()
            && matches!(self.rest, [length, flags, ..] if *length > 0 && flags & 0x80 != 0)
    }

    /// The payload, if there is one.
    pub(crate) fn payload(&self) -> Option<&'a [u8]> {
        if self.header[3] & 0x10 == 0 {
            return None;
        }
        let skip = match self.rest {
            [length, ..] if self.has_adaptation_field() => 1 + usize::from(*length),
            _ => 0,
        };
        self.rest.get(skip..).filter(|payload| !payload.is_empty())
    }
}
