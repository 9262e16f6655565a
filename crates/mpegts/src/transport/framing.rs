//! Finds the packets, and finds them again after other bytes.

use super::packet::{SIZE, SYNC};

/// The distances between packets that are in use: 4 bytes of time (M2TS) or 16 of error correction may lie between.
const STRIDES: [usize; 3] = [SIZE, SIZE + 4, SIZE + 16];
/// How far ahead the sync bytes of two further packets can be.
const AHEAD: usize = 2 * (SIZE + 16);
/// The most bytes before the first packet.
pub(crate) const MAX_STRAY: u64 = 64 << 10;
/// How much of a new piece joins the bytes that are left from the last.
const JOIN: usize = 2048;

/// Cuts a stream into packets, in pieces of any size. Holds less than 3 KiB.
pub(crate) struct Framing {
    rest: Vec<u8>,
    stride: usize,
    /// Bytes to pass over before the next packet.
    skip: usize,
    is_hunting: bool,
    /// The bytes that are in no packet.
    pub(crate) stray: u64,
}

impl Default for Framing {
    fn default() -> Self {
        Self {
            rest: Vec::new(),
            stride: SIZE,
            skip: 0,
            is_hunting: true,
            stray: 0,
        }
    }
}

impl Framing {
    /// Gives each packet to `found`.
    pub(crate) fn push<E>(
        &mut self,
        mut bytes: &[u8],
        found: &mut impl FnMut(&[u8; SIZE]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !self.rest.is_empty() && !bytes.is_empty() {
            let (head, tail) = bytes.split_at_checked(JOIN).unwrap_or((bytes, &[]));
            let mut joined = std::mem::take(&mut self.rest);
            joined.extend_from_slice(head);
            let used = self.consume(&joined, false, found)?;
            let left = joined.len() - used;
            if let Some(back) = head.len().checked_sub(left) {
                // What is left is in the new piece.
                bytes = bytes.get(back..).unwrap_or_default();
                break;
            }
            joined.drain(..used);
            self.rest = joined;
            bytes = tail;
        }
        let used = self.consume(bytes, false, found)?;
        self.rest
            .extend_from_slice(bytes.get(used..).unwrap_or_default());
        Ok(())
    }

    /// Gives the last packets to `found`.
    pub(crate) fn finish<E>(
        &mut self,
        found: &mut impl FnMut(&[u8; SIZE]) -> Result<(), E>,
    ) -> Result<(), E> {
        let rest = std::mem::take(&mut self.rest);
        let used = self.consume(&rest, true, found)?;
        self.stray += (rest.len() - used) as u64;
        Ok(())
    }

    fn consume<E>(
        &mut self,
        bytes: &[u8],
        is_last: bool,
        found: &mut impl FnMut(&[u8; SIZE]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut used = 0;
        loop {
            let skip = self.skip.min(bytes.len() - used);
            used += skip;
            self.skip -= skip;
            let here = bytes.get(used..).unwrap_or_default();
            match here.first() {
                None => return Ok(used),
                Some(&SYNC) if !self.is_hunting => {
                    let Some(packet) = here.first_chunk() else {
                        return Ok(used);
                    };
                    found(packet)?;
                    used += SIZE;
                    self.skip = self.stride - SIZE;
                }
                Some(_) => {
                    let (passed, stride) = hunt(here, is_last);
                    used += passed;
                    self.stray += passed as u64;
                    self.is_hunting = stride.is_none();
                    match stride {
                        Some(stride) => self.stride = stride,
                        None => return Ok(used),
                    }
                }
            }
        }
    }
}

/// The number of bytes before the next packet, and the distance between packets. Without one, the bytes that
/// cannot start a packet.
fn hunt(bytes: &[u8], is_last: bool) -> (usize, Option<usize>) {
    let starts = match is_last {
        true => (bytes.len() + 1).saturating_sub(SIZE),
        false => bytes.len().saturating_sub(AHEAD),
    };
    for start in 0..starts {
        let is_sync = |at: usize| bytes.get(start + at).is_none_or(|byte| *byte == SYNC);
        if !is_sync(0) {
            continue;
        }
        let fits = |stride: &usize| is_sync(*stride) && is_sync(2 * stride);
        if let Some(stride) = STRIDES.into_iter().find(fits) {
            return (start, Some(stride));
        }
    }
    (starts, None)
}
