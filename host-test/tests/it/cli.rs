//! The command line.

mod ends;
#[cfg(unix)]
mod key;
mod mistakes;
mod output;
mod proxy;
mod small;
#[cfg(target_os = "linux")]
mod terminal;

use std::process::Output;

use meraki_mock::{Authorization, CLIP, MockConfig};
use mv_clip_host::ClipRequest;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::outbound::tls;
use crate::support::{CACHE, SERIAL, World, component_file, footage};
use crate::transfer::bucket::{Act, Bucket, SIGNATURE};
use crate::transfer::destinations::forbidden;

const KEY: &str = "MERAKI_DASHBOARD_API_KEY";

fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mv-clip"));
    command
        .args(arguments)
        .env_clear()
        .env("MV_CLIP_COMPONENT", component_file())
        .env("MV_CLIP_CACHE", CACHE)
        .envs(world.variables());
    command
}

async fn mv_clip(world: &World, arguments: &[&str]) -> Output {
    command(world, arguments).output().await.unwrap()
}

/// The arguments of a command for one clip.
fn arguments<'a>(command: &'a str, clip: &'a ClipRequest) -> [&'a str; 6] {
    let (start, end) = (&*clip.start, &*clip.end);
    [command, &clip.serial, "--start", start, "--end", end]
}

fn get_command(world: &World, serial: &str, options: &[&str]) -> Command {
    let window = footage(serial);
    command(world, &[&arguments("get", &window), options].concat())
}

async fn get(world: &World, serial: &str, options: &[&str]) -> Output {
    get_command(world, serial, options).output().await.unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn get_prints_only_the_url() {
    let world = World::new().await;
    let output = get(&world, SERIAL, &[]).await;
    assert_eq!(
        (output.status.code(), error(&output).as_str()),
        (Some(0), "")
    );
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.starts_with("http://127.0.0.1:") && printed.lines().count() == 1,
        "{printed}"
    );
}

#[tokio::test]
async fn the_key_may_stay_with_the_host() {
    for mode in ["environment", "placeholder", "injection"] {
        let world = World::new().await;
        let output = get(&world, SERIAL, &["--key-mode", mode, "-vv"]).await;
        assert_eq!(output.status.code(), Some(0), "{}", error(&output));
        assert!(!error(&output).contains(world.mock.key()), "{mode}");
        assert_eq!(
            world.mock.requests()[0].authorization,
            Authorization::Right,
            "{mode}"
        );
        // The host needs a key that it can hold. Without one, the API refuses.
        let code = if mode == "environment" { 1 } else { 2 };
        let output = get(&world.unset(KEY), SERIAL, &["--key-mode", mode]).await;
        assert_eq!(output.status.code(), Some(code), "{}", error(&output));
    }
    let world = World::new().await.set(KEY, "mock-5ec2e7 key");
    let output = get(&world, SERIAL, &["--key-mode", "injection"]).await;
    assert!(
        error(&output).contains("visible ASCII"),
        "{}",
        error(&output)
    );
    assert!(!error(&output).contains("5ec2e7"), "{}", error(&output));
}

#[tokio::test]
async fn get_prints_json() {
    let world = World::new().await;
    let output = get(&world, "Q2MV-MOCK-0004.2", &["--json"]).await;
    assert_eq!(output.status.code(), Some(0));
    let clip = json(&output);
    assert_eq!(
        (&clip["serial"], &clip["imager_id"]),
        (&"Q2MV-MOCK-0004".into(), &2.into())
    );
    assert!(
        clip["url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    assert!(clip["expires_at"].is_string());
}

#[tokio::test]
async fn an_imager_is_named_in_the_same_way_by_every_command() {
    let world = World::new().await;
    let window = footage("Q2MV-MOCK-0004.2");
    let (start, end) = (&*window.start, &*window.end);
    let bucket = Bucket::new([]).await;
    let (folder, url) = (tempfile::tempdir().unwrap(), bucket.url());
    let out = folder.path().to_str().unwrap();
    let window = ["Q2MV-MOCK-0004.2", "--start", start, "--end", end];
    let event = ["Q2MV-MOCK-0004.2", "--at", end, "--out", out];
    for arguments in [
        &[&["get"], &window[..]].concat(),
        // As in earlier versions.
        &[
            &["get"],
            &arguments("get", &footage("Q2MV-MOCK-0004"))[1..],
            &["--imager-id", "2"],
        ]
        .concat(),
        &[&["save"], &window[..], &["--to", &url]].concat(),
        &[&["range"], &window[..], &["--out", out]].concat(),
        &[&["incident"], &event[..], &["--post", "0"]].concat(),
        &[&["coverage"], &event[..], &["--duration", "10"]].concat(),
    ] {
        let output = mv_clip(&world, arguments).await;
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?}: {}",
            error(&output)
        );
        let requests = world.mock.take_requests();
        let query = requests[0].query.as_deref().unwrap();
        assert!(query.ends_with("&imagerId=2"), "{arguments:?}: {query}");
    }
    let output = get(&world, "Q2MV-MOCK-0004.2", &["--imager-id", "3"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        error(&output).contains("different imagers"),
        "{}",
        error(&output)
    );
}

/// The command that saves a clip in a bucket.
fn save_command(world: &World, destination: &str, options: &[&str]) -> Command {
    let window = footage(SERIAL);
    let mut command = command(world, &[&arguments("save", &window), options].concat());
    command.env("MV_CLIP_DESTINATION", destination);
    command
}

#[tokio::test]
async fn save_prints_what_is_stored() {
    let (world, bucket) = (World::new().await, Bucket::new([]).await);
    let save = save_command(&world, &bucket.url(), &[]).output();
    let output = save.await.unwrap();
    assert_eq!(
        (output.status.code(), error(&output).as_str()),
        (Some(0), "")
    );
    let sha256 = hex::encode(Sha256::digest(CLIP));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, format!("{sha256}  {} bytes\n", CLIP.len()));

    let url = bucket.url();
    let options = ["--json", "--to", &url];
    let save = save_command(&world, "https://unused.example/", &options).output();
    let output = save.await.unwrap();
    let saved = json(&output);
    assert_eq!(saved["sha256"], sha256.as_str());
    assert_eq!(saved["bytes"], CLIP.len());
    assert!(saved["clip"]["request_id"].is_string(), "{saved}");
    assert_eq!(bucket.puts().len(), 2);
}

#[tokio::test]
async fn save_reports_why_it_failed() {
    let world = World::new().await;
    let bucket = Bucket::new([Act::Answer(forbidden())]).await;
    let refused = save_command(&world, &bucket.url(), &["--json"]).output();
    let output = refused.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["error"]["kind"], "destination-refused");
    let invalid = save_command(&world, "s3://bucket/incident.ts", &["--json"]).output();
    let output = invalid.await.unwrap();
    assert_eq!(json(&output)["error"]["kind"], "invalid-destination");
    let help = save_command(&world, &bucket.url(), &["--help"]).output();
    let help = String::from_utf8(help.await.unwrap().stdout).unwrap();
    assert!(
        help.contains("MV_CLIP_DESTINATION") && !help.contains(SIGNATURE),
        "{help}"
    );
}

#[tokio::test]
async fn a_permanent_error_is_a_sentence_and_exits_with_1() {
    let world = World::new().await;
    let output = get(&world, "Q2XX-NONE-0000", &[]).await;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(error(&output).starts_with("error: Meraki has no such camera (404)."));
}

#[tokio::test]
async fn a_transient_error_exits_with_75() {
    let world = World::with(MockConfig::default())
        .await
        .set("MV_CLIP_DEADLINE_SECONDS", "1");
    let arguments = [
        "--start",
        "2098-01-01T00:00:00Z",
        "--end",
        "2098-01-01T00:00:10Z",
        "--json",
    ];
    let output = mv_clip(&world, &[&["get", SERIAL], &arguments[..]].concat()).await;
    assert_eq!(output.status.code(), Some(75));
    let error = &json(&output)["error"];
    assert_eq!(
        (&error["case"], &error["kind"]),
        (&"transient".into(), &"too-early".into())
    );
    assert!(error["retry_after_seconds"].is_u64() && error["attempts"] == 0);
}

#[tokio::test]
async fn logs_contain_no_key_or_url() {
    let world = World::new().await;
    let output = get(&world, SERIAL, &["-vv"]).await;
    let log = error(&output);
    let url = String::from_utf8(output.stdout).unwrap();
    let token = url.trim().rsplit('/').next().unwrap();
    assert!(log.contains("127.0.0.1"), "nothing was logged");
    assert!(
        !log.contains(token) && !log.contains(world.mock.key()),
        "{log}"
    );
}

#[tokio::test]
async fn a_log_describes_each_step() {
    let world = World::new().await;
    let log = error(&get(&world, SERIAL, &["-v"]).await);
    for words in [
        "component loaded",
        "call started",
        &format!("serial=\"{SERIAL}\""),
        "call ended",
        "outcome=\"ok\"",
    ] {
        assert!(log.contains(words), "no {words} in {log}");
    }
    assert!(!log.contains("outbound"), "{log}");

    let log = error(&get(&world, "Q2XX-NONE-0000", &["-v"]).await);
    assert!(log.contains("outcome=\"not-found\" attempts=1"), "{log}");
}

#[tokio::test]
async fn a_missing_component_is_named_with_its_full_path() {
    let world = World::new().await;
    let whole = std::env::current_dir().unwrap().join("none.wasm");
    let expected = format!("cannot read the component {}", whole.display());
    let by_option = get(&world, SERIAL, &["--component", "none.wasm"]).await;
    let inspected = mv_clip(&world, &["inspect", "--component", "none.wasm"]).await;
    let mut by_variable = get_command(&world, SERIAL, &[]);
    by_variable.env("MV_CLIP_COMPONENT", "none.wasm");
    for output in [by_option, inspected, by_variable.output().await.unwrap()] {
        let error = error(&output);
        assert!(error.contains(&expected), "{error}");
        assert!(error.contains("`cargo xtask build` makes it"), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_guest_variables_must_be_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let world = World::new().await;
    let broken = std::ffi::OsStr::from_bytes(b"5ec2e7\xff");

    let mut command = get_command(&world, SERIAL, &[]);
    let output = command.env("HOME", broken).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));

    for (name, words) in [
        ("MERAKI_DASHBOARD_API_KEY", "visible ASCII"),
        ("MERAKI_BASE_URL", "is not UTF-8"),
    ] {
        let mut command = get_command(&world, SERIAL, &[]);
        let output = command.env(name, broken).output().await.unwrap();
        let error = error(&output);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(name) && error.contains(words), "{error}");
        assert!(!error.contains("5ec2e7"), "{error}");
    }
}

#[tokio::test]
async fn wrong_usage_exits_with_2() {
    let world = World::new().await;
    let output = mv_clip(&world, &["get", SERIAL]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("--start"), "{}", error(&output));
}

#[tokio::test]
async fn the_usage_does_not_list_what_the_environment_sets() {
    let world = World::new().await;
    for arguments in [
        &["get", SERIAL][..],
        &["get", SERIAL, "--json"],
        &["-v", "get", "--unknown"],
    ] {
        let output = mv_clip(&world, arguments).await;
        let printed = [error(&output), String::from_utf8(output.stdout).unwrap()].concat();
        assert!(
            printed.contains("Usage: mv-clip get [OPTIONS] --start <TIME>"),
            "{printed}"
        );
        assert!(!printed.contains("--component"), "{printed}");
    }
}

#[tokio::test]
async fn inspect_prints_what_the_component_is() {
    let world = World::new().await;
    let found = json(&mv_clip(&world, &["inspect", "--json"]).await);
    assert!(found["imports"]["wasi:http/outgoing-handler@0.2.12"].is_array());
    assert_eq!(found["metadata"]["name"], "mv-clip");
    let printed = mv_clip(&world, &["inspect"]).await;
    assert!(
        String::from_utf8(printed.stdout)
            .unwrap()
            .contains("meraki-mv:clips/clips@0.1.0")
    );
}

#[tokio::test]
async fn the_demo_completes() {
    let world = World::new()
        .await
        .unset("MERAKI_DASHBOARD_API_KEY")
        .unset("MERAKI_BASE_URL");
    let output = mv_clip(&world, &["demo"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    for words in [
        "mock of the Meraki API",
        "get-clip",
        "MPEG-TS: ",
        "H.264",
        "AAC",
    ] {
        assert!(printed.contains(words), "{printed}");
    }
    let output = mv_clip(&world, &["demo", "--json"]).await;
    let found = json(&output);
    assert_eq!(found["clip"]["serial"], SERIAL);
    let steps = found["steps"].as_array().unwrap().iter();
    let steps: Vec<_> = steps.map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["target", "load", "get-clip", "fetch", "check"]);
    let failed = mv_clip(&world, &["demo", SERIAL, "--json"]).await;
    assert_eq!(failed.status.code(), Some(2));
    assert_eq!(
        json(&failed)["error"]["case"],
        "usage",
        "{}",
        error(&failed)
    );
    // The URL is on the line below the text of its step.
    let column = |words| {
        let mut lines = printed.lines();
        lines.find_map(|line| line.find(words)).unwrap()
    };
    assert_eq!(column("http://127.0.0.1:"), column("Q2MV-MOCK"));
}

#[tokio::test]
async fn certificates_of_a_private_authority_are_trusted_if_a_file_names_them() {
    let world = World::new().await;
    let certified = tls::certificate("127.0.0.1");
    let server = tls::serve(&certified, &["http/1.1"]).await;
    let file = tls::file("command-line", &certified.cert.pem());
    let file = file.to_str().unwrap();
    let base_url = format!("{}/api/v1", tls::origin(&server));
    let run = |options: &[&str], variable: Option<&str>| {
        let mut command = get_command(&world, SERIAL, options);
        command.env("MERAKI_BASE_URL", &base_url);
        command.env("MV_CLIP_MAX_ATTEMPTS", "1");
        command.envs(variable.map(|file| ("SSL_CERT_FILE", file)));
        async move { error(&command.output().await.unwrap()) }
    };
    let untrusted = run(&[], None).await;
    assert!(untrusted.contains("trusted"), "{untrusted}");
    for (options, variable) in [(&["--ca-file", file][..], None), (&[], Some(file))] {
        // The error is about the reply, so the handshake succeeded.
        let trusted = run(options, variable).await;
        assert!(trusted.contains("JSON"), "{trusted}");
    }
    let missing = run(&["--ca-file", "none.pem"], None).await;
    assert!(
        missing.contains("cannot read root certificates from none.pem"),
        "{missing}"
    );
}
