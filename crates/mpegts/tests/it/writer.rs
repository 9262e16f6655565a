//! Writing a transport stream.

use mv_clip_mpegts::mux::{self, DoesNotFit, PacketWriter, Unit};
use mv_clip_mpegts::{StreamType, scan};
use proptest::prelude::*;

use crate::mux::{PACKET, PMT, Pictures, SOUND, VIDEO, adts};

fn unit(kind: StreamType, time: u64, data: &[u8]) -> Unit<'_> {
    Unit {
        kind,
        time,
        clock: None,
        is_key: false,
        data,
    }
}

#[test]
fn what_is_written_is_read() {
    let (mut tables, mut map) = (PacketWriter::new(0), PacketWriter::new(PMT));
    let (mut video, mut sound) = (PacketWriter::new(VIDEO), PacketWriter::new(SOUND));
    let mut clip = Vec::new();
    let streams = [(StreamType::H264, VIDEO), (StreamType::AAC, SOUND)];
    tables
        .section(&mux::program_association(PMT), &mut clip)
        .unwrap();
    map.section(&mux::program_map(&streams), &mut clip).unwrap();
    let (key, frame) = (Pictures::of_clip().key_frame(), adts(&[7; 60]));
    // The counter of the time wraps within.
    let start = (1 << 33) - 10 * 9000;
    for index in 0..20 {
        let picture = Unit {
            clock: Some(start + index * 9000),
            is_key: true,
            ..unit(StreamType::H264, start + index * 9000, &key)
        };
        // With and without stuffing, and with much of it.
        let packets = Unit::packets(key.len()) + index as usize % 7;
        video.unit(&picture, packets, &mut clip).unwrap();
        let frame = unit(StreamType::AAC, start + index * 9000, &frame);
        sound.unit(&frame, 1, &mut clip).unwrap();
    }
    let summary = scan(&clip).unwrap();
    assert_eq!(
        (summary.video.pictures, summary.duration.as_millis()),
        (20, 2000)
    );
    assert_eq!(summary.sound.unwrap().frames, 20);
    assert!(summary.losses.is_empty(), "{:?}", summary.losses);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut writer = PacketWriter::new(VIDEO);
    let mut out = Vec::new();
    let mut write = |bytes: usize, packets| {
        let data = vec![1; bytes];
        writer.unit(&unit(StreamType::H264, 0, &data), packets, &mut out)
    };
    assert_eq!(write(170, 1), Ok(()));
    let DoesNotFit { bytes, packets, .. } = write(171, 1).unwrap_err();
    assert_eq!((bytes, packets), (185, 1));
    assert_eq!(write(0, 14), Ok(()));
    assert!(write(0, 15).is_err() && write(0, 0).is_err());
    assert_eq!(out.len(), 15 * PACKET);
    assert!(writer.section(&[0; 184], &mut out).is_err());
}

proptest! {
    #[test]
    fn skipped_packets_are_counted(length in 1..2000_usize, extra in 0..12_usize, clock: bool) {
        let data = vec![1; length];
        let unit = Unit { clock: clock.then_some(9), ..unit(StreamType::H264, 9, &data) };
        let packets = Unit::packets(length) + extra;
        let (mut one, mut other) = (PacketWriter::new(VIDEO), PacketWriter::new(VIDEO));
        let (mut written, mut again) = (Vec::new(), Vec::new());
        for writer in [&mut one, &mut other] {
            writer.section(&[0; 9], &mut Vec::new()).unwrap();
        }
        if one.unit(&unit, packets, &mut written).is_ok() {
            prop_assert_eq!(written.len(), packets * PACKET);
            other.skip(packets);
            written.clear();
            one.section(&[0; 9], &mut written).unwrap();
            other.section(&[0; 9], &mut again).unwrap();
            prop_assert_eq!(written, again);
        } else {
            prop_assert!(packets > length);
        }
    }
}
