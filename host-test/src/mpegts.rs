//! Checks that bytes are an MPEG transport stream, the format of Meraki's clips.
//!
//! A 200 reply from a media host is no proof of a clip: empty files and HTML error pages happen. So
//! [`check`] asks for what every player needs (ISO/IEC 13818-1): nothing but whole packets of 188
//! bytes that start with the sync byte, at least one Program Association Table (PAT), and the Program
//! Map Table (PMT) of a programme that it lists. It does not decode pictures or sound.
//!
//! The tables are read by `mpeg2ts-reader`, which checks their CRC, collects those that span packets,
//! and takes stream types that it does not know; it ignores broken tables, and what is missing then
//! is an error here.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use mpeg2ts_reader::packet::{Packet, Pid};
use mpeg2ts_reader::psi::pat::{PatSection, ProgramDescriptor};
use mpeg2ts_reader::psi::pmt::PmtSection;
use mpeg2ts_reader::psi::{
    BufferSectionSyntaxParser, CrcCheckWholeSectionSyntaxPayloadParser, SectionCommonHeader,
    SectionPacketConsumer, SectionSyntaxSectionProcessor, TableSyntaxHeader,
    WholeSectionSyntaxPayloadParser,
};

/// What a transport stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How many packets of 188 bytes there are.
    pub packets: usize,
    /// The programmes that have a map table, by number.
    pub programmes: Vec<Programme>,
    /// How much footage there is by its own clock, a frame or so less than it plays. Zero if it
    /// carries no clock.
    pub duration: Duration,
}

/// One programme: for a clip, the camera's picture and, where it records sound, its sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    /// Its number in the Program Association Table.
    pub number: u16,
    /// The type of each of its elementary streams, in the order of its Program Map Table.
    pub streams: Vec<StreamType>,
}

/// The type of an elementary stream: `stream_type` of ISO/IEC 13818-1, table 2-34.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StreamType(pub u8);

impl StreamType {
    /// H.264 video.
    pub const H264: Self = Self(0x1b);
    /// H.265 video.
    pub const H265: Self = Self(0x24);
    /// AAC sound in ADTS frames.
    pub const AAC: Self = Self(0x0f);
}

impl fmt::Display for StreamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::H264 => f.write_str("H.264"),
            Self::H265 => f.write_str("H.265"),
            Self::AAC => f.write_str("AAC"),
            Self(other) => write!(f, "stream type {other:#04x}"),
        }
    }
}

impl fmt::Debug for StreamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Summary {
    /// As in `297 packets, programme 1: H.264, AAC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packets", self.packets)?;
        for programme in &self.programmes {
            write!(f, ", programme {}: ", programme.number)?;
            for (position, stream) in programme.streams.iter().enumerate() {
                let separator = if position == 0 { "" } else { ", " };
                write!(f, "{separator}{stream}")?;
            }
        }
        Ok(())
    }
}

/// Why bytes are not a usable transport stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMpegTs {
    /// There are no bytes.
    #[error("the file is empty: the clip may not be ready yet, so fetch it again in a few seconds")]
    Empty,
    /// It is an HTML page, as proxies and media hosts send for errors.
    #[error(
        "the file is an HTML page and not a clip: check the reply's status, and ask for a new URL \
         if this one has expired"
    )]
    HtmlPage,
    /// The first byte is not that of a transport stream packet.
    #[error(
        "the file is not an MPEG transport stream: it starts with byte {first:#04x} in place of 0x47"
    )]
    NotTransportStream {
        /// The first byte.
        first: u8,
    },
    /// A later packet does not start with the sync byte.
    #[error(
        "the file is damaged: packet {packet} (byte {offset}) does not start with 0x47; fetch it again",
        offset = packet * Packet::SIZE
    )]
    LostSync {
        /// The packet, counted from 0.
        packet: usize,
    },
    /// The file ends inside a packet.
    #[error(
        "the file is cut off: after {packets} whole packets come {rest} bytes of one; fetch it again"
    )]
    Truncated {
        /// The whole packets.
        packets: usize,
        /// The bytes that remain after them, 1 to 187.
        rest: usize,
    },
    /// No valid Program Association Table that lists a programme.
    #[error("no player can open the file: {packets} packets hold no valid programme list (PAT)")]
    NoPat {
        /// The packets searched.
        packets: usize,
    },
    /// No valid Program Map Table, with a stream in it, of a listed programme.
    #[error("no player can open the file: {packets} packets hold no valid programme map (PMT)")]
    NoPmt {
        /// The packets searched.
        packets: usize,
    },
}

/// Checks that `bytes` are a whole MPEG transport stream, and says what is in it.
///
/// # Errors
///
/// [`NotMpegTs`] says what is wrong with the first thing found wrong.
pub fn check(bytes: &[u8]) -> Result<Summary, NotMpegTs> {
    let mut checker = Checker::default();
    checker.push(bytes)?;
    checker.finish()
}

/// [`check`] for bytes that come in pieces, such as a download; it keeps less than a packet of them.
#[derive(Default)]
pub struct Checker {
    packets: usize,
    /// The start of a packet whose end has not come yet.
    rest: Vec<u8>,
    tables: TableReader,
    clock: Clock,
}

impl Checker {
    /// Takes the next bytes, however many.
    ///
    /// # Errors
    ///
    /// [`NotMpegTs`], as soon as it is certain that this is no transport stream.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), NotMpegTs> {
        if !self.rest.is_empty() {
            let missing = Packet::SIZE.saturating_sub(self.rest.len());
            let (head, tail) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
            self.rest.extend_from_slice(head);
            bytes = tail;
            if self.rest.len() == Packet::SIZE {
                let packet = std::mem::take(&mut self.rest);
                self.packet(&packet)?;
            }
        }
        if self.packets == 0
            && self.rest.is_empty()
            && let Some(&first) = bytes.first().filter(|first| **first != Packet::SYNC_BYTE)
        {
            return Err(if is_html(bytes) {
                NotMpegTs::HtmlPage
            } else {
                NotMpegTs::NotTransportStream { first }
            });
        }
        let (packets, rest) = bytes.as_chunks::<{ Packet::SIZE }>();
        for packet in packets {
            self.packet(packet)?;
        }
        self.rest.extend_from_slice(rest);
        Ok(())
    }

    fn packet(&mut self, bytes: &[u8]) -> Result<(), NotMpegTs> {
        let lost = NotMpegTs::LostSync {
            packet: self.packets,
        };
        let packet = Packet::try_new(bytes).ok_or(lost)?;
        self.packets += 1;
        self.tables.read(&packet);
        self.clock.read(&packet);
        Ok(())
    }

    /// Says what is in the whole of it.
    ///
    /// # Errors
    ///
    /// [`NotMpegTs`] if something is missing.
    pub fn finish(self) -> Result<Summary, NotMpegTs> {
        let (packets, rest) = (self.packets, self.rest.len());
        let found = self.tables.found;
        if packets == 0 && rest == 0 {
            return Err(NotMpegTs::Empty);
        }
        if rest > 0 {
            return Err(NotMpegTs::Truncated { packets, rest });
        }
        if found.pmt_pids.is_empty() {
            return Err(NotMpegTs::NoPat { packets });
        }
        if found.programmes.is_empty() {
            return Err(NotMpegTs::NoPmt { packets });
        }
        let programmes = found.programmes.into_iter();
        let programmes = programmes
            .map(|(number, streams)| Programme { number, streams })
            .collect();
        Ok(Summary {
            packets,
            programmes,
            duration: self.clock.elapsed(),
        })
    }
}

/// Adds up the programme clock references (PCR) of the first stream that carries any.
#[derive(Default)]
struct Clock {
    last: Option<(Pid, u64)>,
    ticks: u64,
}

impl Clock {
    const HERTZ: u64 = 27_000_000;
    /// References are 33 bits of 90 kHz, and a remainder of 300.
    const WRAPS: u64 = (1 << 33) * 300;
    /// The standard wants one every 100 ms. A step of more than this is no footage but a hole in it,
    /// or a clock that was set.
    const LONGEST_STEP: u64 = 5 * Self::HERTZ;

    fn read(&mut self, packet: &Packet<'_>) {
        let pid = packet.pid();
        if self.last.is_some_and(|(first, _)| first != pid) {
            return;
        }
        let field = packet.adaptation_field();
        let Some(now) = field.and_then(|field| field.pcr().ok()).map(u64::from) else {
            return;
        };
        if let Some((_, last)) = self.last {
            let step = (now + Self::WRAPS - last) % Self::WRAPS;
            if step <= Self::LONGEST_STEP {
                self.ticks += step;
            }
        }
        self.last = Some((pid, now));
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.ticks / (Self::HERTZ / 1_000_000))
    }
}

fn is_html(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    [&b"<!doctype html"[..], b"<html"].iter().any(|start| {
        text.get(..start.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(start))
    })
}

/// What the tables said so far.
#[derive(Default)]
struct Tables {
    pmt_pids: Vec<Pid>,
    programmes: BTreeMap<u16, Vec<StreamType>>,
}

/// Reads the tables as packets come by.
struct TableReader {
    pat: SectionReader,
    pmts: BTreeMap<u16, SectionReader>,
    found: Tables,
}

impl Default for TableReader {
    fn default() -> Self {
        Self {
            pat: section_reader(Table::Pat),
            pmts: BTreeMap::new(),
            found: Tables::default(),
        }
    }
}

impl TableReader {
    fn read(&mut self, packet: &Packet<'_>) {
        let pid = packet.pid();
        if pid == Pid::PAT {
            self.pat.consume(&mut self.found, packet);
        } else if self.found.pmt_pids.contains(&pid) {
            self.pmts
                .entry(u16::from(pid))
                .or_insert_with(|| section_reader(Table::Pmt))
                .consume(&mut self.found, packet);
        }
    }
}

#[derive(Clone, Copy)]
enum Table {
    Pat,
    Pmt,
}

impl Table {
    /// `table_id` of ISO/IEC 13818-1, table 2-31.
    fn id(self) -> u8 {
        match self {
            Self::Pat => 0x00,
            Self::Pmt => 0x02,
        }
    }
}

type SectionReader = SectionPacketConsumer<
    SectionSyntaxSectionProcessor<
        BufferSectionSyntaxParser<CrcCheckWholeSectionSyntaxPayloadParser<Table>>,
    >,
>;

fn section_reader(table: Table) -> SectionReader {
    let checked = CrcCheckWholeSectionSyntaxPayloadParser::new(table);
    let buffered = BufferSectionSyntaxParser::new(checked);
    SectionPacketConsumer::new(SectionSyntaxSectionProcessor::new(buffered))
}

impl WholeSectionSyntaxPayloadParser for Table {
    type Context = Tables;

    fn section<'a>(
        &mut self,
        found: &mut Tables,
        header: &SectionCommonHeader,
        table: &TableSyntaxHeader<'a>,
        section: &'a [u8],
    ) {
        const HEADERS: usize = SectionCommonHeader::SIZE + TableSyntaxHeader::SIZE;
        const CRC: usize = 4;
        let body = section
            .len()
            .checked_sub(CRC)
            .and_then(|end| section.get(HEADERS..end));
        let Some(body) = body.filter(|_| header.table_id == self.id()) else {
            return;
        };
        match self {
            Self::Pat => {
                for entry in PatSection::new(body).programs() {
                    if let ProgramDescriptor::Program { pid, .. } = entry
                        && !found.pmt_pids.contains(&pid)
                    {
                        found.pmt_pids.push(pid);
                    }
                }
            }
            Self::Pmt => {
                if let Ok(map) = PmtSection::from_bytes(body) {
                    let streams = map
                        .streams()
                        .map(|stream| StreamType(stream.stream_type().0))
                        .collect::<Vec<_>>();
                    if !streams.is_empty() {
                        found.programmes.insert(table.id(), streams);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mpeg2ts_reader::mpegts_crc;

    const CLIP: &[u8] = include_bytes!("../fixtures/clip.ts");

    /// The clip without the packets that `drop` picks by their PID.
    fn without(drop: impl Fn(u16) -> bool) -> Vec<u8> {
        let keep = |packet: &&[u8]| !drop(u16::from(Packet::new(packet).pid()));
        CLIP.chunks(Packet::SIZE)
            .filter(keep)
            .flatten()
            .copied()
            .collect()
    }

    #[test]
    fn the_clip_of_the_mock_is_h264_and_aac() {
        let summary = check(CLIP).unwrap();
        let streams = vec![StreamType::H264, StreamType::AAC];
        assert_eq!(summary.packets, CLIP.len() / 188);
        assert_eq!(summary.programmes, [Programme { number: 1, streams }]);
        assert_eq!(summary.duration.as_millis(), 3_933);
        assert_eq!(summary.to_string(), "297 packets, programme 1: H.264, AAC");
    }

    #[test]
    fn what_is_no_transport_stream_is_named() {
        let mut lost_sync = CLIP.to_vec();
        lost_sync[188 * 7] = 0x46;
        let mut bad_crc = CLIP.to_vec();
        for packet in bad_crc.chunks_mut(Packet::SIZE) {
            if Packet::new(packet).pid() == Pid::PAT {
                packet[5 + 8] ^= 1;
            }
        }
        let half = &CLIP[..188 * 9 + 100];
        let packets = without(|pid| pid == 0).len() / 188;
        let without_pmt = without(|pid| pid == 0x1000);
        let cases: [(&str, &[u8], NotMpegTs); 12] = [
            ("empty", b"", NotMpegTs::Empty),
            (
                "html",
                b"<html><body>502</body></html>",
                NotMpegTs::HtmlPage,
            ),
            (
                "html5",
                b"\r\n <!DOCTYPE html><title>Oops</title>",
                NotMpegTs::HtmlPage,
            ),
            (
                "json",
                b"{\"errors\":[]}",
                NotMpegTs::NotTransportStream { first: b'{' },
            ),
            (
                "mp4",
                b"\0\0\0\x18ftypmp42",
                NotMpegTs::NotTransportStream { first: 0 },
            ),
            (
                "text that starts with G",
                b"GIF89a",
                NotMpegTs::Truncated {
                    packets: 0,
                    rest: 6,
                },
            ),
            ("sync lost", &lost_sync, NotMpegTs::LostSync { packet: 7 }),
            (
                "cut off",
                half,
                NotMpegTs::Truncated {
                    packets: 9,
                    rest: 100,
                },
            ),
            (
                "no PAT",
                &without(|pid| pid == 0),
                NotMpegTs::NoPat { packets },
            ),
            (
                "PAT with a bad CRC",
                &bad_crc,
                NotMpegTs::NoPat { packets: 297 },
            ),
            (
                "no PMT",
                &without_pmt,
                NotMpegTs::NoPmt {
                    packets: without_pmt.len() / 188,
                },
            ),
            (
                "sync bytes only",
                &[0x47; 188 * 3],
                NotMpegTs::NoPat { packets: 3 },
            ),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(check(bytes), Err(expected), "{name}");
        }
    }

    #[test]
    fn pieces_of_any_size_are_as_good_as_the_whole() {
        let mut damaged = CLIP.to_vec();
        damaged[188 * 7] = 0x46;
        let cases: [&[u8]; 5] = [CLIP, &damaged, &CLIP[..1_000], b"<html>502</html>", b""];
        for bytes in cases {
            for size in [1, 7, 187, 188, 189, 1_000, 16_384] {
                // A page is known by its first bytes, which arrive together.
                if bytes.starts_with(b"<") && size < 7 {
                    continue;
                }
                let mut checker = Checker::default();
                let found = bytes
                    .chunks(size)
                    .try_for_each(|piece| checker.push(piece))
                    .and_then(|()| checker.finish());
                assert_eq!(found, check(bytes), "{} bytes by {size}", bytes.len());
            }
        }
    }

    /// The clip with `edit` done to each PMT section, under a valid CRC.
    fn with_pmt(edit: impl Fn(&mut [u8])) -> Vec<u8> {
        let mut clip = CLIP.to_vec();
        for packet in clip.chunks_mut(Packet::SIZE) {
            if u16::from(Packet::new(packet).pid()) == 0x1000 {
                let length = usize::from(packet[7]);
                let (section, crc) = packet[5..][..3 + length]
                    .split_last_chunk_mut::<4>()
                    .unwrap();
                edit(section);
                *crc = mpegts_crc::sum32(section).to_be_bytes();
            }
        }
        clip
    }

    #[test]
    fn only_a_programme_map_with_all_its_parts_counts() {
        assert_eq!(
            with_pmt(|_| ()),
            CLIP,
            "the CRC here is the one of the standard"
        );
        let (table_id, program_info_length, stream_type, es_info_length) = (0, 11, 12, 16);
        type Edit<'a> = &'a dyn Fn(&mut [u8]);
        let cases: [(&str, Edit<'_>, Result<&str, NotMpegTs>); 4] = [
            (
                "another table",
                &|pmt| pmt[table_id] = 0x42,
                Err(NotMpegTs::NoPmt { packets: 297 }),
            ),
            (
                "programme info longer than the table",
                &|pmt| pmt[program_info_length] = 0xff,
                Err(NotMpegTs::NoPmt { packets: 297 }),
            ),
            (
                "stream info longer than the table",
                &|pmt| pmt[es_info_length] = 0xff,
                Err(NotMpegTs::NoPmt { packets: 297 }),
            ),
            (
                "a stream type nobody has heard of",
                &|pmt| pmt[stream_type] = 0xd5,
                Ok("297 packets, programme 1: stream type 0xd5, AAC"),
            ),
        ];
        for (name, edit, expected) in cases {
            let found = check(&with_pmt(edit)).map(|summary| summary.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{name}");
        }
    }

    #[test]
    fn an_error_says_what_to_do() {
        assert_eq!(
            NotMpegTs::LostSync { packet: 7 }.to_string(),
            "the file is damaged: packet 7 (byte 1316) does not start with 0x47; fetch it again"
        );
    }
}
