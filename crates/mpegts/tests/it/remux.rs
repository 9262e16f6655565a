//! What is written as MP4, for streams made packet by packet.

use std::time::Duration;

use mv_clip_mpegts::{
    Direction, Error, Fragmenter, Indexer, Limit, NotMpegTs, Note, SoundCodec, StreamType,
};

use crate::mp4::{both, fragmented_in, indexed_in, read};
use crate::mux::{
    CLIP, Mux, PACKET, PMT, Pictures, SOUND, VIDEO, adts, annex_b, clip_of, pictures, pid,
};

const H264: (u8, u16, &[u8]) = (0x1b, VIDEO, &[]);
const AAC: (u8, u16, &[u8]) = (0x0f, SOUND, &[]);
const WRAP: u64 = 1 << 33;

#[test]
fn the_clip_of_the_mock_plays_at_once_and_to_the_end() {
    let (summary, file) = both(CLIP).unwrap();
    assert_eq!(file.pictures().entries, ["avc1"]);
    assert_eq!(file.sound().unwrap().entries, ["mp4a"]);
    let times = file.pictures().shown(file.timescale);
    assert_eq!(times.len() as u64, summary.video.pictures);
    assert!(times[0].abs() < 0.05 && file.pictures().samples[0].is_key);
    assert_eq!(file.duration / u64::from(file.timescale), 4);
    for track in &file.tracks {
        let seconds = track.duration as f64 / f64::from(track.timescale);
        assert!((3.9..4.1).contains(&seconds), "{seconds} s");
    }
    let (index, _) = indexed_in(CLIP, 1000).unwrap();
    let codecs = index.codecs();
    assert!(
        codecs.starts_with("avc1.") && codecs.ends_with(",mp4a.40.2"),
        "{codecs}"
    );
}

#[test]
fn output_starts_at_any_offset() {
    let (index, mp4) = indexed_in(CLIP, 1000).unwrap();
    let head = index.head().len();
    for offset in [
        0,
        1,
        head - 1,
        head,
        head + 12_345,
        mp4.len() - 1,
        mp4.len(),
        mp4.len() + 9,
    ] {
        let (mut writer, mut part) = (index.writer_from(offset as u64), Vec::new());
        writer.push(CLIP, &mut part).unwrap();
        writer.finish(&mut part).unwrap();
        assert!(
            part == mp4.get(offset..).unwrap_or_default(),
            "from {offset}"
        );
    }
}

#[test]
fn a_clip_that_changes_between_the_passes_is_an_error() {
    let (index, _) = indexed_in(CLIP, 1000).unwrap();
    let mut writer = index.writer();
    writer
        .push(&CLIP[..CLIP.len() / 2], &mut Vec::new())
        .unwrap();
    assert_eq!(writer.finish(&mut Vec::new()), Err(Error::Changed));
    let mut mux = Mux::with(&[H264, AAC]);
    pictures(&mut mux, 10, 0);
    let mut writer = index.writer();
    let found = writer.push(&mux.bytes, &mut Vec::new());
    assert_eq!(found, Err(Error::Changed));
}

#[test]
fn parameter_sets_and_separators_leave_the_pictures() {
    let clip = Pictures::of_clip();
    let mut mux = Mux::with(&[H264]);
    let separator: &[u8] = &[9, 0xf0];
    let filler: &[u8] = &[12, 0xff, 0x80];
    let key = annex_b(&[separator, &clip.sps, &clip.pps, &clip.key, filler]);
    mux.pes(VIDEO, Some((3600, 3600)), false, &key);
    mux.pes(
        VIDEO,
        Some((7200, 7200)),
        true,
        &annex_b(&[separator, &clip.other]),
    );
    let (_, file) = both(&mux.bytes).unwrap();
    let data = file.pictures().samples.iter().map(|sample| &sample.data);
    let expected = [&clip.key, &clip.other]
        .map(|unit| [&(unit.len() as u32).to_be_bytes()[..], unit].concat());
    assert!(data.eq(&expected));
}

#[test]
fn pictures_that_are_shown_out_of_order_start_at_zero() {
    let clip = Pictures::of_clip();
    let mut mux = Mux::with(&[H264]);
    mux.pes(VIDEO, Some((7200, 0)), false, &clip.key_frame());
    for (pts, dts) in [
        (18_000, 3600),
        (10_800, 7200),
        (14_400, 10_800),
        (21_600, 14_400),
    ] {
        mux.pes(VIDEO, Some((pts, dts)), false, &clip.other_frame());
    }
    let (summary, file) = both(&mux.bytes).unwrap();
    assert_eq!(file.pictures().edits, [(18_000, 7200)]);
    let shown = file.pictures().shown(file.timescale);
    assert_eq!(shown, [0.0, 0.12, 0.04, 0.08, 0.16]);
    assert_eq!((file.duration, summary.duration.as_millis()), (18_000, 200));
}

#[test]
fn pictures_and_sound_keep_their_distance() {
    for (sound_at, start) in [(90_000, 1.0), (0, 0.0), (45_000, 0.5)] {
        let mut mux = Mux::with(&[H264, AAC]);
        mux.pes(SOUND, Some((sound_at, sound_at)), true, &adts(&[7; 50]));
        pictures(&mut mux, 5, 0);
        let (_, file) = both(&mux.bytes).unwrap();
        assert_eq!(file.sound().unwrap().shown(file.timescale)[0], start);
        assert_eq!(file.pictures().shown(file.timescale)[0], 0.0);
    }
    let mut mux = Mux::with(&[H264, AAC]);
    mux.pes(SOUND, Some((0, 0)), true, &adts(&[7; 50]));
    pictures(&mut mux, 5, 90_000);
    let (_, file) = both(&mux.bytes).unwrap();
    assert_eq!(file.pictures().shown(file.timescale)[0], 1.0);
    assert_eq!(file.pictures().edits, [(90_000, -1), (18_000, 0)]);
}

#[test]
fn several_pictures_in_a_pes_packet_are_told_apart() {
    let clip = Pictures::of_clip();
    let mut mux = Mux::with(&[H264]);
    for index in 0..6_u64 {
        let mut data = if index == 0 {
            clip.key_frame()
        } else {
            clip.other_frame()
        };
        data.extend(clip.other_frame());
        let time = index * 12_000;
        mux.pes(VIDEO, Some((time, time)), false, &data);
    }
    let (summary, file) = both(&mux.bytes).unwrap();
    assert_eq!(summary.video.pictures, 12);
    let durations = file.pictures().samples.iter().map(|sample| sample.duration);
    // Until two packets tell the interval, it is that of 30 pictures a second or of the parameters.
    assert!(durations.skip(3).all(|duration| duration == 6_000));
    assert!(summary.notes.is_empty() && summary.holes.is_empty());
}

#[test]
fn a_picture_may_span_pes_packets() {
    let clip = Pictures::of_clip();
    let mut mux = Mux::with(&[H264]);
    let key = clip.key_frame();
    let (head, tail) = key.split_at(key.len() / 2);
    mux.pes(VIDEO, Some((0, 0)), true, head);
    mux.pes(VIDEO, None, true, tail);
    mux.pes(VIDEO, Some((3600, 3600)), true, &clip.other_frame());
    let (_, file) = both(&mux.bytes).unwrap();
    let sizes: Vec<_> = file
        .pictures()
        .samples
        .iter()
        .map(|sample| sample.data.len())
        .collect();
    assert_eq!(sizes, [clip.key.len() + 4, clip.other.len() + 4]);
}

#[test]
fn frames_of_sound_may_span_pes_packets() {
    let frames: Vec<_> = (0..9_u8)
        .map(|index| vec![index; 100 + usize::from(index)])
        .collect();
    let stream: Vec<_> = frames.iter().flat_map(|frame| adts(frame)).collect();
    let mut mux = Mux::with(&[H264, AAC]);
    for (index, part) in stream.chunks(250).enumerate() {
        // The time is that of the first frame that starts in the packet.
        let first = (index * 250).div_ceil(108) as u64;
        let time = first * 1920;
        mux.pes(SOUND, Some((time, time)), true, part);
    }
    pictures(&mut mux, 5, 0);
    let (summary, file) = both(&mux.bytes).unwrap();
    let samples = &file.sound().unwrap().samples;
    assert!(samples.iter().map(|sample| &sample.data).eq(&frames));
    assert!(samples.iter().all(|sample| sample.duration == 1024));
    let sound = summary.sound.unwrap();
    assert_eq!((sound.rate, sound.channels, sound.frames), (48_000, 1, 9));
    assert_eq!(summary.notes, []);
}

#[test]
fn a_clock_that_wraps_goes_on() {
    let mut mux = Mux::with(&[H264, AAC]);
    for index in 0..4 {
        let time = (WRAP - 18_000 + index * 18_000) % WRAP;
        mux.pes(SOUND, Some((time, time)), true, &adts(&[1; 9]).repeat(9));
        pictures(&mut mux, 5, time);
    }
    let (summary, file) = both(&mux.bytes).unwrap();
    assert_eq!(
        (summary.notes.as_slice(), summary.duration.as_millis()),
        (&[][..], 800)
    );
    let shown = file.pictures().shown(file.timescale);
    assert!(
        shown
            .windows(2)
            .all(|pair| (pair[1] - pair[0] - 0.04).abs() < 1e-6),
        "{shown:?}"
    );
}

/// A clip whose clock jumps after a second, by so many ticks. Sound is written `lead` PES packets ahead.
fn jumping(by: i64, lead: u64) -> Vec<u8> {
    let base = 100_000_000;
    let time = |index: u64| {
        let time = base + index * 18_000;
        if index < 5 {
            time
        } else {
            time.wrapping_add_signed(by)
        }
    };
    let sound = |mux: &mut Mux, index| {
        let time = time(index);
        mux.pes(SOUND, Some((time, time)), true, &adts(&[1; 9]).repeat(9));
    };
    let mut mux = Mux::with(&[H264, AAC]);
    (0..lead).for_each(|index| sound(&mut mux, index));
    for index in 0..10 {
        pictures(&mut mux, 5, time(index));
        sound(&mut mux, index + lead);
    }
    mux.bytes
}

#[test]
fn a_clock_that_jumps_is_told_and_the_time_line_goes_on() {
    let hour = 3600 * 90_000;
    for lead in [0, 1, 3] {
        for by in [-27_000, -90_000, -hour, hour, 3 * hour] {
            let (summary, file) = both(&jumping(by, lead)).unwrap();
            let name = format!("by {by}, sound {lead} ahead");
            let [Note::ClockJumped(jump)] = summary.notes[..] else {
                panic!("{name}: {:?}", summary.notes);
            };
            let direction = if by < 0 {
                Direction::Back
            } else {
                Direction::Forward
            };
            assert_eq!(jump.direction, direction, "{name}");
            let off = jump.by.as_secs_f64() - by.unsigned_abs() as f64 / 90_000.0;
            assert!(off.abs() < 0.02, "{name}: {off}");
            // Sound that jumps first goes on at once, though it ends a little before the pictures.
            let duration = summary.duration.as_millis();
            assert!((1_980..=2_020).contains(&duration), "{name}: {duration}");
            assert_eq!(summary.holes, [], "{name}");
            for track in &file.tracks {
                let shown = track.shown(file.timescale);
                let step = if track.is_sound {
                    1024.0 / 48_000.0
                } else {
                    0.04
                };
                let longest = shown
                    .windows(2)
                    .map(|pair| pair[1] - pair[0])
                    .fold(0.0, f64::max);
                // Nine frames of sound are 192 ms of each 200.
                assert!(longest < step + 0.03, "{name}: {longest}");
            }
        }
    }
}

#[test]
fn a_discontinuity_that_is_announced_is_no_hole() {
    let clip = Pictures::of_clip();
    let mut mux = Mux::with(&[H264]);
    pictures(&mut mux, 5, 0);
    let time = Some((900_000, 900_000));
    mux.pes_after(VIDEO, time, false, &clip.key_frame(), &[0x80]);
    pictures(&mut mux, 5, 903_600);
    let (summary, _) = both(&mux.bytes).unwrap();
    assert_eq!(
        (summary.duration.as_millis(), summary.holes.len()),
        (440, 0)
    );
    assert!(
        matches!(summary.notes[..], [Note::ClockJumped(_)]),
        "{:?}",
        summary.notes
    );
}

#[test]
fn parameters_that_change_get_a_description_of_their_own() {
    let clip = Pictures::of_clip();
    let mut other = clip.pps.clone();
    // Another picture parameter set of the same number.
    other.push(0x80);
    let mut mux = Mux::with(&[H264]);
    pictures(&mut mux, 10, 0);
    let key = annex_b(&[&clip.sps, &other, &clip.key]);
    mux.pes(VIDEO, Some((36_000, 36_000)), false, &key);
    mux.pes(VIDEO, Some((39_600, 39_600)), false, &clip.other_frame());
    let (summary, file) = both(&mux.bytes).unwrap();
    let track = file.pictures();
    assert_eq!(track.entries, ["avc1", "avc1"]);
    let descriptions: Vec<_> = track
        .samples
        .iter()
        .map(|sample| sample.description)
        .collect();
    assert_eq!(descriptions, [[1; 10].as_slice(), &[2, 2]].concat());
    assert_eq!(summary.notes, [Note::ParametersChanged { times: 1 }]);
    // They are in the picture too, for players that know one description only.
    let changed = &track.samples[10].data;
    assert!(changed.windows(other.len()).any(|window| window == other));
}

#[test]
fn pictures_before_the_first_key_frame_are_left_out() {
    let clip = Pictures::of_clip();
    let mut mux = Mux::with(&[H264]);
    for time in [0, 3600] {
        mux.pes(VIDEO, Some((time, time)), false, &clip.other_frame());
    }
    assert_eq!(
        both(&mux.bytes).unwrap_err(),
        Error::NoKeyFrame { pictures: 2 }
    );
    pictures(&mut mux, 5, 7200);
    let (summary, file) = both(&mux.bytes).unwrap();
    assert_eq!(summary.notes, [Note::SkippedPictures { pictures: 2 }]);
    assert!(file.pictures().samples[0].is_key);
    assert_eq!(file.pictures().samples.len(), 5);
}

#[test]
fn sound_that_mp4_does_not_take_costs_the_sound_alone() {
    let layer = |layer| SoundCodec::Mpeg {
        is_mpeg2: false,
        layer,
    };
    let cases: [(u8, &[u8], &[u8], Note); 9] = [
        (
            0x03,
            &[],
            &[0xff, 0xfd, 0x84, 0],
            Note::SkippedSound(layer(2)),
        ),
        (
            0x03,
            &[],
            &[0xff, 0xfb, 0x84, 0],
            Note::SkippedSound(layer(3)),
        ),
        (0x03, &[], &[], Note::SkippedSound(layer(0))),
        (
            0x11,
            &[],
            &[0x56, 0xe0],
            Note::SkippedSound(SoundCodec::AacLatm),
        ),
        (
            0x81,
            &[],
            &[0x0b, 0x77],
            Note::SkippedSound(SoundCodec::Ac3),
        ),
        (
            0x06,
            b"\x05\x04Opus\x7f\x02\x80\x01",
            &[0x7f],
            Note::SkippedSound(SoundCodec::Opus),
        ),
        (
            0x06,
            b"\x05\x04BSSD",
            &[0],
            Note::SkippedSound(SoundCodec::Pcm),
        ),
        (0x0f, &[], &[], Note::NoSound),
        // Channels of its own.
        (0x0f, &[], &[0xff, 0xf1, 0x4c, 0, 1, 0x3f, 0xfc, 1, 2], {
            Note::SkippedSound(SoundCodec::AacOwnChannels)
        }),
    ];
    for (kind, descriptors, data, note) in cases {
        let mut mux = Mux::with(&[H264, (kind, SOUND, descriptors)]);
        if !data.is_empty() {
            mux.pes(SOUND, Some((0, 0)), true, data);
        }
        pictures(&mut mux, 20, 0);
        let (summary, file) = both(&mux.bytes).unwrap();
        assert_eq!(summary.notes, [note], "{kind:#x} {data:?}");
        assert_eq!((file.tracks.len(), file.pictures().samples.len()), (1, 20));
        assert_eq!(summary.sound, None);
    }
    assert_eq!(
        Note::SkippedSound(layer(2)).to_string(),
        "Skipped sound: MPEG-1 layer 2"
    );
}

#[test]
fn aac_that_is_declared_as_private_data_is_found() {
    let mut mux = Mux::with(&[H264, (0x06, SOUND, &[])]);
    mux.pes(SOUND, Some((0, 0)), true, &adts(&[5; 30]).repeat(2));
    pictures(&mut mux, 5, 0);
    let (summary, file) = both(&mux.bytes).unwrap();
    assert_eq!(summary.sound.unwrap().frames, 2);
    assert_eq!(file.sound().unwrap().samples[0].data, [5; 30]);
}

#[test]
fn other_video_is_an_error_or_a_note() {
    let mut mux = Mux::with(&[(0x02, VIDEO, &[])]);
    mux.pes(VIDEO, Some((0, 0)), false, &[0, 0, 1, 0, 0x12, 0x34]);
    let expected = Error::UnsupportedVideo(StreamType(2));
    assert_eq!(both(&mux.bytes).unwrap_err(), expected);
    let mut mux = Mux::with(&[H264, (0x1b, 0x200, &[])]);
    pictures(&mut mux, 5, 0);
    let (summary, _) = both(&mux.bytes).unwrap();
    assert_eq!(summary.notes, [Note::OtherVideo(StreamType::H264)]);
}

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
fn a_fragment_is_a_group_of_pictures_and_the_duration_is_announced() {
    let mut mux = Mux::with(&[H264, AAC]);
    mux.pes(SOUND, Some((0, 0)), true, &adts(&[5; 30]));
    pictures(&mut mux, 35, 0);
    let (_, mp4) = fragmented_in(&mux.bytes, 1000).unwrap();
    let file = read(&mp4);
    assert_eq!((file.fragments, file.duration), (4, 0));
    let mut fragmenter = Fragmenter::new().with_duration(Duration::from_secs(300));
    let mut mp4 = Vec::new();
    fragmenter.push(&mux.bytes, &mut mp4).unwrap();
    assert!(fragmenter.codecs().ends_with(",mp4a.40.2"));
    fragmenter.finish(&mut mp4).unwrap();
    let file = read(&mp4);
    assert_eq!(file.duration, 300 * 90_000);
    assert_eq!(file.sound().unwrap().duration, 300 * 48_000);
}

#[test]
fn a_picture_without_an_end_is_an_error() {
    let mut mux = Mux::with(&[H264]);
    mux.pes(VIDEO, Some((0, 0)), false, &Pictures::of_clip().key_frame());
    let mut indexer = Indexer::new();
    indexer.push(&mux.bytes).unwrap();
    let mut more = Mux::default();
    for _ in 0..1000 {
        more.packet(VIDEO, false, &[], &[0xaa; 184]);
    }
    let error = loop {
        if let Err(error) = indexer.push(&more.bytes) {
            break error;
        }
    };
    assert_eq!(error, Error::Limit(Limit::PictureBytes));
    assert_eq!(
        error.to_string(),
        "the stream is not from a camera: a picture has more than 16777216 bytes"
    );
}
