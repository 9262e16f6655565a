//! Checks that bytes are an MPEG transport stream, the format of Meraki's clips.
//!
//! A status of 200 does not prove that a media host sent a clip: it may send an empty file or an HTML error
//! page. [`check`] therefore requires what every player needs (ISO/IEC 13818-1):
//!
//! - nothing but whole packets of 188 bytes, each starting with the sync byte;
//! - a Program Association Table (PAT);
//! - the Program Map Table (PMT) of a program in the PAT.
//!
//! It does not decode video or audio.
//!
//! `mpeg2ts-reader` parses the tables. It checks their CRC, joins tables that span packets and accepts
//! unknown stream types. It ignores broken tables, so a broken table counts as missing here.

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

/// The content of a transport stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The number of packets of 188 bytes.
    pub packets: usize,
    /// The programs that have a Program Map Table, ordered by number.
    pub programs: Vec<Program>,
    /// The duration by the stream's program clock, about one frame shorter than the playing time. Zero if
    /// the stream has no clock.
    pub duration: Duration,
}

/// A program. In a clip it holds the camera's video and, if the camera records audio, its audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
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
    /// As in `297 packets, program 1: H.264, AAC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packets", self.packets)?;
        for program in &self.programs {
            write!(f, ", program {}: ", program.number)?;
            for (position, stream) in program.streams.iter().enumerate() {
                let separator = if position == 0 { "" } else { ", " };
                write!(f, "{separator}{stream}")?;
            }
        }
        Ok(())
    }
}

/// Why bytes are not a usable transport stream.
///
/// Each message says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotMpegTs {
    /// There are no bytes.
    #[error("the file is empty: the clip may not be ready yet, so try again in a few seconds")]
    Empty,
    /// The bytes are an HTML page, such as the error page of a proxy or a media host.
    #[error(
        "the file is an HTML page: the URL may have expired, or a proxy may have answered in place of the \
         media host"
    )]
    HtmlPage,
    /// The first byte is not that of a transport stream packet.
    #[error(
        "the file is not an MPEG transport stream: it starts with byte {first:#04x} instead of 0x47"
    )]
    NotTransportStream {
        /// The first byte.
        first: u8,
    },
    /// A later packet does not start with the sync byte.
    #[error(
        "the file is damaged: packet {packet} (at byte {offset}) does not start with 0x47; download it again",
        offset = packet * Packet::SIZE
    )]
    LostSync {
        /// The packet, counted from 0.
        packet: usize,
    },
    /// The file ends inside a packet.
    #[error(
        "the file is truncated: {packets} packets are followed by {rest} bytes of another; download it again"
    )]
    Truncated {
        /// The number of whole packets.
        packets: usize,
        /// The number of bytes after them, 1 to 187.
        rest: usize,
    },
    /// No valid Program Association Table that lists a program.
    #[error(
        "the file is not playable: none of its {packets} packets holds a valid program list (PAT)"
    )]
    NoPat {
        /// The number of packets searched.
        packets: usize,
    },
    /// No listed program has a valid Program Map Table that names a stream.
    #[error(
        "the file is not playable: none of its {packets} packets holds a valid program map (PMT)"
    )]
    NoPmt {
        /// The number of packets searched.
        packets: usize,
    },
}

/// Checks that `bytes` are a complete MPEG transport stream, and summarises its content.
///
/// # Errors
///
/// [`NotMpegTs`] describes the first problem found.
pub fn check(bytes: &[u8]) -> Result<Summary, NotMpegTs> {
    let mut checker = Checker::default();
    checker.push(bytes)?;
    checker.finish()
}

/// Like [`check`], for bytes that arrive in pieces. It buffers less than one packet.
#[derive(Default)]
pub struct Checker {
    packets: usize,
    /// The start of a packet whose end has not arrived yet.
    rest: Vec<u8>,
    tables: TableReader,
    clock: Clock,
}

impl Checker {
    /// Adds the next bytes.
    ///
    /// # Errors
    ///
    /// [`NotMpegTs`] as soon as the bytes cannot be a transport stream.
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

    /// Ends the stream and summarises its content.
    ///
    /// # Errors
    ///
    /// [`NotMpegTs`] if the stream is incomplete.
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
        if found.programs.is_empty() {
            return Err(NotMpegTs::NoPmt { packets });
        }
        let programs = found.programs.into_iter();
        let programs = programs
            .map(|(number, streams)| Program { number, streams })
            .collect();
        Ok(Summary {
            packets,
            programs,
            duration: self.clock.elapsed(),
        })
    }
}

/// Adds up the program clock references (PCR) of the first stream that carries any.
#[derive(Default)]
struct Clock {
    last: Option<(Pid, u64)>,
    ticks: u64,
}

impl Clock {
    const HERTZ: u64 = 27_000_000;
    /// A reference is a 33-bit counter of 90 kHz and an extension of 0 to 299.
    const WRAPS: u64 = (1 << 33) * 300;
    /// The standard requires a reference every 100 ms. A longer step than this is a gap in the footage or a
    /// clock that was set anew, so it does not count.
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

/// The content of the tables read so far.
#[derive(Default)]
struct Tables {
    pmt_pids: Vec<Pid>,
    programs: BTreeMap<u16, Vec<StreamType>>,
}

/// Collects the tables from the packets.
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
                        found.programs.insert(table.id(), streams);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
