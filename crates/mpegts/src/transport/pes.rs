//! PES packets: the header of each, and its data as it comes.

/// The times of a PES packet in ticks of 90 kHz, as counters of 33 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    /// The clock starts anew before this packet.
    pub(crate) is_discontinuity: bool,
}

/// The counter of a time wraps here.
pub(crate) const WRAP: i64 = 1 << 33;

/// A part of a PES packet.
pub(crate) enum Part<'a> {
    Start(Option<Stamp>),
    Data(&'a [u8]),
}

#[derive(Default)]
enum State {
    #[default]
    Outside,
    Header,
    Body,
}

/// Reads the PES packets of one stream. Holds a header only: at most 264 bytes, and the payload of one packet.
#[derive(Default)]
pub(crate) struct PesReader {
    state: State,
    header: Vec<u8>,
    /// The bytes to come, if the header says how many they are.
    left: Option<usize>,
}

/// The bytes up to `PES_header_data_length`.
const FIXED: usize = 9;

impl PesReader {
    /// Gives the parts in a transport stream packet's payload to `found`.
    pub(crate) fn push<E>(
        &mut self,
        starts: bool,
        payload: &[u8],
        found: &mut impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if starts {
            self.header.clear();
            self.state = State::Header;
        }
        match self.state {
            State::Outside => Ok(()),
            State::Body => self.body(payload, found),
            State::Header => {
                self.header.extend_from_slice(payload);
                let header = std::mem::take(&mut self.header);
                let result = self.head(&header, found);
                self.header = header;
                result
            }
        }
    }

    fn head<E>(
        &mut self,
        bytes: &[u8],
        found: &mut impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
            return Ok(());
        };
        let [zero, also, one, _, high, low, marker, flags, length] = *fixed;
        if (zero, also, one) != (0, 0, 1) || marker & 0xc0 != 0x80 {
            self.state = State::Outside;
            return Ok(());
        }
        let Some((fields, data)) = rest.split_at_checked(usize::from(length)) else {
            return Ok(());
        };
        self.state = State::Body;
        let announced = usize::from(u16::from_be_bytes([high, low]));
        self.left = announced.checked_sub(3 + usize::from(length));
        found(Part::Start(stamp(flags, fields)))?;
        self.body(data, found)
    }

    fn body<E>(
        &mut self,
        data: &[u8],
        found: &mut impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let data = match &mut self.left {
            None => data,
            Some(left) => {
                let data = data.get(..*left).unwrap_or(data);
                *left -= data.len();
                data
            }
        };
        match data {
            [] => Ok(()),
            data => found(Part::Data(data)),
        }
    }
}

fn stamp(flags: u8, fields: &[u8]) -> Option<Stamp> {
    let (pts, rest) = time(fields)?;
    let (pts, dts) = match flags >> 6 {
        2 => (pts, pts),
        3 => (pts, time(rest)?.0),
        _ => return None,
    };
    Some(Stamp {
        pts,
        dts,
        is_discontinuity: false,
    })
}

fn time(fields: &[u8]) -> Option<(i64, &[u8])> {
    let ([a, b, c, d, e], rest) = fields.split_first_chunk()?;
    let [a, b, c, d, e] = [a, b, c, d, e].map(|byte| i64::from(*byte));
    let time = ((a >> 1 & 7) << 30) | (b << 22) | ((c >> 1) << 15) | (d << 7) | (e >> 1);
    Some((time, rest))
}
