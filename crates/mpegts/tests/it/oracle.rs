//! Compares pictures and sound with those of `ffmpeg -c copy`, for odd clips that ffmpeg makes.
//!
//! Without ffmpeg, or without one of its encoders, these tests print so and pass.

#![expect(
    clippy::disallowed_macros,
    reason = "tests print for developers, through the test harness"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use mv_clip_mpegts::Error;
use tempfile::TempDir;

use crate::mp4::{fragmented_in, indexed_in};
use crate::mux::{PACKET, PMT, SOUND, VIDEO, pid};

const PICTURES: &str = "-f lavfi -i testsrc2=size=320x180:rate=15";
const SMALL: &str = "-f lavfi -i testsrc2=size=160x90:rate=15";
const TONE: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000";
const X264: &str = "-c:v libx264 -preset ultrafast -g 15 -pix_fmt yuv420p";

/// Runs ffmpeg. `None` if it is not installed or fails.
fn ffmpeg(folder: &Path, arguments: &str) -> Option<String> {
    let output = Command::new("ffmpeg")
        .args("-nostdin -loglevel error -y".split(' '))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then_some(text)
}

/// The clips that ffmpeg makes from a command.
fn commands() -> Vec<(&'static str, String)> {
    let av = format!("{PICTURES} {TONE} -t 4");
    let aac = format!("{av} {X264} -c:a aac");
    vec![
        ("good", aac.clone()),
        ("noaudio", format!("{PICTURES} -t 4 {X264}")),
        (
            "hevc",
            format!(
                "{av} -c:v libx265 -preset ultrafast -x265-params log-level=error:bframes=3 -c:a aac"
            ),
        ),
        ("mp2", format!("{av} {X264} -c:a mp2")),
        ("opus", format!("{av} {X264} -c:a libopus")),
        ("ac3", format!("{av} {X264} -c:a ac3")),
        ("mp3", format!("{av} {X264} -c:a libmp3lame")),
        ("latm", format!("{aac} -mpegts_flags latm")),
        (
            "pcm_s302m",
            format!("{av} {X264} -ac 2 -c:a s302m -strict -2"),
        ),
        ("m2ts192", format!("{aac} -mpegts_m2ts_mode 1")),
        ("ptswrap", format!("{aac} -output_ts_offset 95442")),
        (
            "longgop",
            format!("{av} -c:v libx264 -preset ultrafast -g 1000 -keyint_min 1000 -c:a aac"),
        ),
        (
            "programs",
            format!(
                "{PICTURES} {TONE} {PICTURES} -t 4 -map 0:v -map 1:a -map 2:v {X264} -c:a aac \
             -program program_num=1:st=0:st=1 -program program_num=2:st=2"
            ),
        ),
        ("nulls", format!("{aac} -muxrate 3M")),
        (
            "hdtv",
            format!("{aac} -mpegts_service_type advanced_codec_digital_hdtv"),
        ),
        (
            "bframes",
            format!("{av} -c:v libx264 -preset veryfast -bf 3 -g 30 -c:a aac"),
        ),
        (
            "opengop",
            format!(
                "{av} -c:v libx264 -preset veryfast -bf 3 -g 30 -x264-params open-gop=1:slices=4 -c:a aac"
            ),
        ),
        (
            "refresh",
            format!(
                "{av} -c:v libx264 -preset ultrafast -g 30 -x264-params intra-refresh=1 -c:a aac"
            ),
        ),
        ("small", format!("{SMALL} {TONE} -t 2 {X264} -c:a aac")),
        ("later", format!("{aac} -output_ts_offset 5000")),
        ("mpeg2", format!("{av} -c:v mpeg2video -c:a mp2")),
        ("audioonly", format!("{TONE} -t 4 -c:a aac")),
    ]
}

/// The clips that are made from those.
fn derive(folder: &Path) {
    let read = |name: &str| fs::read(folder.join(name).with_extension("ts")).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(name).with_extension("ts"), bytes).unwrap();
    };
    let good = read("good");
    let keep = |wanted: &dyn Fn(usize, &[u8]) -> bool| -> Vec<u8> {
        let packets = good.chunks(PACKET).enumerate();
        packets
            .filter(|(index, packet)| wanted(*index, packet))
            .flat_map(|(_, packet)| packet)
            .copied()
            .collect()
    };
    let count = good.len() / PACKET;
    let is_table = |packet: &[u8]| matches!(pid(packet), 0 | 17 | PMT);
    write("leading", &[b"\r\n", good.as_slice()].concat());
    write("leading_bom", &[b"\xef\xbb\xbf", good.as_slice()].concat());
    write("trailing", &[good.as_slice(), b"\n"].concat());
    write("truncated", &good[..good.len() - 100]);
    write(
        "ts204",
        &good
            .chunks(PACKET)
            .flat_map(|packet| [packet, &[0; 16]].concat())
            .collect::<Vec<_>>(),
    );
    write(
        "pat_late",
        &keep(&|index, packet| index >= 40 || !is_table(packet)),
    );
    write("first_not_pat", &keep(&|index, _| index >= 3));
    write("tables", &keep(&|index, _| index < 3));
    write("noaudio_packets", &keep(&|_, packet| pid(packet) != SOUND));
    write("novideo_packets", &keep(&|_, packet| pid(packet) != VIDEO));
    write(
        "hole",
        &keep(&|index, _| index < count / 3 || index > count / 2),
    );
    write("short", &keep(&|index, _| index < count / 4));
    write("concat_back", &good.repeat(2));
    write("jump", &[good.as_slice(), &read("later")].concat());
    write("change", &[good.as_slice(), &read("small")].concat());
    let mut errors = good.clone();
    for packet in errors
        .chunks_mut(PACKET)
        .filter(|packet| pid(packet) == VIDEO)
    {
        packet[1] |= 0x80;
    }
    write("tei", &errors);
    let mut no_clock = good.clone();
    for packet in no_clock.chunks_mut(PACKET) {
        if packet[3] & 0x20 != 0 && packet[4] >= 7 && packet[5] & 0x10 != 0 {
            packet[5] &= !0x10;
            packet[6..12].fill(0xff);
        }
    }
    write("nopcr", &no_clock);
    let long = read("longgop");
    let half = long.len() / PACKET / 2 * PACKET;
    write(
        "no_keyframe",
        &[&long[..3 * PACKET], &long[half..]].concat(),
    );
}

/// The folder with the clips, made once.
static CLIPS: LazyLock<Option<(TempDir, Vec<PathBuf>)>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    for (name, command) in commands() {
        let command = format!("{command} -f mpegts {name}.ts");
        if ffmpeg(folder.path(), &command).is_none() {
            println!("skipped: ffmpeg is not installed, or cannot make {name}.ts");
            if name == "good" {
                return None;
            }
        }
    }
    derive(folder.path());
    let files = fs::read_dir(folder.path()).unwrap();
    let files = files.map(|file| file.unwrap().path()).collect();
    Some((folder, files))
});

/// A digest of each decoded picture or each frame of sound, and when it is shown in seconds.
fn frames(folder: &Path, file: &str, stream: &str) -> Option<Vec<(String, f64)>> {
    // One thread, so that what is shown of damaged pictures is always the same.
    let text = ffmpeg(
        folder,
        &format!("-threads 1 -i {file} {stream} -f framemd5 -"),
    )?;
    let base = text.lines().find_map(|line| line.strip_prefix("#tb 0: "))?;
    let (one, scale) = base.split_once('/').unwrap();
    let base = one.parse::<f64>().unwrap() / scale.parse::<f64>().unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let frame = |row: &str| {
        let columns: Vec<_> = row.split(',').map(str::trim).collect();
        (
            columns[5].to_owned(),
            columns[2].parse::<f64>().unwrap() * base,
        )
    };
    Some(rows.map(frame).collect())
}

const VIDEO_OF: &str = "-map 0:v:0";
const SOUND_OF: &str = "-map 0:a:0 -c copy";

fn digests(frames: &[(String, f64)]) -> Vec<&str> {
    frames.iter().map(|(digest, _)| digest.as_str()).collect()
}

/// Compares one clip in one form. Says whether both have it.
fn compare(folder: &Path, name: &str, mp4: &Result<Vec<u8>, Error>, form: &str) -> bool {
    let theirs = format!("{name}.ffmpeg.mp4");
    let pictures = ffmpeg(folder, &format!("-i {name}.ts -map 0:v:0 -c copy {theirs}"))
        .and_then(|_| frames(folder, &theirs, VIDEO_OF));
    let (mp4, pictures) = match (mp4, pictures) {
        (Ok(mp4), Some(pictures)) => (mp4, pictures),
        (Err(Error::UnsupportedVideo(_)), Some(_)) => return false,
        (Err(_), None) => return false,
        (ours, theirs) => panic!(
            "{name}: {:?}, of ffmpeg: {}",
            ours.as_ref().err(),
            theirs.is_some()
        ),
    };
    let ours = format!("{name}.{form}.mp4");
    fs::write(folder.join(&ours), mp4).unwrap();
    let found = frames(folder, &ours, VIDEO_OF).unwrap();
    assert!(
        digests(&found) == digests(&pictures),
        "{name}, {form}: the pictures differ"
    );
    assert!(
        found[0].1.abs() < 0.2,
        "{name}, {form}: starts at {}",
        found[0].1
    );
    let both = format!("{name}.both.mp4");
    let copy = format!("-i {name}.ts -map 0:v:0 -map 0:a:0 -c copy -bsf:a aac_adtstoasc {both}");
    if ffmpeg(folder, &copy).is_some() {
        let sound = frames(folder, &both, SOUND_OF).unwrap();
        let ours_sound = frames(folder, &ours, SOUND_OF).unwrap();
        // ffmpeg keeps a last frame that is cut off.
        let count = if name == "truncated" {
            sound.len() - 1
        } else {
            sound.len()
        };
        assert!(
            digests(&ours_sound) == digests(&sound[..count]),
            "{name}, {form}: the sound differs"
        );
        let lag = |pictures: &[(String, f64)], sound: &[(String, f64)]| sound[0].1 - pictures[0].1;
        let pictures = frames(folder, &both, VIDEO_OF).unwrap();
        let (lag, expected) = (lag(&found, &ours_sound), lag(&pictures, &sound));
        assert!(
            (lag - expected).abs() < 0.002,
            "{name}, {form}: sound is {lag} s late, not {expected} s"
        );
        for (one, other) in found.iter().zip(&pictures) {
            let off = (one.1 - found[0].1) - (other.1 - pictures[0].1);
            assert!(
                off.abs() < 0.02,
                "{name}, {form}: a picture is off by {off} s"
            );
        }
    }
    true
}

#[test]
fn pictures_and_sound_are_those_of_ffmpeg() {
    let Some((folder, clips)) = &*CLIPS else {
        println!("skipped: ffmpeg is not installed");
        return;
    };
    let mut compared = Vec::new();
    for clip in clips {
        let name = clip.file_stem().unwrap().to_str().unwrap();
        let bytes = fs::read(clip).unwrap();
        let indexed = indexed_in(&bytes, 64 << 10).map(|(_, mp4)| mp4);
        let fragmented = fragmented_in(&bytes, 64 << 10).map(|(_, mp4)| mp4);
        if compare(folder.path(), name, &indexed, "indexed")
            & compare(folder.path(), name, &fragmented, "fragmented")
        {
            compared.push(name);
        }
    }
    compared.sort_unstable();
    println!("{} clips compared: {compared:?}", compared.len());
    assert!(compared.contains(&"good"));
}

#[test]
fn ffprobe_sees_the_tags_and_durations_that_players_need() {
    let Some((folder, _)) = &*CLIPS else {
        println!("skipped: ffmpeg is not installed");
        return;
    };
    for (name, tag) in [("good", "avc1"), ("hevc", "hvc1")] {
        let Ok(bytes) = fs::read(folder.path().join(name).with_extension("ts")) else {
            continue;
        };
        let (_, mp4) = indexed_in(&bytes, 64 << 10).unwrap();
        fs::write(folder.path().join("probed.mp4"), mp4).unwrap();
        let probe = Command::new("ffprobe")
            .args("-v error -show_streams -show_format -of json probed.mp4".split(' '))
            .current_dir(folder.path())
            .output()
            .unwrap();
        let found: serde_json::Value = serde_json::from_slice(&probe.stdout).unwrap();
        assert_eq!(found["streams"][0]["codec_tag_string"], tag);
        for duration in [&found["format"], &found["streams"][0], &found["streams"][1]] {
            let duration: f64 = duration["duration"].as_str().unwrap().parse().unwrap();
            assert!((3.9..4.1).contains(&duration), "{name}: {duration} s");
        }
        assert!(String::from_utf8_lossy(&probe.stderr).is_empty());
    }
}
