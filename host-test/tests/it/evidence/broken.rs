//! Failed and resumed downloads.

use std::future::ready;
use std::time::Duration;

use http::header::CONTENT_RANGE;
use http::{Response, StatusCode};
use meraki_mock::{CLIP, MockConfig, Point, Scripted, WireFault};
use mv_clip_footage::Footage;
use mv_clip_host::ClipRequest;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::{assert_complete, collector, folder, name, names, save, window, window_of};
use crate::simulated::Simulated;
use crate::support::{SERIAL, World};

/// The names in a folder whose only clip failed.
const NOTHING_SAVED: [&str; 3] = ["log.jsonl", "manifest.json", "report.html"];

/// A folder with a partial clip of an earlier run, which recorded it.
fn folder_with_partial(request: &ClipRequest, bytes: &[u8]) -> TempDir {
    let folder = folder_with_file(request, bytes);
    let mut line = serde_json::to_value(Footage::try_from(request).unwrap()).unwrap();
    line["type"] = "unfinished".into();
    line["size"] = bytes.len().into();
    line["sha256"] = hex::encode(Sha256::digest(bytes)).into();
    std::fs::write(folder.path().join("log.jsonl"), format!("{line}\n")).unwrap();
    folder
}

/// A folder with a partial clip, of which no run knows.
fn folder_with_file(request: &ClipRequest, bytes: &[u8]) -> TempDir {
    let folder = folder();
    let path = folder.path().join(format!("{}.part", name(request)));
    std::fs::write(path, bytes).unwrap();
    folder
}

#[tokio::test]
async fn an_interrupted_download_resumes() {
    let (world, folder) = (World::new().await, folder());
    world.mock.script_media([WireFault::Close(Point::InBody)]);
    let request = window();
    let collected = save(&world, &folder, std::slice::from_ref(&request)).await;
    assert_eq!(collected.fetched, 1);
    assert_complete(&folder, &request);
    assert_eq!(world.media_statuses(), [None, Some(206)]);
}

#[tokio::test]
async fn a_partial_clip_of_an_earlier_run_is_resumed() {
    // Not a whole number of packets; more than the overlap; the whole clip.
    for length in [20_000, 188 * 290, CLIP.len()] {
        let (world, request) = (World::new().await, window());
        let folder = folder_with_partial(&request, &CLIP[..length]);
        save(&world, &folder, std::slice::from_ref(&request)).await;
        assert_complete(&folder, &request);
        assert_eq!(world.media_statuses(), [Some(206)], "{length} bytes");
    }
}

/// The bytes that are compared with those of the media host are not the ones that were changed.
#[tokio::test]
async fn a_partial_file_that_no_run_left_is_never_footage() {
    let mut changed = CLIP.to_vec();
    changed[188 * 30 + 100] ^= 1;
    let (world, request) = (World::new().await, window());
    for bytes in [CLIP, &changed] {
        let folder = folder_with_file(&request, bytes);
        save(&world, &folder, std::slice::from_ref(&request)).await;
        assert_complete(&folder, &request);
    }
    let folder = folder_with_partial(&request, CLIP);
    let path = folder.path().join(format!("{}.part", name(&request)));
    std::fs::write(path, &changed).unwrap();
    save(&world, &folder, std::slice::from_ref(&request)).await;
    assert_complete(&folder, &request);
    assert_eq!(world.media_statuses(), [Some(200); 3]);
}

#[tokio::test]
async fn a_partial_file_of_another_clip_is_discarded() {
    let mut packets: Vec<&[u8]> = CLIP[..188 * 100].chunks(188).collect();
    packets.reverse();
    let (world, request) = (World::new().await, window());
    let folder = folder_with_partial(&request, &packets.concat());
    save(&world, &folder, std::slice::from_ref(&request)).await;
    assert_complete(&folder, &request);
    assert_eq!(world.media_statuses(), [Some(206), Some(200)]);
}

#[tokio::test]
async fn a_partial_file_of_a_longer_clip_is_discarded() {
    let (world, request) = (World::new().await, window());
    let folder = folder_with_partial(&request, &[CLIP, CLIP, CLIP].concat());
    save(&world, &folder, std::slice::from_ref(&request)).await;
    assert_complete(&folder, &request);
    assert_eq!(world.media_statuses(), [Some(416), Some(200)]);
}

#[tokio::test]
async fn an_invalid_partial_file_is_discarded() {
    let (world, request) = (World::new().await, window());
    let folder = folder_with_partial(&request, b"<html>502 Bad Gateway</html>");
    save(&world, &folder, std::slice::from_ref(&request)).await;
    assert_complete(&folder, &request);
    assert_eq!(world.media_statuses(), [Some(200)]);
}

#[tokio::test]
async fn without_range_support_the_download_restarts() {
    let (world, folder) = (World::new().await, folder());
    world.mock.script_media([
        WireFault::Close(Point::InBody).into(),
        Scripted::from(Response::new(CLIP)),
    ]);
    let request = window();
    save(&world, &folder, std::slice::from_ref(&request)).await;
    assert_complete(&folder, &request);
    assert_eq!(world.media_statuses(), [None, Some(200)]);
}

/// RFC 9110, section 15.3.7: a server may send less than the requested range.
#[tokio::test]
async fn a_short_partial_response_is_not_the_whole_rest() {
    let (world, request) = (World::new().await, window());
    let folder = folder_with_partial(&request, &CLIP[..188 * 100]);
    let end = 188 * 200;
    let range = format!("bytes 0-{}/{}", end - 1, CLIP.len());
    let part = Response::builder()
        .status(StatusCode::PARTIAL_CONTENT)
        .header(CONTENT_RANGE, range)
        .body(&CLIP[..end]);
    world.mock.script_media([Scripted::from(part.unwrap())]);
    save(&world, &folder, std::slice::from_ref(&request)).await;
    assert_complete(&folder, &request);
    assert_eq!(world.media_statuses(), [Some(206); 2]);
}

/// F10: the same statuses as for `save-clip`.
#[tokio::test]
async fn a_media_host_that_cannot_answer_now_is_asked_again() {
    let _time = Simulated::in_steps_of(Duration::from_millis(100));
    for status in [202, 204, 205, 408, 425, 429, 503] {
        let (world, folder) = (World::new().await, folder());
        let reply = Response::builder().status(status).body("");
        world.mock.script_media([Scripted::from(reply.unwrap())]);
        let request = window();
        let collected = save(&world, &folder, std::slice::from_ref(&request)).await;
        assert_eq!(collected.fetched, 1, "{status}: {collected:?}");
        assert_complete(&folder, &request);
        assert_eq!(world.media_statuses(), [Some(status), Some(200)]);
    }
}

/// F11.
#[tokio::test]
async fn a_part_that_nobody_asked_for_is_not_the_clip() {
    let end = 188 * (CLIP.len() / 188 / 4);
    let range = format!("bytes 0-{}/{}", end - 1, CLIP.len());
    for range in [None, Some(range)] {
        let (world, folder) = (World::new().await, folder());
        let mut part = Response::builder().status(StatusCode::PARTIAL_CONTENT);
        if let Some(range) = range {
            part = part.header(CONTENT_RANGE, range);
        }
        let part = part.body(&CLIP[..end]).unwrap();
        world.mock.script_media([Scripted::from(part)]);
        let request = window();
        save(&world, &folder, std::slice::from_ref(&request)).await;
        assert_complete(&folder, &request);
        assert_eq!(world.media_statuses(), [Some(206), Some(200)]);
    }
}

/// R13: a component chooses what it answers.
#[tokio::test]
async fn a_clip_that_nobody_asked_for_is_not_saved() {
    let (world, folder) = (World::new().await, folder());
    let request = window();
    let collector = collector(&world, folder.path(), std::slice::from_ref(&request)).await;
    let other = window_of(SERIAL, 1);
    let answer = world.request(&other);
    collector.save(&request, answer).await.unwrap();
    let collected = collector.finish().await.unwrap().collected;
    let [missing] = collected.failures.as_slice() else {
        panic!("{collected:?}")
    };
    assert_eq!(
        (&*missing.kind, missing.transient),
        ("component-failed", false)
    );
    assert!(missing.message.contains("nobody asked for"), "{missing:?}");
    assert_eq!(world.media_statuses(), []);
    assert_eq!(names(folder.path()), NOTHING_SAVED);
}

#[tokio::test]
async fn a_clip_that_is_not_available_yet_is_retried() {
    let config = MockConfig::default().media_not_ready(2);
    let (world, folder) = (World::with(config).await, folder());
    let request = window();
    save(&world, &folder, std::slice::from_ref(&request)).await;
    assert_complete(&folder, &request);
    assert_eq!(world.media_statuses(), [Some(404), Some(404), Some(200)]);
}

/// Some stores also answer 403 until a clip is there.
#[tokio::test]
async fn an_expired_url_is_requested_again() {
    for expired in [StatusCode::FORBIDDEN, StatusCode::GONE] {
        let (world, folder) = (World::new().await, folder());
        world
            .mock
            .script_media([Scripted::error(expired, "Expired")]);
        let request = window();
        save(&world, &folder, std::slice::from_ref(&request)).await;
        assert_complete(&folder, &request);
        let expired = expired.as_u16();
        assert_eq!(
            world.statuses(),
            [Some(200), Some(expired), Some(200), Some(200)]
        );
    }
}

#[tokio::test]
async fn an_invalid_clip_is_never_saved() {
    let (world, folder) = (World::new().await, folder());
    let page = || Scripted::from(Response::new("<html>Please sign in</html>"));
    world
        .mock
        .script_media([page(), page(), page(), page(), page(), page()]);
    let collected = save(&world, &folder, &[window()]).await;
    let [missing] = collected.failures.as_slice() else {
        panic!("{collected:?}")
    };
    assert_eq!(
        (&*missing.kind, missing.transient),
        ("download-failed", true)
    );
    let named = missing.message.matches("HTML page").count();
    assert_eq!(named, 1, "{}", missing.message);
    assert_eq!(names(folder.path()), NOTHING_SAVED);
}

#[tokio::test]
async fn a_clip_that_ends_inside_a_packet_is_fetched_again() {
    let (world, folder) = (World::new().await, folder());
    world
        .mock
        .script_media([Scripted::from(Response::new(&CLIP[..1_000]))]);
    let request = window();
    save(&world, &folder, std::slice::from_ref(&request)).await;
    assert_complete(&folder, &request);
    assert_eq!(world.media_statuses(), [Some(200), Some(200)]);
}

#[tokio::test]
async fn a_connection_error_contains_no_url() {
    let (world, folder) = (World::new().await, folder());
    let cut = || WireFault::Close(Point::InHeaders);
    world
        .mock
        .script_media([cut(), cut(), cut(), cut(), cut(), cut()]);
    let collected = save(&world, &folder, &[window()]).await;
    let [missing] = collected.failures.as_slice() else {
        panic!("{collected:?}")
    };
    assert!(
        missing.message.starts_with("cannot fetch the clip"),
        "{}",
        missing.message
    );
    assert!(
        !format!("{collected:?}").contains("/media/"),
        "{collected:?}"
    );
    assert_eq!(names(folder.path()), NOTHING_SAVED);
}

/// A media host that sends a packet every five seconds, and never stops.
async fn drips() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
                // The request fits.
                assert!(connection.read(&mut [0; 4_096]).await? > 0);
                connection.write_all(head.as_bytes()).await?;
                for packet in CLIP.chunks(188).cycle() {
                    connection.write_all(packet).await?;
                    sleep(Duration::from_secs(5)).await;
                }
                std::io::Result::Ok(())
            });
        }
    });
    origin
}

#[tokio::test]
async fn a_clip_that_drips_ends_by_a_deadline_and_can_be_resumed() {
    let origin = drips().await;
    let (world, folder) = (World::new().await.also(&origin), folder());
    let reply = format!(r#"{{"url":"{origin}/clip"}}"#).into_bytes();
    world.mock.script([Scripted::from(Response::new(reply))]);
    let request = window();
    let outcome = world.request(&request).await.unwrap();
    let (size, failure) = {
        let _time = Simulated::in_steps_of(Duration::from_secs(1));
        let started = Instant::now();
        let collector = collector(&world, folder.path(), std::slice::from_ref(&request)).await;
        collector.save(&request, ready(Ok(outcome))).await.unwrap();
        let collected = collector.finish().await.unwrap().collected;
        // Four times two minutes, and one. Time also passes while files are written.
        assert!(started.elapsed().as_secs() >= 540);
        let part = folder.path().join(format!("{}.part", name(&request)));
        (
            std::fs::metadata(part).unwrap().len(),
            collected.failures[0].clone(),
        )
    };
    assert!(failure.transient, "{failure:?}");
    assert!(
        failure.message.contains("did not arrive within 540 s"),
        "{failure:?}"
    );
    assert!(size > 0 && size % 188 == 0, "{size}");
}
