//! What is written as MP4, for streams made packet by packet.

mod clocks;
mod packets;
mod sound;

use std::time::Duration;

use mv_clip_mpegts::{Error, Fragmenter, Indexer, Limit, Note, StreamType};

use crate::mp4::{both, fragmented_in, indexed_in, read};
use crate::mux::{CLIP, Mux, Pictures, SOUND, VIDEO, adts, annex_b, pictures};

const H264: (u8, u16, &[u8]) = (0x1b, VIDEO, &[]);
const AAC: (u8, u16, &[u8]) = (0x0f, SOUND, &[]);

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
