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

#![forbid(unsafe_code)]

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
mod tests;
