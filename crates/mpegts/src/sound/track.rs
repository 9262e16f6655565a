//! Cuts AAC into frames, and places them in time.

use super::adts::{self, AacConfig, HEADER};
use crate::clock::{Clock, HERTZ, Line};
use crate::sample::{Sample, Track};
use crate::transport::pes::Stamp;

/// The most stamps that wait for their frame.
const MAX_MARKS: usize = 16;

/// The track of sound.
pub(crate) struct Sound {
    config: Option<AacConfig>,
    /// Whether the sound cannot be described in MP4.
    pub(crate) is_undescribed: bool,
    pub(crate) frames: u64,
    /// The bytes and frames that are left out because they are damaged, or encoded in another way than the first.
    pub(crate) dropped: u64,
    buffer: Vec<u8>,
    /// Where in the buffer a PES packet starts, and its time.
    marks: Vec<(usize, i64)>,
    line: Line,
    /// When the next frame is expected, in samples.
    next: Option<i64>,
}

impl Default for Sound {
    fn default() -> Self {
        Self {
            config: None,
            is_undescribed: false,
            frames: 0,
            dropped: 0,
            buffer: Vec::new(),
            marks: Vec::new(),
            line: Line::of_sound(),
            next: None,
        }
    }
}

impl Sound {
    pub(crate) fn config(&self) -> Option<AacConfig> {
        self.config
    }

    pub(crate) fn start(&mut self, stamp: Option<Stamp>) {
        if let Some(stamp) = stamp {
            if self.marks.len() == MAX_MARKS {
                self.marks.remove(0);
            }
            self.marks.push((self.buffer.len(), stamp.pts));
        }
    }

    /// Gives each frame that is complete to `found`.
    pub(crate) fn push<E>(
        &mut self,
        data: &[u8],
        clock: &mut Clock,
        found: &mut impl FnMut(Sample, &[u8], AacConfig) -> Result<(), E>,
    ) -> Result<(), E> {
        self.buffer.extend_from_slice(data);
        let buffer = std::mem::take(&mut self.buffer);
        let mut used = 0;
        let mut result = Ok(());
        while result.is_ok()
            && let Some(rest) = buffer.get(used..).filter(|rest| rest.len() >= HEADER)
        {
            let Some(frame) = adts::frame(rest).filter(|frame| self.accepts(frame.config)) else {
                // To the next byte that may start a frame.
                let next = rest.iter().skip(1).position(|byte| *byte == 0xff);
                used += next.map_or(rest.len(), |next| next + 1);
                self.dropped += 1;
                continue;
            };
            let Some(data) = rest.get(frame.header..frame.length) else {
                break;
            };
            let mark = self.take_mark(used);
            used += frame.length;
            if let Some(dts) = self.place(mark, frame.config, clock) {
                self.next = Some(dts + i64::from(frame.samples));
                self.frames += 1;
                let sample = Sample {
                    track: Track::Sound,
                    dts,
                    offset: 0,
                    is_key: true,
                    description: 0,
                    duration: frame.samples,
                    size: u32::try_from(data.len()).unwrap_or(u32::MAX),
                };
                result = found(sample, data, frame.config);
            } else {
                self.dropped += 1;
            }
        }
        self.buffer = buffer;
        self.buffer.drain(..used);
        for (at, _) in &mut self.marks {
            *at = at.saturating_sub(used);
        }
        result
    }

    /// Ends the sound. What is left is a frame without its end.
    pub(crate) fn finish(&mut self) {
        self.dropped += u64::from(!self.buffer.is_empty());
    }

    /// A track is encoded in one way. What looks like another is damaged.
    fn accepts(&mut self, config: AacConfig) -> bool {
        if config.channels().is_none() {
            self.is_undescribed |= self.config.is_none();
            return false;
        }
        *self.config.get_or_insert(config) == config
    }

    /// The last stamp of a PES packet that starts at or before this place in the buffer.
    fn take_mark(&mut self, at: usize) -> Option<i64> {
        let count = self
            .marks
            .iter()
            .take_while(|(mark, _)| *mark <= at)
            .count();
        self.marks.drain(..count).next_back().map(|(_, pts)| pts)
    }

    /// When a frame is played. Frames follow each other; a stamp moves one only if it is off by more than a frame.
    fn place(&mut self, mark: Option<i64>, config: AacConfig, clock: &mut Clock) -> Option<i64> {
        let rate = i64::from(config.rate);
        let Some(pts) = mark else {
            return self.next;
        };
        let expected = self.next.map(|next| next * HERTZ / rate);
        let time = clock.place(&mut self.line, pts, expected, false);
        let at = (time * rate + HERTZ / 2).div_euclid(HERTZ);
        Some(match self.next {
            Some(next) if (at - next).abs() <= 1024 => next,
            // Not before the frame that was placed last.
            Some(next) => at.max(next - 1023),
            None => at,
        })
    }
}
