//! The sample table of a track: built sample by sample, and written as `stbl`.

use super::boxes::Boxes;
use crate::error::Limit;
use crate::sample::Sample;

/// Values that follow each other: how many are equal, and their value.
#[derive(Clone, Debug, Default)]
struct Runs(Vec<(u32, u32)>);

impl Runs {
    fn add(&mut self, value: u32) {
        match self.0.last_mut() {
            Some((count, last)) if *last == value => *count += 1,
            _ => self.0.push((1, value)),
        }
    }

    fn write(&self, boxes: &mut Boxes<'_>) {
        boxes.u32(length(&self.0));
        for (count, value) in &self.0 {
            boxes.u32(*count);
            boxes.u32(*value);
        }
    }
}

fn length<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

/// What is known of the samples of a track. At most 32 bytes a sample; 5 in footage, whose times are regular.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    sizes: Vec<u32>,
    durations: Runs,
    offsets: Runs,
    /// The samples from which decoding can start, from 1.
    keys: Vec<u32>,
    descriptions: Runs,
    first_dts: Option<i64>,
    last_dts: i64,
    last_duration: u32,
    /// The first sample that is shown, and the end of the last.
    shown: (i64, i64),
}

impl Table {
    pub(crate) fn add(&mut self, sample: &Sample) -> Result<(), Limit> {
        if self.sizes.len() == Limit::SAMPLES {
            return Err(Limit::Samples);
        }
        let pts = sample.dts + i64::from(sample.offset);
        if self.first_dts.is_none() {
            self.first_dts = Some(sample.dts);
            self.shown = (pts, pts);
        } else {
            self.durations.add(step(self.last_dts, sample.dts));
        }
        self.shown.0 = self.shown.0.min(pts);
        self.shown.1 = self.shown.1.max(pts);
        self.last_dts = sample.dts;
        self.last_duration = sample.duration;
        self.sizes.push(sample.size);
        self.offsets.add(sample.offset);
        self.descriptions.add(sample.description);
        if sample.is_key {
            self.keys.push(length(&self.sizes));
        }
        Ok(())
    }

    /// Ends the table: how long the last sample lasts, unless it says so itself.
    pub(crate) fn finish(&mut self, duration: Option<u32>) {
        let last = duration.unwrap_or(self.last_duration).max(1);
        self.durations.add(last);
        self.shown.1 += i64::from(last);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    pub(crate) fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// When the first sample is shown, in ticks of the track.
    pub(crate) fn shown_from(&self) -> i64 {
        self.shown.0
    }

    /// How long the samples are shown, in ticks of the track.
    pub(crate) fn shown_for(&self) -> u64 {
        u64::try_from(self.shown.1 - self.shown.0).unwrap_or(0)
    }

    /// How much later than its decoding the first sample is shown.
    pub(crate) fn delay(&self) -> u64 {
        let first = self.first_dts.unwrap_or(self.shown.0);
        u64::try_from(self.shown.0 - first).unwrap_or(0)
    }

    /// The sum of the durations.
    pub(crate) fn duration(&self) -> u64 {
        let runs = self.durations.0.iter();
        runs.map(|(count, value)| u64::from(*count) * u64::from(*value))
            .sum()
    }

    /// The boxes of `stbl` but `stsd`. A chunk is where it starts, and how many samples it has.
    pub(super) fn write(&self, boxes: &mut Boxes<'_>, chunks: &[(u64, u32)], is_large: bool) {
        boxes.full(b"stts", 0, 0, |boxes| self.durations.write(boxes));
        if self.offsets.0.iter().any(|(_, offset)| *offset != 0) {
            boxes.full(b"ctts", 0, 0, |boxes| self.offsets.write(boxes));
        }
        if self.keys.len() < self.sizes.len() {
            boxes.full(b"stss", 0, 0, |boxes| {
                boxes.u32(length(&self.keys));
                for key in &self.keys {
                    boxes.u32(*key);
                }
            });
        }
        boxes.full(b"stsc", 0, 0, |boxes| self.write_chunks(boxes, chunks));
        boxes.full(b"stsz", 0, 0, |boxes| {
            boxes.u32(0);
            boxes.u32(length(&self.sizes));
            for size in &self.sizes {
                boxes.u32(*size);
            }
        });
        let kind = if is_large { b"co64" } else { b"stco" };
        boxes.full(kind, 0, 0, |boxes| {
            boxes.u32(length(chunks));
            for (start, _) in chunks {
                boxes.time(u8::from(is_large), *start);
            }
        });
    }

    fn write_chunks(&self, boxes: &mut Boxes<'_>, chunks: &[(u64, u32)]) {
        let at = boxes.0.len();
        boxes.u32(0);
        let mut entries = 0;
        let mut last = None;
        let mut descriptions = self.descriptions.0.iter().copied();
        let (mut left, mut description) = descriptions.next().unwrap_or_default();
        for (number, (_, samples)) in (1_u32..).zip(chunks) {
            if left == 0 {
                (left, description) = descriptions.next().unwrap_or_default();
            }
            if last != Some((*samples, description)) {
                last = Some((*samples, description));
                entries += 1;
                boxes.u32(number);
                boxes.u32(*samples);
                boxes.u32(description + 1);
            }
            left = left.saturating_sub(*samples);
        }
        boxes.set_u32(at, entries);
    }
}

/// From one decoding time to the next.
pub(super) fn step(from: i64, to: i64) -> u32 {
    u32::try_from(to - from).unwrap_or(u32::MAX).max(1)
}
