//! The command line, as people and programs use it.

use std::process::Output;

use host_test::mock::MockConfig;
use serde_json::Value;
use tokio::process::Command;

use crate::support::{SERIAL, World, component_file, footage};

async fn host_test(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host-test"));
    command
        .args(arguments)
        .arg("--component")
        .arg(component_file())
        .env_clear()
        .envs(world.variables().iter().cloned());
    command.output().await.unwrap()
}

async fn get(world: &World, serial: &str, options: &[&str]) -> Output {
    let window = footage(serial);
    let arguments = [
        "get",
        serial,
        "--start",
        &window.start,
        "--end",
        &window.end,
    ];
    host_test(world, &[&arguments, options].concat()).await
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn get_prints_the_url_alone() {
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
async fn get_prints_json() {
    let world = World::new().await;
    let output = get(&world, "Q2MV-MOCK-0004", &["--imager-id", "2", "--json"]).await;
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
async fn a_permanent_error_is_a_sentence_and_exits_with_1() {
    let world = World::new().await;
    let output = get(&world, "Q2XX-NONE-0000", &[]).await;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(error(&output).starts_with("error: Meraki knows no such camera (404)."));
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
    let output = host_test(&world, &[&["get", SERIAL], &arguments[..]].concat()).await;
    assert_eq!(output.status.code(), Some(75));
    let error = &json(&output)["error"];
    assert_eq!(
        (&error["case"], &error["kind"]),
        (&"transient".into(), &"too-early".into())
    );
    assert!(error["retry_after_seconds"].is_u64() && error["attempts"] == 0);
}

#[tokio::test]
async fn logs_hold_neither_key_nor_url() {
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
async fn a_missing_component_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host-test"));
    let times = [
        "--start",
        "2026-03-12T14:30:00Z",
        "--end",
        "2026-03-12T14:32:00Z",
    ];
    command
        .args(["get", SERIAL])
        .args(times)
        .args(["--component", "none.wasm"])
        .env_clear();
    let error = error(&command.output().await.unwrap());
    assert!(
        error.contains("cannot read the component none.wasm"),
        "{error}"
    );
    assert!(error.contains("`cargo xtask build` makes it"), "{error}");
}

#[tokio::test]
async fn inspect_prints_what_the_component_is() {
    let world = World::new().await;
    let found = json(&host_test(&world, &["inspect", "--json"]).await);
    assert!(found["imports"]["wasi:http/outgoing-handler@0.2.12"].is_array());
    assert_eq!(found["metadata"]["name"], "mv-clip");
    let printed = host_test(&world, &["inspect"]).await;
    assert!(
        String::from_utf8(printed.stdout)
            .unwrap()
            .contains("meraki-mv:clips/clips@0.1.0")
    );
}

#[tokio::test]
async fn the_demo_goes_all_the_way() {
    let world = World::new()
        .await
        .unset("MERAKI_DASHBOARD_API_KEY")
        .unset("MERAKI_BASE_URL");
    let output = host_test(&world, &["demo"]).await;
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
}
