//! What is a clip, and what is not.

use mv_clip_mpegts::{Checker, NotMpegTs, Scanner, StreamType, scan};

use crate::mux::{CLIP, Mux, PACKET, PMT, Pictures, SOUND, VIDEO, adts, clip_of, crc, pid};

fn check(bytes: &[u8]) -> Result<(), NotMpegTs> {
    check_in(bytes, bytes.len().max(1))
}

fn check_in(bytes: &[u8], piece: usize) -> Result<(), NotMpegTs> {
    let mut checker = Checker::default();
    bytes
        .chunks(piece)
        .try_for_each(|piece| checker.push(piece))?;
    checker.finish()
}

#[test]
fn the_clip_of_the_mock_is_measured() {
    let summary = scan(CLIP).unwrap();
    assert_eq!(summary.to_string(), "297 packets, program 1: H.264, AAC");
    assert_eq!(summary.packets, CLIP.len() as u64 / 188);
    assert_eq!(summary.video.codec, StreamType::H264);
    assert_eq!(summary.duration.as_millis(), 4_000);
    assert_eq!(summary.covered(), summary.duration);
    assert!(summary.losses.is_empty() && summary.notes.is_empty() && summary.holes.is_empty());
}

#[test]
fn each_defect_has_its_own_error() {
    let mut lost_sync = CLIP.to_vec();
    lost_sync[188 * 7] = 0x46;
    let mut bad_crc = CLIP.to_vec();
    for packet in bad_crc.chunks_mut(PACKET).filter(|packet| pid(packet) == 0) {
        packet[5 + 8] ^= 1;
    }
    let without_pat = clip_of(|pid| pid != 0);
    let without_pmt = clip_of(|pid| pid != PMT);
    let tables = clip_of(|pid| pid == 0 || pid == PMT);
    let sound = clip_of(|pid| pid != VIDEO);
    let mut null = vec![0xff; PACKET * 9];
    for packet in null.chunks_mut(PACKET) {
        packet[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    }
    let mut scrambled = CLIP.to_vec();
    for packet in scrambled
        .chunks_mut(PACKET)
        .filter(|packet| pid(packet) == VIDEO)
    {
        packet[3] |= 0xc0;
    }
    let count = |bytes: &[u8]| bytes.len() as u64 / 188;
    let no_picture = |bytes: &[u8]| NotMpegTs::NoPicture {
        packets: count(bytes),
    };
    let long_start = [&[0; 188], CLIP].concat();
    let cases: [(&str, &[u8], NotMpegTs); 18] = [
        ("empty", b"", NotMpegTs::Empty),
        (
            "html",
            b"<html><body>502</body></html>",
            NotMpegTs::HtmlPage,
        ),
        (
            "html after a zero",
            b"\0<html>502</html>",
            NotMpegTs::NotTransportStream { first: 0 },
        ),
        ("html5", b"\r\n <!DOCTYPE html>", NotMpegTs::HtmlPage),
        (
            "json",
            b"{\"errors\":[]}",
            NotMpegTs::NotTransportStream { first: b'{' },
        ),
        (
            "mp4",
            b"\0\0\0\x18ftypmp42",
            NotMpegTs::NotTransportStream { first: 0 },
        ),
        (
            "zeros",
            &long_start,
            NotMpegTs::NotTransportStream { first: 0 },
        ),
        (
            "text that starts with G",
            b"GIF89a",
            NotMpegTs::Truncated {
                packets: 0,
                rest: 6,
            },
        ),
        (
            "sync lost",
            &lost_sync,
            NotMpegTs::LostSync {
                packet: 7,
                offset: 1316,
            },
        ),
        (
            "cut off",
            &CLIP[..188 * 9 + 100],
            NotMpegTs::Truncated {
                packets: 9,
                rest: 100,
            },
        ),
        (
            "no PAT",
            &without_pat,
            NotMpegTs::NoPat {
                packets: count(&without_pat),
            },
        ),
        (
            "PAT with a bad CRC",
            &bad_crc,
            NotMpegTs::NoPat { packets: 297 },
        ),
        (
            "no PMT",
            &without_pmt,
            NotMpegTs::NoPmt {
                packets: count(&without_pmt),
            },
        ),
        (
            "sync bytes only",
            &[0x47; 188 * 3],
            NotMpegTs::NoPat { packets: 3 },
        ),
        ("tables only", &tables, no_picture(&tables)),
        ("null packets only", &null, NotMpegTs::NoPat { packets: 9 }),
        ("sound alone", &sound, no_picture(&sound)),
        ("encrypted", &scrambled, no_picture(&scrambled)),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(scan(bytes), Err(expected.clone()), "{name}");
        let is_page = expected == NotMpegTs::HtmlPage;
        for piece in [1, 100, 188, 100_000] {
            let mut scanner = Scanner::new();
            let scanned = bytes
                .chunks(piece)
                .try_for_each(|piece| scanner.push(piece))
                .and_then(|()| scanner.finish().map(|_| ()));
            if !is_page {
                assert_eq!(scanned, Err(expected.clone()), "{name} by {piece}");
            }
            match check_in(bytes, piece) {
                Err(NotMpegTs::NotTransportStream { .. }) if is_page => {}
                found => assert_eq!(found, Err(expected.clone()), "{name} by {piece}"),
            }
        }
    }
}

#[test]
fn a_video_without_a_slice_is_no_clip() {
    let pictures = Pictures::of_clip();
    let parameters = crate::mux::annex_b(&[&pictures.sps, &pictures.pps]);
    let mut mux = Mux::with(&[(0x1b, VIDEO, &[])]);
    mux.pes(VIDEO, Some((0, 0)), false, &parameters);
    assert_eq!(check(&mux.bytes), Err(NotMpegTs::NoPicture { packets: 3 }));
    mux.pes(VIDEO, Some((0, 0)), false, &pictures.other_frame());
    assert_eq!(check(&mux.bytes), Ok(()));
}

#[test]
fn bytes_that_are_no_text_may_come_first() {
    for stray in [&b"\r\n"[..], b"\xef\xbb\xbf", b"\0", &[0x80; 187]] {
        let clip = [stray, CLIP].concat();
        for piece in [1, 187, 100_000] {
            assert_eq!(check_in(&clip, piece), Ok(()), "{stray:?} by {piece}");
        }
        let mut damaged = clip;
        damaged[stray.len() + 188 * 7] = 0x46;
        let offset = 1316 + stray.len() as u64;
        assert_eq!(
            check(&damaged),
            Err(NotMpegTs::LostSync { packet: 7, offset })
        );
    }
}

/// The clip with `edit` done to each PMT section, under a valid CRC.
fn with_pmt(edit: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut clip = CLIP.to_vec();
    for packet in clip.chunks_mut(PACKET).filter(|packet| pid(packet) == PMT) {
        let length = usize::from(packet[7]);
        let (section, sum) = packet[5..][..3 + length]
            .split_last_chunk_mut::<4>()
            .unwrap();
        edit(section);
        *sum = crc(section).to_be_bytes();
    }
    clip
}

#[test]
fn only_a_program_map_with_all_its_parts_counts() {
    assert_eq!(
        with_pmt(|_| ()),
        CLIP,
        "the CRC here is the one of the standard"
    );
    let (table_id, current, program_info_length, stream_type, es_info_length) = (0, 5, 11, 12, 16);
    type Edit<'a> = &'a dyn Fn(&mut [u8]);
    let no_pmt = Err(NotMpegTs::NoPmt { packets: 297 });
    let cases: [(&str, Edit<'_>, Result<(), NotMpegTs>); 5] = [
        ("another table", &|pmt| pmt[table_id] = 0x42, no_pmt.clone()),
        ("announced only", &|pmt| pmt[current] = 0xc0, no_pmt.clone()),
        (
            "program info too long",
            &|pmt| pmt[program_info_length] = 0xff,
            no_pmt.clone(),
        ),
        (
            "stream info too long",
            &|pmt| pmt[es_info_length] = 0xff,
            no_pmt,
        ),
        (
            "an unknown stream type",
            &|pmt| pmt[stream_type] = 0xd5,
            Err(NotMpegTs::NoPicture { packets: 297 }),
        ),
    ];
    for (name, edit, expected) in cases {
        assert_eq!(check(&with_pmt(edit)), expected, "{name}");
    }
}

#[test]
fn an_error_says_what_to_do() {
    let error = NotMpegTs::LostSync {
        packet: 7,
        offset: 1316,
    };
    assert_eq!(
        error.to_string(),
        "the file is damaged: packet 7 (at byte 1316) does not start with 0x47; download it again"
    );
    assert_eq!(
        NotMpegTs::NoPicture { packets: 3 }.to_string(),
        "the file has no picture in its 3 packets: the camera may have no footage of that time; try another window"
    );
}

#[test]
fn holes_are_told_and_not_counted_as_footage() {
    let mut mux = Mux::with(&[(0x1b, VIDEO, &[]), (0x0f, SOUND, &[])]);
    // 2 s of footage, 4 s without, 1 s of footage; then 80 ms and 160 ms are missing.
    for (from, count) in [(0, 50), (6 * 25, 25), (7 * 25 + 2, 10), (7 * 25 + 16, 10)] {
        crate::mux::pictures(&mut mux, count, from * 3600);
    }
    mux.pes(SOUND, Some((0, 0)), true, &adts(&[1; 20]));
    let summary = scan(&mux.bytes).unwrap();
    assert_eq!(summary.video.interval.as_millis(), 40);
    assert_eq!(summary.video.pictures, 95);
    let holes = summary.holes.iter();
    let holes: Vec<_> = holes
        .map(|hole| (hole.start.as_millis(), hole.length.as_millis()))
        .collect();
    assert_eq!(holes, [(2_000, 4_000), (7_480, 160)]);
    assert_eq!(summary.duration.as_millis(), 8_040);
    assert_eq!(summary.covered().as_millis(), 3_880);
    let text = summary.to_string();
    let end = " packets, program 1: H.264, AAC; 4.2 s missing in 2 holes";
    assert!(text.ends_with(end), "{text}");
}
