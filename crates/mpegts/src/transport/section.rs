//! Sections of tables, joined from packets.

use super::packet::Packet;

/// `table_id`, the length, and what `section_length` does not count.
const HEADER: usize = 3;
const CRC: usize = 4;

/// Joins the sections of one PID. Holds less than 4.3 KiB.
#[derive(Clone, Default)]
pub(crate) struct SectionReader {
    section: Vec<u8>,
    is_open: bool,
}

impl SectionReader {
    /// Gives each section that ends in this packet to `found`, without its CRC. A broken section is left out.
    pub(crate) fn push(&mut self, packet: &Packet<'_>, found: &mut dyn FnMut(&[u8])) {
        let Some(mut payload) = packet.payload() else {
            return;
        };
        if packet.starts_unit() {
            let Some((pointer, rest)) = payload.split_first() else {
                return;
            };
            let Some((tail, start)) = rest.split_at_checked(usize::from(*pointer)) else {
                self.is_open = false;
                return;
            };
            if self.is_open {
                self.section.extend_from_slice(tail);
                self.complete(found);
            }
            self.section.clear();
            self.is_open = true;
            payload = start;
        }
        if self.is_open {
            self.section.extend_from_slice(payload);
            self.complete(found);
        }
    }

    fn complete(&mut self, found: &mut dyn FnMut(&[u8])) {
        let mut rest = self.section.as_slice();
        while let [table, high, low, ..] = *rest {
            let length = HEADER + usize::from(u16::from_be_bytes([high & 0x0f, low]));
            // Stuffing follows the last section.
            if table == 0xff {
                self.is_open = false;
                return;
            }
            let Some((section, tail)) = rest.split_at_checked(length) else {
                break;
            };
            if crc(section) == 0
                && let Some((body, _)) = section.split_last_chunk::<CRC>()
            {
                found(body);
            }
            rest = tail;
        }
        if rest.len() < self.section.len() {
            self.section = rest.to_vec();
        }
    }
}

/// CRC-32/MPEG-2. Over a section with its CRC it is 0.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| {
            (crc << 1) ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}
