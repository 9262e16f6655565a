//! Writes transport packets: tables, and pictures and sound with their times.
//!
//! The number of packets of each part is chosen by the caller. So the place of a byte in a stream can be computed without
//! writing what comes before it: see [`PacketWriter::skip`].

use crate::kind::StreamType;
use crate::transport::packet::{PAT, SIZE, SYNC};
use crate::transport::section::crc;

/// The bytes of a packet after its header.
const ROOM: usize = SIZE - 4;
/// A PES header with a presentation time.
const PES_HEADER: usize = 14;
/// The adaptation field that holds a clock.
const CLOCK: usize = 8;
/// The number of the only program.
const PROGRAM: u16 = 1;

/// What to write does not go into the packets that are given for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{bytes} bytes do not go into {packets} packets: give one packet for each 184 bytes, and no more than bytes"
)]
#[non_exhaustive]
pub struct DoesNotFit {
    /// The bytes, with the header that precedes them.
    pub bytes: usize,
    /// The packets.
    pub packets: usize,
}

/// One picture, or the frames of sound of a short time.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    /// What it is.
    pub kind: StreamType,
    /// When it is presented, in ticks of 90 kHz. The counter of the stream has 33 bits and wraps.
    pub time: u64,
    /// The program's clock as this unit is sent, in ticks of 90 kHz.
    pub clock: Option<u64>,
    /// Whether a decoder can start here.
    pub is_key: bool,
    /// Pictures with start codes, or sound in ADTS frames.
    pub data: &'a [u8],
}

impl Unit<'_> {
    /// The fewest packets that hold a unit with a clock and so many bytes.
    pub const fn packets(bytes: usize) -> usize {
        (bytes + PES_HEADER + CLOCK).div_ceil(ROOM)
    }

    fn header(&self) -> [u8; PES_HEADER] {
        let length = match u16::try_from(self.data.len() + PES_HEADER - 6) {
            Ok(length) if !self.kind.is_video() => length,
            // A picture needs none, and may be longer than the field can say.
            _ => 0,
        };
        let [high, low] = length.to_be_bytes();
        let stream = if self.kind.is_video() { 0xe0 } else { 0xc0 };
        let time = self.time;
        // Three parts of the time, with a marker bit after each.
        let [a, b, c, d, e] = [
            0x21 | ((time >> 29) as u8 & 0x0e),
            (time >> 22) as u8,
            (time >> 14) as u8 | 1,
            (time >> 7) as u8,
            (time << 1) as u8 | 1,
        ];
        [0, 0, 1, stream, high, low, 0x84, 0x80, 5, a, b, c, d, e]
    }

    /// The adaptation field, without its length.
    fn field(&self) -> Vec<u8> {
        let key = if self.is_key { 0x40 } else { 0 };
        match self.clock {
            None if self.is_key => vec![key],
            None => Vec::new(),
            Some(clock) => {
                // 33 bits of 90 kHz, six reserved ones, and nine of 27 MHz.
                let bits = (clock & 0x1_ffff_ffff) << 15 | 0x7e00;
                let [_, _, clock @ ..] = bits.to_be_bytes();
                [&[key | 0x10], clock.as_slice()].concat()
            }
        }
    }
}

/// Writes the packets of one PID.
#[derive(Debug, Clone)]
pub struct PacketWriter {
    pid: u16,
    counter: u8,
}

impl PacketWriter {
    /// A stream that begins.
    pub fn new(pid: u16) -> Self {
        Self { pid, counter: 0 }
    }

    /// Goes on as if so many packets had been written.
    pub fn skip(&mut self, packets: usize) {
        self.counter = (usize::from(self.counter) + packets) as u8 & 0x0f;
    }

    /// Writes a section of a table into one packet.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if it is longer than a packet.
    pub fn section(&mut self, section: &[u8], out: &mut Vec<u8>) -> Result<(), DoesNotFit> {
        // The section follows the pointer to it.
        let mut payload = [&[0], section].concat();
        if payload.len() > ROOM {
            let bytes = payload.len();
            return Err(DoesNotFit { bytes, packets: 1 });
        }
        payload.resize(ROOM, 0xff);
        self.packet(true, &[], &payload, out);
        Ok(())
    }

    /// Writes a unit into exactly so many packets.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if they are too few, or more than the unit has bytes.
    pub fn unit(
        &mut self,
        unit: &Unit<'_>,
        packets: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DoesNotFit> {
        let bytes = unit.header().len() + unit.data.len();
        let field = unit.field();
        let used = if field.is_empty() { 0 } else { field.len() + 1 };
        if packets == 0 || bytes < packets || bytes + used > packets * ROOM {
            return Err(DoesNotFit { bytes, packets });
        }
        let data = [unit.header().as_slice(), unit.data].concat();
        let (mut rest, mut field) = (data.as_slice(), field.as_slice());
        let mut room = ROOM - used;
        for later in (0..packets).rev() {
            // Each packet has a byte at least, so that the counter counts it.
            let length = room.min(rest.len() - later);
            let (payload, tail) = rest.split_at(length);
            self.packet(later + 1 == packets, field, payload, out);
            (rest, field, room) = (tail, &[], ROOM);
        }
        Ok(())
    }

    /// Writes a packet. Stuffing in the adaptation field fills it up.
    fn packet(&mut self, starts: bool, field: &[u8], payload: &[u8], out: &mut Vec<u8>) {
        let stuffing = ROOM - payload.len();
        let [high, low] = self.pid.to_be_bytes();
        let starts = if starts { 0x40 } else { 0 };
        let adaptation = if stuffing > 0 { 0x20 } else { 0 };
        out.extend([SYNC, high | starts, low, adaptation | 0x10 | self.counter]);
        let end = out.len() + stuffing;
        if let Some(length) = stuffing.checked_sub(1) {
            out.push(length as u8);
            if length > 0 && field.is_empty() {
                // No flag is set.
                out.push(0);
            }
            out.extend(field);
            out.resize(end, 0xff);
        }
        out.extend(payload);
        self.skip(1);
    }
}

/// The Program Association Table of a stream with one program, whose map is on this PID.
pub fn program_association(map: u16) -> Vec<u8> {
    let mut section = vec![0, 0xb0, 0, 0, 1, 0xc1, 0, 0];
    section.extend(PROGRAM.to_be_bytes());
    section.extend((0xe000 | map).to_be_bytes());
    finished(section)
}

/// The Program Map Table of the program: its streams with their PIDs. The first one has the clock.
pub fn program_map(streams: &[(StreamType, u16)]) -> Vec<u8> {
    let mut section = vec![2, 0xb0, 0];
    section.extend(PROGRAM.to_be_bytes());
    section.extend([0xc1, 0, 0]);
    let clock = streams.first().map_or(0x1fff, |(_, pid)| *pid);
    section.extend((0xe000 | clock).to_be_bytes());
    section.extend([0xf0, 0]);
    for (kind, pid) in streams {
        section.push(kind.0);
        section.extend((0xe000 | pid).to_be_bytes());
        section.extend([0xf0, 0]);
    }
    finished(section)
}

/// Adds the length and the CRC.
fn finished(mut section: Vec<u8>) -> Vec<u8> {
    // What follows the field, with the CRC.
    let length = section.len() + 4 - 3;
    if let Some([_, high, low]) = section.first_chunk_mut() {
        *high |= (length >> 8) as u8 & 0x0f;
        *low = length as u8;
    }
    section.extend(crc(&section).to_be_bytes());
    section
}

/// The PID of the Program Association Table.
pub const PROGRAM_ASSOCIATION: u16 = PAT;
