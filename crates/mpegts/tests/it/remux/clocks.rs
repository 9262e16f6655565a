//! Clocks that wrap, jump or are set back.

use mv_clip_mpegts::{Direction, Note};

use super::{AAC, H264};
use crate::mp4::both;
use crate::mux::{Mux, Pictures, SOUND, VIDEO, adts, pictures};

const WRAP: u64 = 1 << 33;

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
