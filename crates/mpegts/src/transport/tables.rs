//! The tables that name programs and their streams.

use crate::kind::StreamType;

/// The most programs of a stream that are read.
pub(crate) const MAX_PROGRAMS: usize = 64;
/// The most streams that are read.
pub(crate) const MAX_STREAMS: usize = 128;

/// What precedes the entries of a table: eight bytes.
struct Table<'a> {
    /// `program_number`, or `transport_stream_id`.
    id: u16,
    /// The number of the table's last section.
    last: u8,
    body: &'a [u8],
}

fn table(section: &[u8], table_id: u8) -> Option<Table<'_>> {
    match section {
        // The bit says that the table is in force; the next one may be announced.
        [id, _, _, a, b, flags, _, last, body @ ..] if *id == table_id && flags & 1 == 1 => {
            Some(Table {
                id: u16::from_be_bytes([*a, *b]),
                last: *last,
                body,
            })
        }
        _ => None,
    }
}

/// A section of the Program Association Table.
pub(crate) struct Pat<'a> {
    entries: &'a [[u8; 4]],
    /// Whether the section is the whole table.
    pub(crate) is_whole: bool,
}

impl<'a> Pat<'a> {
    pub(crate) fn parse(section: &'a [u8]) -> Option<Self> {
        let table = table(section, 0)?;
        Some(Self {
            entries: table.body.as_chunks().0,
            is_whole: table.last == 0,
        })
    }

    /// The number of each program, and the PID of its map.
    pub(crate) fn programs(&self) -> impl Iterator<Item = (u16, u16)> + 'a {
        self.entries.iter().filter_map(|[a, b, c, d]| {
            let program = u16::from_be_bytes([*a, *b]);
            (program != 0).then_some((program, u16::from_be_bytes([c & 0x1f, *d])))
        })
    }
}

/// A stream of a program, as its map declares it.
pub(crate) struct Declared<'a> {
    pub(crate) kind: StreamType,
    pub(crate) pid: u16,
    pub(crate) descriptors: &'a [u8],
}

/// The Program Map Table of one program.
pub(crate) struct Pmt<'a> {
    pub(crate) program: u16,
    streams: &'a [u8],
}

impl<'a> Pmt<'a> {
    /// Is `None` unless the map names a stream, and all its parts are in it.
    pub(crate) fn parse(section: &'a [u8]) -> Option<Self> {
        let table = table(section, 2)?;
        let [_, _, a, b, body @ ..] = table.body else {
            return None;
        };
        let pmt = Self {
            program: table.id,
            streams: body.get(length(*a, *b)..)?,
        };
        let mut rest = pmt.streams;
        while !rest.is_empty() {
            (_, rest) = stream(rest)?;
        }
        (!pmt.streams.is_empty()).then_some(pmt)
    }

    pub(crate) fn streams(&self) -> impl Iterator<Item = Declared<'a>> + 'a {
        let mut rest = self.streams;
        std::iter::from_fn(move || {
            let (declared, tail) = stream(rest)?;
            rest = tail;
            Some(declared)
        })
        .take(MAX_STREAMS)
    }
}

fn stream(bytes: &[u8]) -> Option<(Declared<'_>, &[u8])> {
    let [kind, a, b, c, d, rest @ ..] = bytes else {
        return None;
    };
    let (descriptors, rest) = rest.split_at_checked(length(*c, *d))?;
    let declared = Declared {
        kind: StreamType(*kind),
        pid: u16::from_be_bytes([a & 0x1f, *b]),
        descriptors,
    };
    Some((declared, rest))
}

fn length(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high & 0x0f, low]))
}
