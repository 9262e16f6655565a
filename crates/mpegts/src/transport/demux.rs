//! Follows the tables to one program's video and sound.

use std::collections::BTreeMap;

use super::framing::Framing;
use super::packet::{NULL, PAT, Packet, SIZE};
use super::pes::{Part, PesReader, Stamp};
use super::section::SectionReader;
use super::tables::{Declared, MAX_PROGRAMS, Pat, Pmt};
use crate::check::NotMpegTs;
use crate::error::Error;
use crate::kind::StreamType;
use crate::sound::kind::{SoundCodec, declared_codec};
use crate::summary::Losses;

/// Takes the data of the streams.
pub(crate) trait Streams {
    /// A PES packet of the video starts.
    fn start_video(&mut self, kind: StreamType, stamp: Option<Stamp>) -> Result<(), Error>;
    fn video(&mut self, data: &[u8]) -> Result<(), Error>;
    /// Packets of the video are lost or damaged.
    fn damaged_video(&mut self);
    /// A PES packet of the sound starts.
    fn start_sound(&mut self, stamp: Option<Stamp>);
    fn sound(&mut self, data: &[u8]) -> Result<(), Error>;
}

/// The map of a program.
struct Map {
    program: u16,
    pid: u16,
}

/// A stream that is read.
struct Elementary {
    pid: u16,
    kind: StreamType,
    counter: Option<u8>,
    /// The payload of the last packet, to recognise a duplicate.
    last: Vec<u8>,
    is_discontinuity: bool,
    pes: PesReader,
}

/// A stream of sound that is not read, but for the start of its data.
pub(crate) struct OtherSound {
    pid: u16,
    /// `None` for private data, which may be sound.
    pub(crate) codec: Option<SoundCodec>,
    pes: PesReader,
    is_named: bool,
}

/// Reads the transport stream.
#[derive(Default)]
pub(crate) struct Demux {
    pub(crate) packets: u64,
    framing: Framing,
    first: Option<u8>,
    pat: SectionReader,
    maps: Vec<Map>,
    readers: BTreeMap<u16, SectionReader>,
    program: Option<u16>,
    video: Option<Elementary>,
    sound: Option<Elementary>,
    pub(crate) programs: BTreeMap<u16, Vec<StreamType>>,
    pub(crate) other_sounds: Vec<OtherSound>,
    pub(crate) other_videos: BTreeMap<u16, StreamType>,
    losses: Losses,
    /// The packets before the first map, which may be those of the first pictures.
    early: Vec<u8>,
}

/// The most bytes before the first map that are kept.
const MAX_EARLY: usize = (16 << 10) * SIZE;

impl Demux {
    pub(crate) fn push(&mut self, bytes: &[u8], streams: &mut impl Streams) -> Result<(), Error> {
        if let Some(first) = bytes.first() {
            self.first.get_or_insert(*first);
        }
        let mut framing = std::mem::take(&mut self.framing);
        let result = framing.push(bytes, &mut |packet| self.packet(packet, streams));
        self.framing = framing;
        if self.packets == 0 && self.framing.stray > super::framing::MAX_STRAY {
            return Err(self.no_stream().into());
        }
        result
    }

    pub(crate) fn finish(&mut self, streams: &mut impl Streams) -> Result<(), Error> {
        let mut framing = std::mem::take(&mut self.framing);
        let result = framing.finish(&mut |packet| self.packet(packet, streams));
        self.framing = framing;
        if self.packets == 0 {
            return Err(self.no_stream().into());
        }
        result
    }

    fn no_stream(&self) -> NotMpegTs {
        match self.first {
            None => NotMpegTs::Empty,
            Some(first) => NotMpegTs::NotTransportStream { first },
        }
    }

    /// The type of the video that is read.
    pub(crate) fn video(&self) -> Option<StreamType> {
        self.video.as_ref().map(|video| video.kind)
    }

    /// Whether the program has sound that is read.
    pub(crate) fn declares_sound(&self) -> bool {
        self.sound.is_some()
    }

    /// Whether the table of programs has been found.
    pub(crate) fn has_pat(&self) -> bool {
        !self.maps.is_empty()
    }

    pub(crate) fn losses(&self) -> Losses {
        Losses {
            stray_bytes: self.framing.stray,
            ..self.losses
        }
    }

    fn packet(&mut self, bytes: &[u8; SIZE], streams: &mut impl Streams) -> Result<(), Error> {
        self.packets += 1;
        let packet = Packet::new(bytes);
        let pid = packet.pid();
        if let Some(video) = self.video.as_mut().filter(|video| video.pid == pid) {
            let Some(payload) = video.accept(&packet, &mut self.losses, || streams.damaged_video())
            else {
                return Ok(());
            };
            let (kind, is_discontinuity) = (video.kind, &mut video.is_discontinuity);
            return video
                .pes
                .push(packet.starts_unit(), payload, &mut |part| match part {
                    Part::Data(data) => streams.video(data),
                    Part::Start(stamp) => {
                        let is_discontinuity = std::mem::take(is_discontinuity);
                        let stamp = stamp.map(|stamp| Stamp {
                            is_discontinuity,
                            ..stamp
                        });
                        streams.start_video(kind, stamp)
                    }
                });
        }
        if let Some(sound) = self.sound.as_mut().filter(|sound| sound.pid == pid) {
            let Some(payload) = sound.accept(&packet, &mut self.losses, || ()) else {
                return Ok(());
            };
            return sound
                .pes
                .push(packet.starts_unit(), payload, &mut |part| match part {
                    Part::Data(data) => streams.sound(data),
                    Part::Start(stamp) => {
                        streams.start_sound(stamp);
                        Ok(())
                    }
                });
        }
        if pid == PAT {
            let mut reader = std::mem::take(&mut self.pat);
            reader.push(&packet, &mut |section| self.read_pat(section));
            self.pat = reader;
        } else if let Some(mut reader) = self.readers.remove(&pid) {
            reader.push(&packet, &mut |section| self.read_pmt(pid, section));
            self.readers.insert(pid, reader);
            if self.video.is_some() {
                return self.replay(streams);
            }
        } else if self.video.is_none() && pid != NULL {
            if self.early.len() == MAX_EARLY {
                // What is kept is the end.
                self.early.drain(..MAX_EARLY / 2);
                self.losses.gaps += 1;
            }
            self.early.extend_from_slice(bytes);
        } else if let Some(other) = self.other_sounds.iter_mut().find(|other| other.pid == pid) {
            other.read(&packet);
            if self.sound.is_none() && other.codec == Some(SoundCodec::Aac) {
                // Some cameras declare AAC as private data.
                let sound = Elementary::new(pid, StreamType::AAC);
                self.other_sounds.retain(|other| other.pid != pid);
                self.sound = Some(sound);
                return self.packet_again(bytes, streams);
            }
        }
        Ok(())
    }

    /// Reads the packets that came before the map.
    fn replay(&mut self, streams: &mut impl Streams) -> Result<(), Error> {
        let early = std::mem::take(&mut self.early);
        for packet in early.as_chunks().0 {
            self.packet_again(packet, streams)?;
        }
        Ok(())
    }

    /// Reads a packet that is counted already.
    fn packet_again(
        &mut self,
        bytes: &[u8; SIZE],
        streams: &mut impl Streams,
    ) -> Result<(), Error> {
        self.packets -= 1;
        self.packet(bytes, streams)
    }

    fn read_pat(&mut self, section: &[u8]) {
        let Some(pat) = Pat::parse(section) else {
            return;
        };
        if pat.is_whole {
            self.maps.clear();
            let has = |wanted| pat.programs().any(|(program, _)| Some(program) == wanted);
            if !has(self.program) {
                self.program = None;
            }
        }
        for (program, pid) in pat.programs() {
            self.maps.retain(|map| map.program != program);
            if self.maps.len() < MAX_PROGRAMS {
                self.maps.push(Map { program, pid });
            }
        }
        let maps = &self.maps;
        self.readers
            .retain(|pid, _| maps.iter().any(|map| map.pid == *pid));
        for map in maps {
            self.readers.entry(map.pid).or_default();
        }
    }

    fn read_pmt(&mut self, pid: u16, section: &[u8]) {
        let Some(pmt) = Pmt::parse(section) else {
            return;
        };
        let is_listed = |map: &Map| map.program == pmt.program && map.pid == pid;
        if !self.maps.iter().any(is_listed) {
            return;
        }
        if self.programs.len() < MAX_PROGRAMS || self.programs.contains_key(&pmt.program) {
            let kinds = pmt.streams().map(|stream| stream.kind).collect();
            self.programs.insert(pmt.program, kinds);
        }
        if self.program.is_none() && choose(self.video.as_ref(), &pmt).is_some() {
            self.program = Some(pmt.program);
        }
        if self.program == Some(pmt.program) {
            let video = choose(self.video.as_ref(), &pmt);
            follow(&mut self.video, video);
            let aac = pmt.streams().find(|stream| stream.kind == StreamType::AAC);
            let still = |sound: &&mut Elementary| {
                pmt.streams()
                    .any(|stream| (stream.pid, stream.kind) == (sound.pid, sound.kind))
            };
            if self.sound.as_mut().filter(still).is_none() {
                follow(&mut self.sound, aac);
            }
            self.note_other_sounds(&pmt);
        }
        let is_read = |stream: &Declared<'_>| {
            self.video
                .as_ref()
                .is_some_and(|video| video.pid == stream.pid)
        };
        for stream in pmt.streams().filter(|stream| stream.kind.is_video()) {
            if !is_read(&stream) && self.other_videos.len() < MAX_PROGRAMS {
                self.other_videos.insert(stream.pid, stream.kind);
            }
        }
    }

    fn note_other_sounds(&mut self, pmt: &Pmt<'_>) {
        for stream in pmt.streams() {
            let is_read = self
                .sound
                .as_ref()
                .is_some_and(|sound| sound.pid == stream.pid);
            let is_known = self
                .other_sounds
                .iter()
                .any(|other| other.pid == stream.pid);
            let codec = declared_codec(stream.kind, stream.descriptors);
            if (codec.is_some() || stream.kind == StreamType::PRIVATE)
                && !is_read
                && !is_known
                && self.other_sounds.len() < MAX_PROGRAMS
            {
                self.other_sounds.push(OtherSound {
                    pid: stream.pid,
                    codec,
                    pes: PesReader::default(),
                    is_named: false,
                });
            }
        }
    }
}

/// The stream with the pictures: the one that is read already, else one of the same type, else the first.
fn choose<'a>(now: Option<&Elementary>, pmt: &Pmt<'a>) -> Option<Declared<'a>> {
    let first = |wanted: &dyn Fn(&Declared<'a>) -> bool| pmt.streams().find(wanted);
    match now {
        Some(now) => first(&|stream| (stream.pid, stream.kind) == (now.pid, now.kind))
            .or_else(|| first(&|stream| stream.kind == now.kind)),
        None => first(&|stream| matches!(stream.kind, StreamType::H264 | StreamType::H265))
            .or_else(|| first(&|stream| stream.kind.is_video())),
    }
}

/// Reads the declared stream from now on.
fn follow(now: &mut Option<Elementary>, declared: Option<Declared<'_>>) {
    if let Some(stream) = declared
        && now.as_ref().is_none_or(|now| now.pid != stream.pid)
    {
        *now = Some(Elementary::new(stream.pid, stream.kind));
    }
}

impl Elementary {
    fn new(pid: u16, kind: StreamType) -> Self {
        Self {
            pid,
            kind,
            counter: None,
            last: Vec::new(),
            is_discontinuity: false,
            pes: PesReader::default(),
        }
    }

    /// The payload of a packet, unless it is a duplicate or scrambled. Counts what is lost.
    fn accept<'a>(
        &mut self,
        packet: &Packet<'a>,
        losses: &mut Losses,
        damaged: impl FnOnce(),
    ) -> Option<&'a [u8]> {
        self.is_discontinuity |= packet.is_discontinuity();
        let payload = packet.payload()?;
        if packet.is_scrambled() {
            losses.scrambled_packets += 1;
            return None;
        }
        let counter = packet.counter();
        let before = self.counter.replace(counter);
        if before == Some(counter) && self.last == payload {
            return None;
        }
        let missing = before.map_or(0, |before| counter.wrapping_sub(before + 1) & 0x0f);
        let is_gap = missing > 0 && !packet.is_discontinuity();
        losses.gaps += u64::from(is_gap);
        losses.damaged_packets += u64::from(packet.has_error());
        if is_gap || packet.has_error() {
            damaged();
        }
        self.last.clear();
        self.last.extend_from_slice(payload);
        Some(payload)
    }
}

impl OtherSound {
    /// Looks into the first frame: the type of a stream does not tell the layers of MPEG sound apart.
    fn read(&mut self, packet: &Packet<'_>) {
        if self.is_named {
            return;
        }
        let (codec, is_named) = (&mut self.codec, &mut self.is_named);
        let payload = packet.payload().unwrap_or_default();
        let _: Result<(), ()> = self.pes.push(packet.starts_unit(), payload, &mut |part| {
            if let Part::Data(data) = part
                && !*is_named
            {
                *is_named = true;
                *codec = SoundCodec::refine(*codec, data);
            }
            Ok(())
        });
    }
}
