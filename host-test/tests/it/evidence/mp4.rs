//! The MP4 of a clip, and clips that are none.

use std::path::Path;
use std::process::Command;

use chrono::{DateTime, Utc};
use http::Response;
use meraki_mock::{CLIP, MockConfig, Scripted, read_caption};
use mv_clip_footage::Collected;
use mv_clip_host::ClipRequest;

use super::{folder, save, window, window_of};
use crate::support::World;

/// The packets of the clip with one of these PIDs.
fn clip_of(pids: &[u16]) -> Vec<u8> {
    let pid = |packet: &[u8]| u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
    let packets = CLIP
        .chunks(188)
        .filter(|packet| pids.contains(&pid(packet)));
    packets.flatten().copied().collect()
}

/// The tables of the clip.
const TABLES: [u16; 2] = [0, 0x1000];
const VIDEO: u16 = 0x100;
const SOUND: u16 = 0x101;

/// Saves a clip that the media host sends, whatever it is. The MP4 is its second result.
async fn saved(clip: &[u8]) -> (Collected, Option<Vec<u8>>) {
    let (world, folder) = (World::new().await, folder());
    let reply = || Scripted::from(Response::new(clip.to_vec()));
    world.mock.script_media([reply()]);
    let collected = save(&world, &folder, &[window()]).await;
    let file = collected.manifest.files.first();
    let mp4 = file.and_then(|file| file.mp4.as_ref());
    let mp4 = mp4.map(|mp4| std::fs::read(folder.path().join(&mp4.name)).unwrap());
    (collected, mp4)
}

fn count(mp4: &[u8], kind: &[u8; 4]) -> usize {
    mp4.windows(4).filter(|window| window == kind).count()
}

#[tokio::test]
async fn has_the_video_and_audio_of_the_clip() {
    let (collected, mp4) = saved(CLIP).await;
    assert_eq!(collected.notes, [""; 0]);
    let mp4 = mp4.unwrap();
    assert_eq!((count(&mp4, b"avc1"), count(&mp4, b"mp4a")), (1, 1));
    let at = |kind: &[u8; 4]| mp4.windows(4).position(|window| window == kind);
    assert!(at(b"moov") < at(b"mdat"), "the index comes first");
    assert_eq!(collected.manifest.files[0].footage_ms, 4_000);
}

#[tokio::test]
async fn if_declared_sound_is_absent_only_the_sound_is_left_out() {
    let [pat, pmt] = TABLES;
    let (collected, mp4) = saved(&clip_of(&[pat, pmt, VIDEO])).await;
    let mp4 = mp4.unwrap();
    assert_eq!((count(&mp4, b"avc1"), count(&mp4, b"mp4a")), (1, 0));
    let content = &collected.manifest.files[0].content;
    assert!(
        content.ends_with("; The stream declares sound, but has none"),
        "{content}"
    );
}

#[tokio::test]
async fn holes_do_not_count_as_footage() {
    let [pat, pmt] = TABLES;
    let clip = clip_of(&[pat, pmt, VIDEO]);
    let packets: Vec<_> = clip.chunks(188).collect();
    let (third, half) = (packets.len() / 3, packets.len() / 2);
    let with_hole = [&packets[..third], &packets[half..]].concat().concat();
    let (collected, _) = saved(&with_hole).await;
    let file = &collected.manifest.files[0];
    assert!(
        (3_000..3_700).contains(&file.footage_ms),
        "{}",
        file.footage_ms
    );
    assert!(
        file.content.contains(" s missing in 1 hole"),
        "{}",
        file.content
    );
}

#[tokio::test]
async fn a_stream_without_a_picture_is_no_clip() {
    let [pat, pmt] = TABLES;
    let null = [&[0x47, 0x1f, 0xff, 0x10][..], &[0xff; 184]].concat();
    for clip in [
        clip_of(&[pat, pmt]),
        clip_of(&[pat, pmt, SOUND]),
        null.repeat(9),
    ] {
        let folder = folder();
        let config = MockConfig::default().clip(clip);
        let world = World::with(config).await;
        let collected = save(&world, &folder, &[window()]).await;
        assert_eq!((collected.fetched, collected.failures.len()), (0, 1));
    }
}

#[tokio::test]
async fn a_lost_mp4_is_made_again_without_a_download() {
    let (world, folder) = (World::new().await, folder());
    let first = save(&world, &folder, &[window()]).await;
    let mp4 = first.manifest.files[0].mp4.clone().unwrap();
    let path = folder.path().join(&mp4.name);
    let made = std::fs::read(&path).unwrap();
    std::fs::write(&path, "spoilt").unwrap();
    let second = save(&world, &folder, &[window()]).await;
    assert_eq!((second.fetched, second.kept), (0, 1));
    assert!(std::fs::read(&path).unwrap() == made);
}

/// The first picture of an MP4 from this second on, decoded by ffmpeg. `None` if ffmpeg is not installed.
fn picture(file: &Path, second: &str) -> Option<Vec<u8>> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-ss", second, "-i"])
        .arg(file)
        .args("-frames:v 1 -f rawvideo -pix_fmt yuv420p pipe:1".split(' '))
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: there is no ffmpeg (Debian: apt-get install ffmpeg)");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(output.stdout)
}

#[tokio::test]
async fn shows_the_camera_and_the_minute_that_were_asked_for() {
    let world = World::with_footage(MockConfig::default()).await;
    let folder = folder();
    let request = ClipRequest {
        imager_id: Some(3),
        ..window_of("Q2MV-MOCK-0004", 0)
    };
    let collected = save(&world, &folder, std::slice::from_ref(&request)).await;
    let file = &collected.manifest.files[0];
    assert_eq!(file.footage_ms, 120_000);
    let mp4 = folder.path().join(&file.mp4.as_ref().unwrap().name);
    // The pictures come ten times a second, on the clock's tenths.
    let start: DateTime<Utc> = request.start.parse().unwrap();
    let first = (start.timestamp_millis() + 99) / 100 * 100;
    for (second, after) in [("0", 0), ("60", 60_000), ("119.9", 119_900)] {
        let Some(picture) = picture(&mp4, second) else {
            return;
        };
        let time = DateTime::from_timestamp_millis(first + after).unwrap();
        let tenths = time.timestamp_subsec_millis() / 100;
        let time = time.format("%Y-%m-%d %H:%M:%S");
        let expected = format!("Q2MV-MOCK-0004.3 {time}.{tenths}Z");
        assert_eq!(read_caption(&picture), Some(expected), "at {second} s");
    }
}
