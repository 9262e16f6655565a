//! Sound, and what is done where MP4 does not take it.

use mv_clip_mpegts::{Note, SoundCodec};

use super::{AAC, H264};
use crate::mp4::both;
use crate::mux::{Mux, SOUND, adts, pictures};

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
