//! Several runs in one folder, one after another and at once.

use std::fs::File;
use std::path::Path;
use std::process::{Output, Stdio};

use http::StatusCode;
use meraki_mock::{CLIP, Camera, MockConfig, Scripted, Target};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::command::{ago, command, json, run, words};
use super::{folder, names};
use crate::support::{SERIAL, World};

fn with_cameras(serials: &[String]) -> MockConfig {
    MockConfig::default().cameras(serials.iter().map(Camera::new).collect())
}

/// The entries of this type in the log.
fn entries(folder: &Path, kind: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(folder.join("log.jsonl")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|entry: &Value| entry["type"] == kind)
        .collect()
}

fn asked(world: &World) -> usize {
    let requests = world.mock.requests();
    let is_api = |target| !matches!(target, Target::Media);
    requests
        .iter()
        .filter(|request| is_api(request.target))
        .count()
}

/// F1.
#[tokio::test]
async fn runs_at_once_lose_no_record() {
    let cameras: Vec<_> = (0..8).map(|n| format!("Q2MV-{n:04}-0000")).collect();
    let (world, folder) = (World::with(with_cameras(&cameras)).await, folder());
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    let children: Vec<_> = cameras
        .iter()
        .map(|camera| {
            let arguments = ["incident", camera, "--at", &at, "--out", out];
            command(&world, &arguments).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    }
    let verified = run(&world, &["verify", out, "--json"]).await;
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    assert_eq!(json(&verified)["files"], 16);
    assert_eq!(entries(folder.path(), "run").len(), 8);
}

#[tokio::test]
async fn a_run_says_that_it_waits_for_another_one_or_ends_at_once() {
    let (world, folder) = (World::new().await, folder());
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    let log = File::create(folder.path().join("log.jsonl")).unwrap();
    log.lock().unwrap();
    let arguments = ["incident", SERIAL, "--at", &at, "--out", out];
    let refused = run(&world, &[&arguments[..], &["--no-wait"]].concat()).await;
    assert_eq!(refused.status.code(), Some(75));
    let error = words(&refused.stderr);
    assert!(
        error.contains("the folder is in use by another run"),
        "{error}"
    );

    let mut waiting = command(&world, &arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    assert!(
        first.starts_with("note: waiting for the folder") && first.contains("--no-wait"),
        "{first}"
    );
    assert_eq!(asked(&world), 0);
    drop(log);
    assert_eq!(waiting.wait().await.unwrap().code(), Some(0));
}

/// F2: with a deadline for the command, each run gets further.
#[tokio::test]
async fn a_range_that_was_interrupted_asks_only_for_what_is_missing() {
    let (world, folder) = (World::new().await, folder());
    let out = folder.path().to_str().unwrap();
    let (start, end) = (ago(80), ago(20));
    let arguments = [
        "range", SERIAL, "--start", &start, "--end", &end, "--out", out,
    ];
    // Some clips are there, and then the API fails.
    world.mock.script(
        [Scripted::Pass, Scripted::Pass, Scripted::Pass]
            .into_iter()
            .chain(std::iter::repeat_with(|| Scripted::error(StatusCode::NOT_FOUND, "no")).take(9)),
    );
    let first = run(&world, &arguments).await;
    assert_eq!(first.status.code(), Some(1));
    let before = asked(&world);
    assert_eq!(before, 12);
    let second = run(&world, &arguments).await;
    assert_eq!(second.status.code(), Some(0), "{}", words(&second.stderr));
    let printed = words(&second.stdout);
    assert!(
        printed.starts_with(&format!(
            "12 clips in {out}. This run: 9 downloaded, 3 already there, 0 failed"
        )),
        "{printed}"
    );
    assert_eq!(asked(&world), before + 9);
    let third = run(&world, &arguments).await;
    assert_eq!(third.status.code(), Some(0));
    assert_eq!(asked(&world), before + 9);
    // What changes nothing is not recorded: a command that runs every hour would fill the log.
    assert_eq!(entries(folder.path(), "kept").len(), 0);
}

/// Saves a clip, damages it, and runs the command again while the API answers with an error, or not.
async fn damaged(works: bool) -> (World, tempfile::TempDir, Output, Output) {
    let world = World::new().await.set("MV_CLIP_MAX_ATTEMPTS", "1");
    let folder = folder();
    let at = ago(20);
    let out = folder.path().to_str().unwrap().to_owned();
    let arguments = ["incident", SERIAL, "--at", &at, "--out", &out, "--json"];
    let first = run(&world, &arguments).await;
    let clip = folder.path().join(clip_of(&json(&first)));
    let mut bytes = CLIP.to_vec();
    bytes[1_000] ^= 0x80;
    std::fs::write(&clip, bytes).unwrap();
    if !works {
        let busy = Scripted::error(StatusCode::SERVICE_UNAVAILABLE, "Try again");
        world.mock.script([busy]);
    }
    let second = run(&world, &arguments).await;
    (world, folder, first, second)
}

fn clip_of(manifest: &Value) -> &str {
    manifest["files"][0]["name"].as_str().unwrap()
}

/// F3.
#[tokio::test]
async fn a_failure_leaves_the_record_of_a_clip_and_tells_the_loss() {
    let (world, folder, first, second) = damaged(false).await;
    assert_eq!(second.status.code(), Some(75), "{second:?}");
    let note = words(&second.stderr);
    assert!(
        note.starts_with("note: ") && note.contains("has changed: its SHA-256 differs"),
        "{note}"
    );
    let (first, second) = (json(&first), json(&second));
    assert_eq!(second["files"], first["files"]);
    assert_eq!(second["lost"][0]["name"], first["files"][0]["name"]);
    assert_eq!(second["failures"][0]["kind"], "unavailable");
    let mp4 = first["files"][0]["mp4"]["name"].as_str().unwrap();
    assert!(names(folder.path()).contains(&mp4.to_owned()));
    let out = folder.path().to_str().unwrap();
    let verified = run(&world, &["verify", out, "--json"]).await;
    assert_eq!(
        json(&verified)["differences"].as_array().unwrap().len(),
        1,
        "{verified:?}"
    );
}

#[tokio::test]
async fn a_tampered_clip_is_replaced_and_the_loss_is_reported_and_recorded() {
    let (world, folder, first, second) = damaged(true).await;
    assert_eq!(second.status.code(), Some(0), "{second:?}");
    let note = words(&second.stderr);
    assert!(
        note.contains(clip_of(&json(&first))) && note.contains("has changed"),
        "{note}"
    );
    assert_eq!(json(&second)["lost"], Value::Array(Vec::new()));
    assert_eq!(entries(folder.path(), "saved").len(), 2);
    assert_eq!(entries(folder.path(), "lost").len(), 1);
    let verified = run(&world, &["verify", folder.path().to_str().unwrap()]).await;
    assert_eq!(verified.status.code(), Some(0));
}

#[tokio::test]
async fn a_file_that_is_not_in_the_log_is_replaced_and_reported_and_recorded() {
    let (world, folder) = (World::new().await, folder());
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    let arguments = ["incident", SERIAL, "--at", &at, "--out", out, "--json"];
    let first = json(&run(&world, &arguments).await);
    for name in ["log.jsonl", "manifest.json"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let second = run(&world, &arguments).await;
    assert_eq!(second.status.code(), Some(0), "{second:?}");
    let note = words(&second.stderr);
    let expected = format!("note: {} is not in the log", clip_of(&first));
    assert!(note.starts_with(&expected), "{note}");
    assert_eq!(entries(folder.path(), "lost").len(), 1);
}

/// R13: a run says what it was asked for, and by what.
#[tokio::test]
async fn the_log_says_what_was_asked_for_and_by_what() {
    let (world, folder) = (World::new().await, folder());
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    run(&world, &["incident", SERIAL, "--at", &at, "--out", out]).await;
    let [entry] = &entries(folder.path(), "run")[..] else {
        panic!("one run")
    };
    assert_eq!(entry["tool"], "mv-clip 0.1.0");
    let expected = format!("incident {SERIAL} --at {at} --out {out}");
    assert_eq!(entry["command"], expected);
    assert_eq!(entry["windows"][0]["serial"], SERIAL);
    let component = std::fs::read(crate::support::component_file()).unwrap();
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(component));
    assert_eq!(entry["component"], digest);
    assert_eq!(entry["policy"][0], world.origin());
    assert_eq!(entry["previous"], Value::Null);
}
