//! Cuts a stream into access units: the NAL units of one picture each.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::codec::Codec;
use super::unit::Unit;
use crate::error::Limit;
use crate::transport::pes::Stamp;

/// The start code that precedes each NAL unit.
const START: &[u8] = &[0, 0, 1];
static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(START));
/// The bytes of a NAL unit that tell what it is.
const HEAD: usize = 8;
/// The most stamps that wait for their picture. Only those in the last bytes of the buffer do.
const MAX_MARKS: usize = 16;

/// Cuts a stream, in pieces of any size, into access units. Holds one of them.
pub(super) struct Units {
    codec: Codec,
    buffer: Vec<u8>,
    /// Up to where the buffer has been searched for start codes.
    searched: usize,
    /// Where in the buffer the start codes of this picture are.
    starts: Vec<usize>,
    /// A start code whose NAL unit is not known yet.
    pending: Option<usize>,
    /// Where the last slice of this picture starts in the picture, if there is one.
    last_first: Option<u32>,
    /// Where in the buffer a PES packet starts, and its times.
    marks: Vec<(usize, Option<Stamp>)>,
    stamp: Option<Stamp>,
    is_damaged: bool,
}

/// A picture as it stands in the stream.
pub(super) struct AccessUnit<'a> {
    bytes: &'a [u8],
    starts: &'a [usize],
    pub(super) stamp: Option<Stamp>,
    pub(super) is_damaged: bool,
}

impl AccessUnit<'_> {
    /// Its NAL units.
    pub(super) fn units(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.starts.iter().skip(1).copied();
        let ends = ends.chain([self.bytes.len()]);
        self.starts.iter().zip(ends).filter_map(|(start, end)| {
            let unit = self.bytes.get(start + START.len()..end)?;
            // Zeros may follow each unit.
            let used = unit.iter().rposition(|byte| *byte != 0)?;
            unit.get(..=used)
        })
    }
}

/// Takes access units.
pub(super) trait Found<E>: FnMut(AccessUnit<'_>) -> Result<(), E> {}
impl<E, F: FnMut(AccessUnit<'_>) -> Result<(), E>> Found<E> for F {}

impl Units {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            codec,
            buffer: Vec::new(),
            searched: 0,
            starts: Vec::new(),
            pending: None,
            last_first: None,
            marks: Vec::new(),
            stamp: None,
            is_damaged: false,
        }
    }

    /// A PES packet starts here. Its times are those of the first picture that starts in it.
    pub(super) fn mark(&mut self, stamp: Option<Stamp>) {
        if self.marks.len() == MAX_MARKS {
            self.marks.remove(0);
        }
        self.marks.push((self.buffer.len(), stamp));
    }

    /// The bytes here are damaged.
    pub(super) fn damage(&mut self) {
        self.is_damaged = true;
    }

    /// Gives each picture that is complete to `found`.
    pub(super) fn push<E: From<Limit>>(
        &mut self,
        data: &[u8],
        found: &mut impl Found<E>,
    ) -> Result<(), E> {
        self.buffer.extend_from_slice(data);
        let mut from = self.searched.saturating_sub(START.len() - 1);
        // A start code that is known is not found again.
        if let Some(last) = self.pending.or(self.starts.last().copied()) {
            from = from.max(last + 1);
        }
        while let Some(at) = self.find(from) {
            let moved = match self.pending.replace(at) {
                Some(before) => self.decide(before, at, found)?,
                None => 0,
            };
            let at = at - moved;
            self.pending = Some(at);
            from = at + START.len();
        }
        self.searched = self.buffer.len();
        if let Some(at) = self.pending
            && at + START.len() + HEAD <= self.buffer.len()
        {
            self.pending = None;
            self.decide(at, self.buffer.len(), found)?;
        }
        if self.starts.is_empty() && self.pending.is_none() {
            // What precedes the first start code.
            self.forget(self.buffer.len().saturating_sub(START.len() - 1));
        }
        if self.buffer.len() > Limit::PICTURE_BYTES {
            return Err(Limit::PictureBytes.into());
        }
        Ok(())
    }

    fn find(&self, from: usize) -> Option<usize> {
        let at = FINDER.find(self.buffer.get(from..)?)?;
        Some(from + at)
    }

    /// Looks at the NAL unit after the start code at `at`, as far as `end`. If a picture starts with it, the one
    /// before is complete and leaves the buffer. Says how many bytes left it.
    fn decide<E: From<Limit>>(
        &mut self,
        at: usize,
        end: usize,
        found: &mut impl Found<E>,
    ) -> Result<usize, E> {
        let start = at + START.len();
        let head = self.buffer.get(start..end.min(start + HEAD));
        let unit = self.codec.unit(head.unwrap_or_default());
        let mut moved = 0;
        let starts_picture = self
            .last_first
            .is_some_and(|last_first| unit.starts_picture(last_first));
        if starts_picture {
            self.emit(at, found)?;
        }
        if starts_picture || self.starts.is_empty() {
            self.forget(at);
            moved = at;
            self.starts.clear();
            self.last_first = None;
            self.stamp = self.take_mark();
        }
        if let Unit::Slice { first, .. } = unit {
            self.last_first = Some(first.min(u32::MAX - 1));
        }
        if self.starts.len() == Limit::PICTURE_UNITS {
            return Err(Limit::PictureUnits.into());
        }
        self.starts.push(at - moved);
        Ok(moved)
    }

    fn emit<E>(&mut self, end: usize, found: &mut impl Found<E>) -> Result<(), E> {
        found(AccessUnit {
            bytes: self.buffer.get(..end).unwrap_or_default(),
            starts: &self.starts,
            stamp: self.stamp.take(),
            is_damaged: std::mem::take(&mut self.is_damaged),
        })
    }

    /// Removes bytes from the start of the buffer.
    fn forget(&mut self, count: usize) {
        self.buffer.drain(..count.min(self.buffer.len()));
        self.searched = self.searched.saturating_sub(count);
        for (at, _) in &mut self.marks {
            *at = at.saturating_sub(count);
        }
    }

    /// The times of the PES packet in which the picture at the start of the buffer starts.
    fn take_mark(&mut self) -> Option<Stamp> {
        let count = self.marks.iter().take_while(|(at, _)| *at == 0).count();
        self.marks
            .drain(..count)
            .next_back()
            .and_then(|(_, stamp)| stamp)
    }

    /// Gives the last picture to `found`.
    pub(super) fn finish<E: From<Limit>>(&mut self, found: &mut impl Found<E>) -> Result<(), E> {
        if let Some(at) = self.pending.take() {
            self.decide(at, self.buffer.len(), found)?;
        }
        let end = self.buffer.len();
        match self.last_first.take() {
            Some(_) => self.emit(end, found),
            None => Ok(()),
        }
    }
}
