//! The MP4 of a clip. Skipped with a message if ffmpeg is missing.

use std::path::Path;
use std::process::Stdio;

use http::Response;
use meraki_mock::{CLIP, Scripted};
use serde_json::Value;
use tokio::process::Command;

use super::{folder, save, window};
use crate::support::World;

async fn has_ffmpeg() -> bool {
    let mut has = true;
    for program in ["ffmpeg", "ffprobe"] {
        let started = Command::new(program)
            .arg("-version")
            .stdout(Stdio::null())
            .status();
        if started.await.is_err() {
            eprintln!("skipped: {program} is not installed (Debian: apt-get install ffmpeg)");
            has = false;
        }
    }
    has
}

/// The codecs of a file, and its duration in seconds.
async fn probe(path: &Path) -> (Vec<String>, f64) {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args([
        "-v",
        "error",
        "-show_streams",
        "-show_format",
        "-of",
        "json",
    ]);
    let output = ffprobe.arg(path).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let streams = found["streams"].as_array().unwrap();
    let codecs = streams
        .iter()
        .map(|stream| stream["codec_name"].as_str().unwrap().to_owned());
    let duration = found["format"]["duration"].as_str().unwrap();
    (codecs.collect(), duration.parse().unwrap())
}

async fn saved_codecs(clip: &[u8]) -> (Vec<String>, f64) {
    let (world, folder) = (World::new().await, folder());
    world
        .mock
        .script_media([Scripted::from(Response::new(clip.to_vec()))]);
    let collected = save(&world, &folder, &[window()]).await;
    assert_eq!(collected.notes, [""; 0]);
    let mp4 = collected.manifest.files[0].mp4.as_ref().unwrap();
    probe(&folder.path().join(&mp4.name)).await
}

#[tokio::test]
async fn has_the_video_and_audio_of_the_clip() {
    if has_ffmpeg().await {
        let (codecs, seconds) = saved_codecs(CLIP).await;
        assert_eq!(codecs, ["h264", "aac"]);
        assert!((3.9..4.2).contains(&seconds), "{seconds} s");
    }
}

#[tokio::test]
async fn a_clip_without_audio_is_converted_too() {
    if has_ffmpeg().await {
        let (folder, fixture) = (
            folder(),
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../crates/meraki-mock/fixtures/clip.ts"
            ),
        );
        let silent = folder.path().join("silent.ts");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args([
            "-nostdin",
            "-loglevel",
            "error",
            "-i",
            fixture,
            "-c",
            "copy",
            "-an",
        ]);
        assert!(ffmpeg.arg(&silent).status().await.unwrap().success());
        let (codecs, seconds) = saved_codecs(&std::fs::read(&silent).unwrap()).await;
        assert_eq!(codecs, ["h264"]);
        assert!((3.9..4.2).contains(&seconds), "{seconds} s");
    }
}

#[tokio::test]
async fn a_lost_mp4_is_made_again_without_a_download() {
    if has_ffmpeg().await {
        let (world, folder) = (World::new().await, folder());
        let first = save(&world, &folder, &[window()]).await;
        let mp4 = first.manifest.files[0].mp4.clone().unwrap();
        std::fs::write(folder.path().join(&mp4.name), "spoilt").unwrap();
        let second = save(&world, &folder, &[window()]).await;
        assert_eq!((second.fetched, second.kept), (0, 1));
        assert_eq!(
            probe(&folder.path().join(&mp4.name)).await.0,
            ["h264", "aac"]
        );
    }
}
