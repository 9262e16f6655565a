//! Tests of the checks.

use mpeg2ts_reader::mpegts_crc;

use super::*;

const CLIP: &[u8] = include_bytes!("../../meraki-mock/fixtures/clip.ts");

/// The clip without the packets that `drop` picks by their PID.
fn without(drop: impl Fn(u16) -> bool) -> Vec<u8> {
    let keep = |packet: &&[u8]| !drop(u16::from(Packet::new(packet).pid()));
    CLIP.chunks(Packet::SIZE)
        .filter(keep)
        .flatten()
        .copied()
        .collect()
}

#[test]
fn the_clip_of_the_mock_is_h264_and_aac() {
    let summary = check(CLIP).unwrap();
    let streams = vec![StreamType::H264, StreamType::AAC];
    assert_eq!(summary.packets, CLIP.len() / 188);
    assert_eq!(summary.programs, [Program { number: 1, streams }]);
    assert_eq!(summary.duration.as_millis(), 3_933);
    assert_eq!(summary.to_string(), "297 packets, program 1: H.264, AAC");
}

#[test]
fn each_defect_has_its_own_error() {
    let mut lost_sync = CLIP.to_vec();
    lost_sync[188 * 7] = 0x46;
    let mut bad_crc = CLIP.to_vec();
    for packet in bad_crc.chunks_mut(Packet::SIZE) {
        if Packet::new(packet).pid() == Pid::PAT {
            packet[5 + 8] ^= 1;
        }
    }
    let half = &CLIP[..188 * 9 + 100];
    let packets = without(|pid| pid == 0).len() / 188;
    let without_pmt = without(|pid| pid == 0x1000);
    let cases: [(&str, &[u8], NotMpegTs); 12] = [
        ("empty", b"", NotMpegTs::Empty),
        (
            "html",
            b"<html><body>502</body></html>",
            NotMpegTs::HtmlPage,
        ),
        (
            "html5",
            b"\r\n <!DOCTYPE html><title>Oops</title>",
            NotMpegTs::HtmlPage,
        ),
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
            "text that starts with G",
            b"GIF89a",
            NotMpegTs::Truncated {
                packets: 0,
                rest: 6,
            },
        ),
        ("sync lost", &lost_sync, NotMpegTs::LostSync { packet: 7 }),
        (
            "cut off",
            half,
            NotMpegTs::Truncated {
                packets: 9,
                rest: 100,
            },
        ),
        (
            "no PAT",
            &without(|pid| pid == 0),
            NotMpegTs::NoPat { packets },
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
                packets: without_pmt.len() / 188,
            },
        ),
        (
            "sync bytes only",
            &[0x47; 188 * 3],
            NotMpegTs::NoPat { packets: 3 },
        ),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(check(bytes), Err(expected), "{name}");
    }
}

#[test]
fn pieces_of_any_size_give_the_same_result() {
    let mut damaged = CLIP.to_vec();
    damaged[188 * 7] = 0x46;
    let cases: [&[u8]; 5] = [CLIP, &damaged, &CLIP[..1_000], b"<html>502</html>", b""];
    for bytes in cases {
        for size in [1, 7, 187, 188, 189, 1_000, 16_384] {
            // A page is recognised by its first bytes, which have to arrive together.
            if bytes.starts_with(b"<") && size < 7 {
                continue;
            }
            let mut checker = Checker::default();
            let found = bytes
                .chunks(size)
                .try_for_each(|piece| checker.push(piece))
                .and_then(|()| checker.finish());
            assert_eq!(found, check(bytes), "{} bytes by {size}", bytes.len());
        }
    }
}

/// The clip with `edit` done to each PMT section, under a valid CRC.
fn with_pmt(edit: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut clip = CLIP.to_vec();
    for packet in clip.chunks_mut(Packet::SIZE) {
        if u16::from(Packet::new(packet).pid()) == 0x1000 {
            let length = usize::from(packet[7]);
            let (section, crc) = packet[5..][..3 + length]
                .split_last_chunk_mut::<4>()
                .unwrap();
            edit(section);
            *crc = mpegts_crc::sum32(section).to_be_bytes();
        }
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
    let (table_id, program_info_length, stream_type, es_info_length) = (0, 11, 12, 16);
    type Edit<'a> = &'a dyn Fn(&mut [u8]);
    let cases: [(&str, Edit<'_>, Result<&str, NotMpegTs>); 4] = [
        (
            "another table",
            &|pmt| pmt[table_id] = 0x42,
            Err(NotMpegTs::NoPmt { packets: 297 }),
        ),
        (
            "program info longer than the table",
            &|pmt| pmt[program_info_length] = 0xff,
            Err(NotMpegTs::NoPmt { packets: 297 }),
        ),
        (
            "stream info longer than the table",
            &|pmt| pmt[es_info_length] = 0xff,
            Err(NotMpegTs::NoPmt { packets: 297 }),
        ),
        (
            "an unknown stream type",
            &|pmt| pmt[stream_type] = 0xd5,
            Ok("297 packets, program 1: stream type 0xd5, AAC"),
        ),
    ];
    for (name, edit, expected) in cases {
        let found = check(&with_pmt(edit)).map(|summary| summary.to_string());
        assert_eq!(found, expected.map(str::to_owned), "{name}");
    }
}

#[test]
fn an_error_says_what_to_do() {
    assert_eq!(
        NotMpegTs::LostSync { packet: 7 }.to_string(),
        "the file is damaged: packet 7 (at byte 1316) does not start with 0x47; download it again"
    );
}
