use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use mv_clip_mpegts as mpegts;

use super::{Footage, read_caption};

/// The bytes of a picture's luma, 640 by 360, and of the whole picture.
const LUMA: usize = 640 * 360;
const PICTURE: usize = LUMA * 3 / 2;

fn footage(start: &str, length: TimeDelta) -> Footage {
    let start: DateTime<Utc> = start.parse().unwrap();
    Footage::new("Q2MV-MOCK-0004.2".to_owned(), start, start + length)
}

fn bytes(footage: &Footage, from: u64) -> Vec<u8> {
    footage.pieces(from).flatten().collect()
}

/// Decodes the pictures with ffmpeg, which must have no complaint. `None` if it is not installed.
#[expect(clippy::disallowed_macros, reason = "tests print for developers")]
fn decoded(clip: Vec<u8>) -> Option<Vec<Vec<u8>>> {
    let arguments = "-nostdin -loglevel warning -xerror -i pipe:0 -map 0 -f null - \
                     -map 0:v -fps_mode passthrough -f rawvideo -pix_fmt yuv420p pipe:1";
    let child = Command::new("ffmpeg")
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: there is no ffmpeg (Debian: apt-get install ffmpeg)");
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    let writer = thread::spawn(move || input.write_all(&clip));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && words.is_empty(), "{words}");
    Some(
        output
            .stdout
            .chunks_exact(PICTURE)
            .map(<[u8]>::to_vec)
            .collect(),
    )
}

#[test]
fn a_clip_has_the_length_that_was_asked_for() {
    for (start, milliseconds) in [
        ("2026-03-12T14:30:00Z", 1_000),
        ("2026-03-12T14:30:00Z", 60_000),
        ("2026-03-12T14:29:59.900Z", 300_000),
        ("2026-03-12T14:30:01.234Z", 7_777),
        ("2026-12-31T23:59:59.999Z", 2_001),
    ] {
        let footage = footage(start, TimeDelta::milliseconds(milliseconds));
        let clip = bytes(&footage, 0);
        assert_eq!(clip.len() as u64, footage.len());

        let summary = mpegts::scan(&clip).unwrap();
        let length = Duration::from_millis(milliseconds as u64);
        let step = Duration::from_millis(100);
        assert!(
            summary.duration.abs_diff(length) < step,
            "{start}: {summary}"
        );
        assert_eq!(summary.missing, Duration::ZERO);
        assert!(summary.losses.is_empty(), "{:?}", summary.losses);
        assert!(summary.notes.is_empty(), "{:?}", summary.notes);
        let pictures = summary.duration.as_millis() as u64 / 100;
        assert_eq!(summary.video.pictures, pictures);
        assert_eq!(summary.video.size, Some((640, 360)));
        let frames = summary.sound.unwrap().frames;
        assert!(frames.abs_diff(pictures * 100 / 64) <= 1, "{frames} frames");
    }
}

#[test]
fn a_part_has_the_bytes_of_the_whole() {
    let footage = footage("2026-03-12T14:29:58.700Z", TimeDelta::seconds(9));
    let clip = bytes(&footage, 0);
    for from in (0..clip.len())
        .step_by(997)
        .chain([1, 187, 188, clip.len()])
    {
        assert!(bytes(&footage, from as u64) == clip[from..], "from {from}");
    }
    assert!(bytes(&footage, clip.len() as u64 + 1).is_empty());
}

#[test]
fn each_picture_shows_the_camera_and_its_time() {
    let start: DateTime<Utc> = "2026-12-31T23:59:56.700Z".parse().unwrap();
    let footage = footage("2026-12-31T23:59:56.650Z", TimeDelta::seconds(14));
    let Some(pictures) = decoded(bytes(&footage, 0)) else {
        return;
    };
    assert_eq!(pictures.len(), 140);
    for (picture, number) in pictures.iter().zip(0..) {
        let time = start + TimeDelta::milliseconds(100) * number;
        let tenths = time.timestamp_subsec_millis() / 100;
        let seconds = time.format("%Y-%m-%d %H:%M:%S");
        let expected = format!("Q2MV-MOCK-0004.2 {seconds}.{tenths}Z");
        assert_eq!(read_caption(&picture[..LUMA]), Some(expected));
    }
}

#[test]
fn every_scene_can_be_decoded() {
    let start: DateTime<Utc> = "2026-03-12T14:30:00.900Z".parse().unwrap();
    // The sum of the letters picks the scene.
    for camera in ["A", "B", "C", "D"] {
        // One picture that stands alone, before one that stands alone.
        let footage = Footage::new(camera.to_owned(), start, start + TimeDelta::seconds(30));
        let Some(pictures) = decoded(bytes(&footage, 0)) else {
            return;
        };
        let last = pictures.last().unwrap();
        let expected = format!("{camera} 2026-03-12 14:30:30.8Z");
        assert_eq!(read_caption(&last[..LUMA]), Some(expected));
    }
}
