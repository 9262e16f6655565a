//! The packets of the stream: tables, duplicates, losses, other bytes.

use mv_clip_mpegts::{Indexer, NotMpegTs};

use super::{AAC, H264};
use crate::mp4::both;
use crate::mux::{CLIP, Mux, PACKET, PMT, Pictures, VIDEO, clip_of, pictures, pid};

#[test]
fn tables_may_span_packets_and_streams_may_move() {
    let mut mux = Mux::default();
    let programs: Vec<_> = (1..60).map(|program| (program, PMT)).collect();
    mux.pat(&programs);
    let long = [0x0e; 100];
    mux.pmt(
        7,
        PMT,
        &[(0x15, 0x300, &long), (0x15, 0x301, &long), H264, AAC],
    );
    pictures(&mut mux, 5, 0);
    // The video moves to another PID, and the program to another number and map.
    mux.pmt(7, PMT, &[(0x1b, 0x400, &[]), AAC]);
    let clip = Pictures::of_clip();
    mux.pes(0x400, Some((18_000, 18_000)), false, &clip.other_frame());
    mux.pat(&[(9, 0x1001)]);
    mux.pmt(9, 0x1001, &[(0x1b, 0x401, &[])]);
    mux.pes(0x401, Some((21_600, 21_600)), false, &clip.other_frame());
    let (summary, file) = both(&mux.bytes).unwrap();
    assert_eq!(
        (summary.video.pictures, file.pictures().samples.len()),
        (7, 7)
    );
}

#[test]
fn pictures_before_the_tables_are_kept() {
    let tables = clip_of(|pid| pid == 0 || pid == PMT);
    let rest = clip_of(|pid| pid != 0 && pid != PMT);
    let at = rest.len() / 2 / PACKET * PACKET;
    let (early, late) = rest.split_at(at);
    let (whole, _) = both(CLIP).unwrap();
    let (summary, _) = both(&[early, &tables, late].concat()).unwrap();
    assert_eq!(summary.video, whole.video);
    assert_eq!(summary.sound, whole.sound);
    assert_eq!(summary.packets, whole.packets);
}

#[test]
fn other_bytes_between_packets_are_passed_over() {
    let (whole, file) = both(CLIP).unwrap();
    let spread = |before: &[u8], after: &[u8]| -> Vec<u8> {
        CLIP.chunks(PACKET)
            .flat_map(|packet| [before, packet, after].concat())
            .collect()
    };
    let middle = PACKET * 50;
    let cases = [
        ("a stray byte", [b"\n", CLIP].concat()),
        ("a byte at the end", [CLIP, b"\n"].concat()),
        (
            "garbage in the middle",
            [&CLIP[..middle], &[7; 333], &CLIP[middle..]].concat(),
        ),
        ("with time (M2TS)", spread(&[0; 4], &[])),
        ("with error correction", spread(&[], &[0x11; 16])),
    ];
    for (name, clip) in cases {
        let (summary, found) = both(&clip).unwrap();
        assert_eq!(
            (&summary.video, found),
            (&whole.video, file.clone()),
            "{name}"
        );
        // Not what lies between packets as a rule.
        assert!(summary.losses.stray_bytes <= 333, "{name}");
    }
    let zeros = vec![0; 70 << 10];
    let found = Indexer::new().push(&zeros).unwrap_err();
    assert_eq!(found, NotMpegTs::NotTransportStream { first: 0 }.into());
}

#[test]
fn duplicates_are_dropped_and_losses_are_counted() {
    let (whole, file) = both(CLIP).unwrap();
    let twice: Vec<_> = CLIP
        .chunks(PACKET)
        .flat_map(|packet| [packet, packet].concat())
        .collect();
    let (summary, found) = both(&twice).unwrap();
    assert_eq!((summary.losses, found), (whole.losses, file));

    let video: Vec<_> = (0..CLIP.len() / PACKET)
        .filter(|index| {
            let packet = &CLIP[index * PACKET..];
            pid(packet) == VIDEO && packet[1] & 0x40 == 0
        })
        .collect();
    let mut lost = CLIP.to_vec();
    lost.drain(video[20] * PACKET..(video[20] + 1) * PACKET);
    let (summary, _) = both(&lost).unwrap();
    assert_eq!(
        (summary.losses.gaps, summary.losses.damaged_pictures),
        (1, 1)
    );
    assert_eq!(summary.video.pictures, whole.video.pictures);

    let mut marked = CLIP.to_vec();
    marked[video[20] * PACKET + 1] |= 0x80;
    let (summary, _) = both(&marked).unwrap();
    assert_eq!(
        (
            summary.losses.damaged_packets,
            summary.losses.damaged_pictures
        ),
        (1, 1)
    );
}

#[test]
fn packets_that_are_encrypted_or_marked_as_damaged_are_named() {
    let with_flag = |stream: u16, at: usize, flag: u8| {
        let mut clip = CLIP.to_vec();
        let packets = clip
            .chunks_mut(PACKET)
            .filter(|packet| pid(packet) == stream);
        let mut count = 0;
        for packet in packets.skip(20).take(3) {
            packet[at] |= flag;
            count += u64::from(packet[3] & 0x10 != 0);
        }
        assert!(count > 0);
        (both(&clip).unwrap().0, count)
    };
    const AUDIO: u16 = 0x101;
    for stream in [VIDEO, AUDIO] {
        for control in [0x40, 0x80, 0xc0] {
            let (summary, count) = with_flag(stream, 3, control);
            assert_eq!(summary.losses.scrambled_packets, count);
            let words = format!("; {count} packets are encrypted and left out");
            assert!(summary.to_string().contains(&words), "{summary}");
        }
        let (summary, count) = with_flag(stream, 1, 0x80);
        assert_eq!(summary.losses.damaged_packets, count);
        let words = format!("; {count} packets are marked as damaged");
        assert!(summary.to_string().contains(&words), "{summary}");
    }
}
