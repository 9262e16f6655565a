//! The commands for evidence folders.

use std::fs::Permissions;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::StatusCode;
use meraki_mock::{CLIP, Camera, MockConfig, Scripted, WireFault};
use mv_clip_host::RateLimit;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::Command;

use super::{folder, names};
use crate::support::{CACHE, SERIAL, World, component_file};

pub(super) fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mv-clip"));
    command
        .args(arguments)
        .env_clear()
        .envs(world.variables())
        .env("MV_CLIP_COMPONENT", component_file())
        .env("MV_CLIP_CACHE", CACHE)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub(super) async fn run(world: &World, arguments: &[&str]) -> Output {
    command(world, arguments).output().await.unwrap()
}

pub(super) fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn ago(minutes: i64) -> String {
    text(Utc::now() - TimeDelta::minutes(minutes))
}

pub(super) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(super) fn words(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn an_incident_is_saved_for_each_camera_and_verified() {
    let (world, folder) = (World::new().await, folder());
    let out = folder.path().to_str().unwrap();
    let at = ago(20);
    let cameras = [SERIAL, "Q2XX-NONE-0000", SERIAL];
    let arguments = [
        &["incident"],
        &cameras[..],
        &["--at", &at, "--pre", "10", "--out", out],
    ];
    let output = run(&world, &arguments.concat()).await;
    assert_eq!(output.status.code(), Some(1), "one camera is unknown");
    let error = words(&output.stderr);
    assert!(error.starts_with("error: Q2XX-NONE-0000 from "), "{error}");
    assert!(words(&output.stdout).starts_with("1 clip in "));
    assert_eq!(world.media_statuses(), [Some(200)]);

    let verified = run(&world, &["verify", out, "--json"]).await;
    assert_eq!(
        (verified.status.code(), &json(&verified)["ok"]),
        (Some(0), &true.into())
    );
    let clip = names(folder.path())
        .into_iter()
        .find(|name| name.ends_with(".ts"));
    let clip = clip.unwrap();
    let mut bytes = CLIP.to_vec();
    bytes[1_000] ^= 0x80;
    std::fs::write(folder.path().join(&clip), bytes).unwrap();
    let verified = run(&world, &["verify", out, "--json"]).await;
    assert_eq!(verified.status.code(), Some(1));
    let differences = &json(&verified)["differences"];
    assert_eq!(
        (&differences[0]["name"], &differences[0]["kind"]),
        (&clip.into(), &"content".into())
    );
}

/// Each camera has its own call.
#[tokio::test]
async fn all_cameras_of_an_incident_share_one_rate_limit() {
    let cameras: Vec<_> = (0..12).map(|n| format!("Q2MV-{n:04}-0000")).collect();
    let five = NonZeroU32::new(5).unwrap();
    let world = World::with(
        MockConfig::default()
            .cameras(cameras.iter().map(Camera::new).collect())
            .rate_limit(RateLimit {
                per_second: five,
                burst: five,
            }),
    )
    .await;
    let (folder, at) = (folder(), ago(20));
    let options = ["--at", &at, "--out", folder.path().to_str().unwrap()];
    let cameras = cameras.iter().map(String::as_str);
    let arguments: Vec<_> = ["incident"]
        .into_iter()
        .chain(cameras)
        .chain(options)
        .collect();
    let output = run(&world, &arguments).await;
    assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    assert!(!world.statuses().contains(&Some(429)));
}

#[tokio::test]
async fn a_range_is_saved_without_gaps_and_its_manifest_is_printed() {
    let (world, folder) = (World::new().await, folder());
    let out = folder.path().to_str().unwrap();
    let (start, end) = (ago(40), ago(28));
    let arguments = [
        "range", SERIAL, "--start", &start, "--end", &end, "--out", out, "--json",
    ];
    let output = run(&world, &arguments).await;
    assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    let printed = json(&output);
    let written = std::fs::read(folder.path().join("manifest.json")).unwrap();
    assert_eq!(printed, serde_json::from_slice::<Value>(&written).unwrap());
    let files = printed["files"].as_array().unwrap();
    assert_eq!(files.len(), 3);
    for pair in files.windows(2) {
        assert_eq!(pair[0]["end"], pair[1]["start"]);
    }
}

#[tokio::test]
async fn a_coverage_with_only_transient_failures_exits_with_75() {
    let cameras = ["Q2MV-0001-0000", "Q2MV-0002-0000"];
    let config = MockConfig::default().cameras(cameras.map(Camera::new).to_vec());
    let world = World::with(config).await.set("MV_CLIP_MAX_ATTEMPTS", "1");
    let folder = folder();
    world.mock.script([
        Scripted::Pass,
        Scripted::error(StatusCode::SERVICE_UNAVAILABLE, "Try again"),
    ]);
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    let options = ["--at", &at, "--out", out];
    let output = run(&world, &[&["coverage"], &cameras[..], &options].concat()).await;
    assert_eq!(output.status.code(), Some(75), "{}", words(&output.stderr));
    assert!(words(&output.stdout).starts_with("1 clip in "));
}

#[tokio::test]
async fn a_mistyped_serial_of_an_earlier_run_is_set_aside() {
    let (world, folder) = (World::new().await, folder());
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    let run = async |cameras: &[&str]| {
        let options = ["--at", &at, "--out", out];
        run(&world, &[&["incident"], cameras, &options].concat()).await
    };
    let typo = run(&[SERIAL, "Q2XX-TYPO-0000"]).await;
    assert_eq!(typo.status.code(), Some(1));
    let summary = words(&typo.stdout);
    assert!(summary.contains(", 1 missing."), "{summary}");
    assert!(!summary.contains("earlier run"), "{summary}");

    let right = run(&[SERIAL, "Q2MV-MOCK-0004.1"]).await;
    assert_eq!(right.status.code(), Some(0), "{}", words(&right.stderr));
    let summary = words(&right.stdout);
    assert!(summary.starts_with("2 clips in "), "{summary}");
    assert!(!summary.contains("missing"), "{summary}");
    let aside = "Nothing is saved of Q2XX-TYPO-0000, which an earlier run asked for\n";
    assert!(summary.contains(aside), "{summary}");
    let report = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(
        report.contains("<dt>Cameras</dt><dd>2</dd>")
            && report.contains("<dt>Missing</dt><dd>0</dd>")
    );
    assert!(report.contains("Asked for by an earlier run"));
    // It stays on record.
    let manifest = std::fs::read_to_string(folder.path().join("manifest.json")).unwrap();
    assert!(manifest.contains("Q2XX-TYPO-0000"), "{manifest}");
}

#[tokio::test]
async fn equal_failures_share_a_line_but_each_is_in_the_manifest() {
    let config = MockConfig::default();
    let world = World::with(config).await.set("MV_CLIP_MAX_ATTEMPTS", "1");
    let busy = Scripted::error(StatusCode::SERVICE_UNAVAILABLE, "Try again");
    world.mock.script(vec![busy; 12]);
    let folder = folder();
    let (out, start, end) = (folder.path().to_str().unwrap(), ago(80), ago(20));
    let arguments = [
        "range", SERIAL, "--start", &start, "--end", &end, "--out", out,
    ];
    let output = run(&world, &arguments).await;
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    let error = words(&output.stderr);
    assert!(
        error.starts_with(&format!("error: 12 clips of {SERIAL} between ")),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
    let manifest = std::fs::read(folder.path().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["failures"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn an_unreadable_manifest_is_a_read_error() {
    let world = World::new().await;
    let whole = r#"{"format":1,"updated_at":"2026-03-12T14:30:00.000Z","files":[],"failures":[]}"#;
    let contents = [
        whole.strip_suffix("[]}").unwrap(),
        "",
        "[]",
        &whole.replace(":1,", ":2,"),
    ];
    for contents in contents.map(Some).into_iter().chain([None]) {
        let folder = folder();
        let path = folder.path().join("manifest.json");
        match contents {
            Some(contents) => std::fs::write(&path, contents).unwrap(),
            None => std::fs::create_dir(&path).unwrap(),
        }
        let verified = run(&world, &["verify", folder.path().to_str().unwrap()]).await;
        assert_eq!(verified.status.code(), Some(1));
        let error = words(&verified.stderr);
        let expected = match contents {
            Some(_) => "is damaged, or from another version",
            None => "cannot read",
        };
        assert!(error.contains(expected), "{error}");
        assert!(
            !error.contains("writ") && !error.contains("space"),
            "{error}"
        );
    }
}

/// A limit on the size of files acts like a full disk: a write fails after some bytes.
#[tokio::test]
async fn a_full_disk_leaves_only_resumable_files() {
    let (world, folder) = (World::new().await, folder());
    let out = folder.path().to_str().unwrap();
    let at = ago(20);
    let arguments = ["incident", SERIAL, "--at", &at, "--out", out];
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"]);
    let program = command(&world, &arguments);
    limited
        .arg(program.as_std().get_program())
        .args(program.as_std().get_args())
        .env_clear()
        .envs(
            program
                .as_std()
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let output = limited.output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = words(&output.stderr);
    assert!(
        error.contains("cannot write") && error.contains("File too large"),
        "{error}"
    );
    let whole = |name: &String| name.ends_with(".ts") || name.ends_with(".mp4");
    assert!(
        !names(folder.path()).iter().any(whole),
        "{:?}",
        names(folder.path())
    );

    let output = run(&world, &arguments).await;
    assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    let verified = run(&world, &["verify", out]).await;
    assert_eq!(
        verified.status.code(),
        Some(0),
        "{}",
        words(&verified.stderr)
    );
}

#[tokio::test]
async fn a_window_that_cannot_be_is_an_error_and_leaves_no_folder() {
    let (world, folder) = (World::new().await, folder());
    let new = folder.path().join("new");
    for out in [folder.path(), &new] {
        let (start, end, out) = (ago(20), ago(30), out.to_str().unwrap());
        let range = ["range", SERIAL, "--start", &start, "--end", &end];
        let output = run(&world, &[&range[..], &["--out", out, "--json"]].concat()).await;
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(json(&output)["error"]["case"], "usage");
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

#[tokio::test]
async fn arguments_that_cannot_be_used_exit_with_2_and_leave_no_folder() {
    let (world, folder) = (World::new().await, folder());
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let new = folder.path().join("new");
    let (file, new, at) = (file.to_str().unwrap(), new.to_str().unwrap(), ago(20));
    let clip = ["--start", "2026-02-30T00:00:00Z", "--end", &at];
    for (arguments, expected) in [
        (
            &["incident", SERIAL, "--at", "noon", "--out", new][..],
            "noon",
        ),
        (&["coverage", SERIAL, "--at", "noon", "--out", new], "noon"),
        (
            &[&["range", SERIAL, "--out", new], &clip[..]].concat(),
            "does not exist",
        ),
        (&[&["get", SERIAL], &clip[..]].concat(), "does not exist"),
        (
            &["incident", SERIAL, "--at", &at, "--out", file],
            "is a file",
        ),
    ] {
        let output = run(&world, &[arguments, &["--json"]].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = &json(&output)["error"];
        assert_eq!(error["case"], "usage");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message}");
        assert_eq!(names(folder.path()), ["file"]);
    }
}

#[tokio::test]
async fn a_folder_in_which_nothing_was_saved_is_not_verified() {
    let (world, folder) = (World::new().await, folder());
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    let saved = run(
        &world,
        &["incident", "Q2XX-NONE-0000", "--at", &at, "--out", out],
    )
    .await;
    assert_eq!(saved.status.code(), Some(1));
    let verified = run(&world, &["verify", out]).await;
    assert_eq!(verified.status.code(), Some(1));
    assert!(
        words(&verified.stdout).starts_with("Nothing to verify"),
        "{verified:?}"
    );
    let verified = run(&world, &["verify", out, "--json"]).await;
    assert_eq!(
        (verified.status.code(), &json(&verified)["ok"]),
        (Some(1), &false.into())
    );
}

#[tokio::test]
async fn a_lost_mp4_is_made_again_by_the_next_run() {
    let (world, folder) = (World::new().await, folder());
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    let arguments = ["incident", SERIAL, "--at", &at, "--out", out, "--json"];
    // No other program is needed.
    let mut alone = command(&world, &arguments);
    let output = alone.env("PATH", folder.path()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    let mp4 = json(&output)["files"][0]["mp4"].clone();
    std::fs::remove_file(folder.path().join(mp4["name"].as_str().unwrap())).unwrap();

    let output = run(&world, &arguments).await;
    assert_eq!(world.media_statuses(), [Some(200)]);
    assert_eq!(json(&output)["files"][0]["mp4"], mp4);
}

/// F4, F12, R15: another program could hang, outlive the command, or read what the bytes of a server tell it to read.
#[tokio::test]
async fn no_other_program_is_run() {
    let (world, folder, programs) = (World::new().await, folder(), folder());
    let ran = programs.path().join("ran");
    let script = format!("#!/bin/sh\necho \"$0 $*\" >> {}\n", ran.display());
    for name in ["ffmpeg", "ffprobe", "MP4Box", "mkvmerge", "sh", "curl"] {
        let program = programs.path().join(name);
        std::fs::write(&program, &script).unwrap();
        std::fs::set_permissions(program, Permissions::from_mode(0o700)).unwrap();
    }
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    for arguments in [
        &["incident", SERIAL, "--at", &at, "--out", out, "--json"][..],
        &["verify", out],
    ] {
        let mut command = command(&world, arguments);
        let output = command.env("PATH", programs.path()).output().await.unwrap();
        assert_eq!(std::fs::read_to_string(&ran).ok(), None);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    }
}

#[tokio::test]
async fn ctrl_c_leaves_only_resumable_files() {
    let (world, folder) = (World::new().await, folder());
    world.mock.script_media([WireFault::StallInBody]);
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    let arguments = ["incident", SERIAL, "--at", &at, "--out", out];
    let child = command(&world, &arguments).spawn().unwrap();
    half_there(folder.path()).await;
    let process = Pid::from_raw(child.id().unwrap().try_into().unwrap());
    kill(process, Signal::SIGINT).unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(130));
    let error = words(&output.stderr);
    assert!(
        error.contains("run the same command again to resume"),
        "{error}"
    );
    let left = names(folder.path());
    let [part, others @ ..] = left.as_slice() else {
        panic!("{left:?}")
    };
    assert!(part.ends_with(".ts.part"), "{left:?}");
    assert_eq!(others, ["log.jsonl", "manifest.json", "report.html"]);
    let verified = run(&world, &["verify", out]).await;
    let differences = words(&verified.stderr);
    assert_eq!(verified.status.code(), Some(1));
    assert!(
        differences.contains("is unfinished") && differences.contains("not saved yet: "),
        "{differences}"
    );

    let output = run(&world, &arguments).await;
    assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    assert_eq!(world.media_statuses(), [None, Some(206)]);
    let verified = run(&world, &["verify", out]).await;
    assert_eq!(
        verified.status.code(),
        Some(0),
        "{}",
        words(&verified.stderr)
    );
}

/// Waits until half of a clip is in the folder. The command has no event for this.
async fn half_there(folder: &Path) {
    let half = CLIP.len() as u64 / 2;
    until(folder, |folder| {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries
            .filter_map(|entry| entry.metadata().ok())
            .any(|found| found.len() >= half)
    })
    .await;
}

pub(super) async fn until(folder: &Path, is_there: impl Fn(&Path) -> bool) {
    let started = Instant::now();
    while !is_there(folder) {
        assert!(
            started.elapsed() < Duration::from_secs(300),
            "{:?}",
            names(folder)
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
