//! A long range, interrupted again and again.

use std::time::Instant;

use meraki_mock::{CLIP, MockConfig, Target};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike;
use nix::unistd::Pid;

use super::command::{command, json, run, text, until, words};
use super::{folder, names, save, window};
use crate::support::{SERIAL, World};

/// How many calls of a command run at once.
const AT_ONCE: usize = 8;

/// Saves that many clips of five minutes with a command that is interrupted that many times, at a rate of eight clips a
/// second.
async fn saved(clips: usize, interruptions: usize) {
    let world = World::with(MockConfig::default()).await;
    let world = world.set("MV_CLIP_REQUESTS_PER_SECOND", "8");
    let folder = folder();
    let out = folder.path().to_str().unwrap();
    let length = chrono::TimeDelta::minutes(5) * i32::try_from(clips).unwrap();
    let end = chrono::Utc::now() - chrono::TimeDelta::minutes(10);
    let (start, end) = (text(end - length), text(end));
    let arguments = [
        "range", SERIAL, "--start", &start, "--end", &end, "--out", out,
    ];
    let started = Instant::now();
    for turn in 1..=interruptions {
        let mut child = command(&world, &arguments).spawn().unwrap();
        let process = Pid::from_raw(child.id().unwrap().try_into().unwrap());
        let enough = clips * turn / (interruptions + 1);
        until(folder.path(), |folder| {
            let all = names(folder);
            all.iter().filter(|name| name.ends_with(".ts")).count() >= enough
        })
        .await;
        // It may have ended meanwhile. It is a process until it was waited for.
        kill(process, Signal::SIGINT).unwrap();
        child.wait().await.unwrap();
    }
    let output = run(&world, &arguments).await;
    let elapsed = started.elapsed();
    assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    let verified = run(&world, &["verify", out, "--json"]).await;
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    assert_eq!(json(&verified)["files"], clips * 2);

    let requests = world.mock.requests();
    let asked = requests
        .iter()
        .filter(|request| !matches!(request.target, Target::Media));
    let asked = asked.count();
    // Each interruption costs the calls in flight.
    let most = clips + AT_ONCE * interruptions;
    assert!((clips..=most).contains(&asked), "{asked} requests");
    let memory = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    println!(
        "{clips} clips, {interruptions} interruptions: {elapsed:?}, {asked} requests to the API, {} MiB at most",
        memory / 1_024
    );
}

#[tokio::test]
async fn an_interruption_costs_few_requests() {
    saved(24, 4).await;
}

/// How long the files of a clip of 60 MB take once it is there: its hash, its MP4 and making both durable.
#[tokio::test]
#[ignore = "measures"]
async fn a_large_clip() {
    let times = 60_000_000 / CLIP.len();
    let world = World::with(MockConfig::default().clip(CLIP.repeat(times))).await;
    let folder = folder();
    let requests = [window()];
    save(&world, &folder, &requests).await;
    for _ in 0..3 {
        let mp4 = names(folder.path())
            .into_iter()
            .find(|name| name.ends_with(".mp4"));
        std::fs::remove_file(folder.path().join(mp4.unwrap())).unwrap();
        let (started, computed) = (Instant::now(), computed());
        let collected = save(&world, &folder, &requests).await;
        println!(
            "{:?}, {} ms of it computing, for {} bytes",
            started.elapsed(),
            self::computed() - computed,
            CLIP.len() * times
        );
        assert_eq!(collected.kept, 1);
    }
}

/// The time that this process computed, in milliseconds.
fn computed() -> i64 {
    let used = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    (used.user_time() + used.system_time()).num_milliseconds()
}

#[tokio::test]
#[ignore = "takes minutes: cargo test -p mv-clip-cli --test it day -- --ignored --nocapture"]
async fn a_day_of_a_camera() {
    saved(288, 0).await;
    saved(288, 10).await;
}
