//! `moof`, and the start of the `mdat` after it.

use super::boxes::Boxes;
use super::movie::id;
use super::table::step;
use crate::sample::{Sample, Track};

/// The samples of a track in a fragment.
pub(crate) struct Run<'a> {
    pub(crate) track: Track,
    /// When the first is decoded, in ticks of the track from the start of the movie.
    pub(crate) time: u64,
    pub(crate) samples: &'a [Sample],
    /// When the sample after the last is decoded.
    pub(crate) next: Option<i64>,
    /// The number of bytes.
    pub(crate) bytes: usize,
}

/// Writes the head of a fragment. The data of the runs follows, in the same order.
pub(crate) fn fragment(boxes: &mut Boxes<'_>, number: u32, runs: &[Run<'_>]) {
    let start = boxes.0.len();
    let mut offsets = Vec::new();
    boxes.put(b"moof", |boxes| {
        boxes.full(b"mfhd", 0, 0, |boxes| boxes.u32(number));
        for run in runs {
            boxes.put(b"traf", |boxes| offsets.push(write_run(boxes, run)));
        }
    });
    let mut offset = boxes.0.len() - start + 8;
    for (at, run) in offsets.into_iter().zip(runs) {
        boxes.set_u32(at, u32::try_from(offset).unwrap_or(u32::MAX));
        offset += run.bytes;
    }
    let bytes = runs.iter().map(|run| run.bytes).sum::<usize>();
    boxes.u32(u32::try_from(bytes + 8).unwrap_or(u32::MAX));
    boxes.bytes(b"mdat");
}

/// Writes the boxes of `traf`. Says where the offset of its data is to be written.
fn write_run(boxes: &mut Boxes<'_>, run: &Run<'_>) -> usize {
    // Offsets count from the start of `moof`.
    boxes.full(b"tfhd", 0, 0x2_0000, |boxes| boxes.u32(id(run.track)));
    boxes.full(b"tfdt", 1, 0, |boxes| boxes.u64(run.time));
    let mut at = 0;
    let is_video = run.track == Track::Pictures;
    // Of each sample: duration and size; of a picture also flags and offset.
    let flags = if is_video { 0xf01 } else { 0x301 };
    boxes.full(b"trun", 0, flags, |boxes| {
        boxes.u32(u32::try_from(run.samples.len()).unwrap_or(u32::MAX));
        at = boxes.0.len();
        boxes.u32(0);
        let nexts = run.samples.iter().skip(1).map(|next| Some(next.dts));
        for (sample, next) in run.samples.iter().zip(nexts.chain([run.next])) {
            boxes.u32(next.map_or(sample.duration, |next| step(sample.dts, next)));
            boxes.u32(sample.size);
            if is_video {
                // Depends on no other sample; or on others, and is no start.
                boxes.u32(if sample.is_key {
                    0x0200_0000
                } else {
                    0x0101_0000
                });
                boxes.u32(sample.offset);
            }
        }
    });
    at
}
