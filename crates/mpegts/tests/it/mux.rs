//! Builds transport streams packet by packet.

/// A clip of the mock: 4 s of H.264 and AAC.
pub const CLIP: &[u8] = include_bytes!("../../../meraki-mock/fixtures/clip.ts");

pub const PACKET: usize = 188;
pub const PMT: u16 = 0x1000;
pub const VIDEO: u16 = 0x100;
pub const SOUND: u16 = 0x101;

/// The PID of a packet.
pub fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

/// The packets of the clip that `keep` picks by their PID.
pub fn clip_of(keep: impl Fn(u16) -> bool) -> Vec<u8> {
    let packets = CLIP.chunks(PACKET).filter(|packet| keep(pid(packet)));
    packets.flatten().copied().collect()
}

/// The CRC of ISO/IEC 13818-1, annex A.
pub fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for bit in bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
    {
        let feedback = (crc >> 31) as u8 ^ bit;
        crc <<= 1;
        if feedback == 1 {
            crc ^= 0x04c1_1db7;
        }
    }
    crc
}

/// A transport stream that grows.
#[derive(Default)]
pub struct Mux {
    pub bytes: Vec<u8>,
    counters: std::collections::BTreeMap<u16, u8>,
}

impl Mux {
    /// A stream with tables that declare these streams: type, PID and descriptors.
    pub fn with(streams: &[(u8, u16, &[u8])]) -> Self {
        let mut mux = Self::default();
        mux.pat(&[(1, PMT)]);
        mux.pmt(1, PMT, streams);
        mux
    }

    pub fn pat(&mut self, programs: &[(u16, u16)]) {
        let mut section = vec![0, 0xb0, 0, 0, 1, 0xc1, 0, 0];
        for (program, pid) in programs {
            section.extend(program.to_be_bytes());
            section.extend((0xe000 | pid).to_be_bytes());
        }
        self.section(0, section);
    }

    pub fn pmt(&mut self, program: u16, pid: u16, streams: &[(u8, u16, &[u8])]) {
        let mut section = vec![2, 0xb0, 0];
        section.extend(program.to_be_bytes());
        section.extend([0xc1, 0, 0, 0xe1, 0, 0xf0, 0]);
        for (kind, pid, descriptors) in streams {
            section.push(*kind);
            section.extend((0xe000 | pid).to_be_bytes());
            section.extend((0xf000 | descriptors.len() as u16).to_be_bytes());
            section.extend(*descriptors);
        }
        self.section(pid, section);
    }

    /// A section, in as many packets as it needs.
    fn section(&mut self, pid: u16, mut section: Vec<u8>) {
        let length = section.len() as u16 + 4 - 3;
        section[1] |= (length >> 8) as u8;
        section[2] = length as u8;
        section.extend(crc(&section).to_be_bytes());
        let payload = [&[0], section.as_slice()].concat();
        for (index, part) in payload.chunks(184).enumerate() {
            let mut part = part.to_vec();
            part.resize(184, 0xff);
            self.packet(pid, index == 0, &[], &part);
        }
    }

    /// A PES packet with its times in ticks of 90 kHz.
    pub fn pes(&mut self, pid: u16, times: Option<(u64, u64)>, bounded: bool, data: &[u8]) {
        self.pes_after(pid, times, bounded, data, &[]);
    }

    /// Like `pes`, with an adaptation field in the first packet.
    pub fn pes_after(
        &mut self,
        pid: u16,
        times: Option<(u64, u64)>,
        bounded: bool,
        data: &[u8],
        field: &[u8],
    ) {
        let mut header = Vec::new();
        if let Some((pts, dts)) = times {
            header.extend(time(0x31, pts));
            header.extend(time(0x11, dts));
        }
        let length = if bounded {
            header.len() + data.len() + 3
        } else {
            0
        };
        let flags = if times.is_some() { 0xc0 } else { 0 };
        let mut pes = vec![0, 0, 1, 0xe0];
        pes.extend((length as u16).to_be_bytes());
        pes.extend([0x80, flags, header.len() as u8]);
        pes.extend(header);
        pes.extend(data);
        let first = 184 - if field.is_empty() { 0 } else { field.len() + 1 };
        let (head, tail) = pes.split_at(first.min(pes.len()));
        self.packet(pid, true, field, head);
        for part in tail.chunks(184) {
            self.packet(pid, false, &[], part);
        }
    }

    /// A packet. Stuffing in the adaptation field fills it up.
    pub fn packet(&mut self, pid: u16, starts: bool, field: &[u8], payload: &[u8]) {
        let counter = self.counters.entry(pid).or_insert(0);
        let start = if starts { 0x40 } else { 0 };
        let room = 184 - payload.len();
        let control = if room > 0 { 0x30 } else { 0x10 };
        self.bytes.extend([
            0x47,
            start | (pid >> 8) as u8,
            pid as u8,
            control | *counter,
        ]);
        *counter = (*counter + 1) & 0x0f;
        if room > 0 {
            let mut adaptation = vec![(room - 1) as u8];
            adaptation.extend(field);
            if room > 1 && field.is_empty() {
                adaptation.push(0);
            }
            adaptation.resize(room, 0xff);
            self.bytes.extend(adaptation);
        }
        self.bytes.extend(payload);
    }
}

fn time(marker: u8, time: u64) -> [u8; 5] {
    let time = time % (1 << 33);
    [
        marker | (time >> 29) as u8 & 0x0e,
        (time >> 22) as u8,
        (time >> 14) as u8 | 1,
        (time >> 7) as u8,
        (time << 1) as u8 | 1,
    ]
}

/// The parameter sets of the clip, and a key frame and another picture of it, without start codes.
pub struct Pictures {
    pub sps: Vec<u8>,
    pub pps: Vec<u8>,
    pub key: Vec<u8>,
    pub other: Vec<u8>,
}

impl Pictures {
    /// Reads them from the clip.
    pub fn of_clip() -> Self {
        let mut stream = Vec::new();
        for packet in CLIP.chunks(PACKET).filter(|packet| pid(packet) == VIDEO) {
            let mut payload = match packet[3] & 0x20 {
                0 => &packet[4..],
                _ => &packet[5 + usize::from(packet[4])..],
            };
            if packet[1] & 0x40 != 0 {
                payload = &payload[9 + usize::from(payload[8])..];
            }
            stream.extend(payload);
        }
        let mut units = Vec::new();
        let mut rest = stream.as_slice();
        while let Some(at) = rest.windows(3).position(|window| window == [0, 0, 1]) {
            rest = &rest[at + 3..];
            let end = rest.windows(3).position(|window| window == [0, 0, 1]);
            let unit = &rest[..end.unwrap_or(rest.len())];
            let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
            units.push(unit[..unit.len() - zeros].to_vec());
        }
        let first = |kind| {
            let unit = units.iter().find(|unit| unit[0] & 0x1f == kind);
            unit.unwrap().clone()
        };
        Self {
            sps: first(7),
            pps: first(8),
            key: first(5),
            other: first(1),
        }
    }

    /// A key frame with its parameter sets.
    pub fn key_frame(&self) -> Vec<u8> {
        annex_b(&[&self.sps, &self.pps, &self.key])
    }

    /// Another picture.
    pub fn other_frame(&self) -> Vec<u8> {
        annex_b(&[&self.other])
    }
}

/// NAL units with start codes.
pub fn annex_b(units: &[&[u8]]) -> Vec<u8> {
    let unit = |unit: &&[u8]| [&[0, 0, 0, 1], *unit].concat();
    units.iter().flat_map(unit).collect()
}

/// A frame of AAC at 48 kHz with one channel.
pub fn adts(data: &[u8]) -> Vec<u8> {
    let length = 7 + data.len();
    let mut frame = vec![0xff, 0xf1, 0x4c, 0x40 | (length >> 11) as u8];
    frame.extend([(length >> 3) as u8, (length << 5) as u8 | 0x1f, 0xfc]);
    frame.extend(data);
    frame
}

/// A stream of so many pictures at 25 a second, one in ten a key frame, from this time on.
pub fn pictures(mux: &mut Mux, count: u64, from: u64) {
    let pictures = Pictures::of_clip();
    for index in 0..count {
        let data = match index % 10 {
            0 => pictures.key_frame(),
            _ => pictures.other_frame(),
        };
        let time = from + index * 3600;
        mux.pes(VIDEO, Some((time, time)), false, &data);
    }
}
