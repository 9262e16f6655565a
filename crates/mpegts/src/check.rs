//! The check that decides whether bytes are a clip.

use crate::kind::StreamType;
use crate::transport::packet::{PAT, Packet, SIZE, SYNC};
use crate::transport::section::SectionReader;
use crate::transport::tables::{MAX_STREAMS, Pat, Pmt};

/// The most bytes before the first packet that are ignored.
const MAX_STRAY: u8 = 187;

/// Why bytes are not a clip.
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
        "the file is damaged: packet {packet} (at byte {offset}) does not start with 0x47; download it again"
    )]
    LostSync {
        /// The packet, counted from 0.
        packet: u64,
        /// The byte, counted from 0.
        offset: u64,
    },
    /// The file ends inside a packet.
    #[error(
        "the file is truncated: {packets} packets are followed by {rest} bytes of another; download it again"
    )]
    Truncated {
        /// The number of whole packets.
        packets: u64,
        /// The number of bytes after them, 1 to 187.
        rest: usize,
    },
    /// No valid Program Association Table that lists a program.
    #[error(
        "the file is not playable: none of its {packets} packets holds a valid program list (PAT)"
    )]
    NoPat {
        /// The number of packets searched.
        packets: u64,
    },
    /// No listed program has a valid Program Map Table that names a stream.
    #[error(
        "the file is not playable: none of its {packets} packets holds a valid program map (PMT)"
    )]
    NoPmt {
        /// The number of packets searched.
        packets: u64,
    },
    /// No packet holds a picture that could be shown.
    #[error(
        "the file has no picture in its {packets} packets: the camera may have no footage of that time; try \
         another window"
    )]
    NoPicture {
        /// The number of packets searched.
        packets: u64,
    },
}

/// Checks that bytes, which arrive in pieces, are a clip.
///
/// A clip is a sequence of whole packets with a Program Association Table, a Program Map Table, and at least one
/// picture of a video stream that this map names. Up to 187 bytes that are no text may precede the first packet.
///
/// It holds one packet and the unfinished sections of the tables. When it has found a picture, it looks at the first
/// byte of each packet only.
#[derive(Clone, Default)]
pub struct Checker {
    packets: u64,
    /// The bytes before the first packet.
    stray: u8,
    first: Option<u8>,
    /// The start of a packet whose end has not arrived yet.
    rest: Vec<u8>,
    search: Search,
}

impl Checker {
    /// Checks the next bytes.
    ///
    /// # Errors
    ///
    /// [`NotMpegTs`] as soon as the bytes cannot be a clip.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), NotMpegTs> {
        if self.packets == 0 && self.rest.is_empty() {
            bytes = self.skip_stray(bytes)?;
        }
        if !self.rest.is_empty() {
            let missing = SIZE.saturating_sub(self.rest.len());
            let (head, tail) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
            self.rest.extend_from_slice(head);
            bytes = tail;
            if self.rest.len() < SIZE {
                return Ok(());
            }
            let packet = std::mem::take(&mut self.rest);
            if let Some(packet) = packet.first_chunk() {
                self.packet(packet)?;
            }
        }
        let (packets, rest) = bytes.as_chunks();
        for packet in packets {
            self.packet(packet)?;
        }
        // So that a wrong byte is found when it arrives.
        if rest.first().is_some_and(|first| *first != SYNC) {
            return Err(self.lost_sync());
        }
        self.rest.extend_from_slice(rest);
        Ok(())
    }

    /// Skips what precedes the first packet. A text is not skipped: it is an error page.
    fn skip_stray<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], NotMpegTs> {
        for (index, byte) in bytes.iter().enumerate() {
            let first = *self.first.get_or_insert(*byte);
            match *byte {
                SYNC => return Ok(bytes.get(index..).unwrap_or_default()),
                byte if byte.is_ascii_graphic() || self.stray == MAX_STRAY => {
                    return Err(NotMpegTs::NotTransportStream { first });
                }
                _ => self.stray += 1,
            }
        }
        Ok(&[])
    }

    fn packet(&mut self, bytes: &[u8; SIZE]) -> Result<(), NotMpegTs> {
        if bytes[0] != SYNC {
            return Err(self.lost_sync());
        }
        self.packets += 1;
        if !self.search.has_picture {
            self.search.packet(&Packet::new(bytes));
        }
        Ok(())
    }

    fn lost_sync(&self) -> NotMpegTs {
        let packet = self.packets;
        let offset = packet * SIZE as u64 + u64::from(self.stray);
        NotMpegTs::LostSync { packet, offset }
    }

    /// The number of bytes before the first packet.
    pub fn stray(&self) -> u8 {
        self.stray
    }

    /// Whether the first packet has started.
    pub fn has_started(&self) -> bool {
        self.packets > 0 || !self.rest.is_empty()
    }

    /// Ends the check.
    ///
    /// # Errors
    ///
    /// [`NotMpegTs`] if the clip is incomplete, or holds no picture.
    pub fn finish(self) -> Result<(), NotMpegTs> {
        let (packets, rest) = (self.packets, self.rest.len());
        if rest > 0 {
            return Err(NotMpegTs::Truncated { packets, rest });
        }
        if packets == 0 {
            return Err(match self.first {
                None => NotMpegTs::Empty,
                Some(first) => NotMpegTs::NotTransportStream { first },
            });
        }
        let search = self.search;
        if search.has_picture {
            return Ok(());
        }
        Err(match (search.has_pat, search.has_map) {
            (false, _) => NotMpegTs::NoPat { packets },
            (true, false) => NotMpegTs::NoPmt { packets },
            (true, true) => NotMpegTs::NoPicture { packets },
        })
    }
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Checker({} packets)", self.packets)
    }
}

/// Follows the tables to the first picture.
#[derive(Clone, Default)]
struct Search {
    pat: SectionReader,
    streams: Vec<Stream>,
    has_pat: bool,
    has_map: bool,
    has_picture: bool,
}

/// A stream that is read.
#[derive(Clone)]
struct Stream {
    pid: u16,
    role: Role,
}

#[derive(Clone)]
enum Role {
    /// The map of a program.
    Map(SectionReader),
    /// A video, with the last bytes that were read.
    Video(StreamType, u32),
}

impl Search {
    fn packet(&mut self, packet: &Packet<'_>) {
        let pid = packet.pid();
        if pid == PAT {
            let mut reader = std::mem::take(&mut self.pat);
            reader.push(packet, &mut |section| self.read_pat(section));
            self.pat = reader;
            return;
        }
        let Some(index) = self.streams.iter().position(|stream| stream.pid == pid) else {
            return;
        };
        let mut map = match self.streams.get_mut(index).map(|stream| &mut stream.role) {
            Some(Role::Map(reader)) => std::mem::take(reader),
            Some(Role::Video(kind, window)) if !packet.is_scrambled() => {
                let payload = packet.payload().unwrap_or_default();
                self.has_picture = has_picture(*kind, window, payload);
                return;
            }
            _ => return,
        };
        map.push(packet, &mut |section| self.read_pmt(section));
        if let Some(stream) = self.streams.get_mut(index) {
            stream.role = Role::Map(map);
        }
    }

    fn read_pat(&mut self, section: &[u8]) {
        if let Some(pat) = Pat::parse(section) {
            for (_, pid) in pat.programs() {
                self.has_pat = true;
                self.add(pid, Role::Map(SectionReader::default()));
            }
        }
    }

    fn read_pmt(&mut self, section: &[u8]) {
        if let Some(pmt) = Pmt::parse(section) {
            self.has_map = true;
            for stream in pmt.streams().filter(|stream| stream.kind.is_video()) {
                self.add(stream.pid, Role::Video(stream.kind, u32::MAX));
            }
        }
    }

    fn add(&mut self, pid: u16, role: Role) {
        let is_known = self.streams.iter().any(|stream| stream.pid == pid);
        if !is_known && self.streams.len() < MAX_STREAMS {
            self.streams.push(Stream { pid, role });
        }
    }
}

/// Whether a picture starts in these bytes, or at the end of those before.
fn has_picture(kind: StreamType, window: &mut u32, bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| {
        let code = *byte;
        let follows_start = *window & 0x00ff_ffff == 1;
        *window = (*window << 8) | u32::from(code);
        follows_start && kind.starts_picture(code)
    })
}
