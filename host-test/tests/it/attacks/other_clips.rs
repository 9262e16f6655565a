//! Guests that answer with a clip that nobody asked for.

use std::fs;
use std::path::{Path, PathBuf};

use mv_clip_host::{CallError, Limits, Policy, Settings};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::guest;
use crate::support::{CACHE, SERIAL, footage, try_load};

/// What a guest has in its record in place of what it was asked for.
#[derive(Clone, Copy, Debug)]
enum Other {
    Nothing,
    Serial,
    Start,
    End,
    Imager,
}

const OTHERS: [Other; 4] = [Other::Serial, Other::Start, Other::End, Other::Imager];

/// A guest whose `request-clip` answers with a URL on this machine and its request, but for one field.
fn component(other: Other) -> Vec<u8> {
    let place = |field: Other, own: &str| {
        match (field, other) {
            (Other::Serial, Other::Serial) => "(i32.const 1024)",
            (Other::Start, Other::Start) | (Other::End, Other::End) => "(i32.const 1040)",
            _ => own,
        }
        .to_owned()
    };
    let length = |field: Other, own: &str| {
        match (field, other) {
            (Other::Serial, Other::Serial) => "(i32.const 14)",
            (Other::Start, Other::Start) | (Other::End, Other::End) => "(i32.const 20)",
            _ => own,
        }
        .to_owned()
    };
    let imager = i32::from(matches!(other, Other::Imager));
    guest::of_fields(&format!(
        r#"
  (memory (export "memory") 32)
  (global $free (mut i32) (i32.const 0x100000))
  (data (i32.const 1024) "Q2XX-ABCD-5678")
  (data (i32.const 1040) "2026-03-12T14:31:07Z")
  (data (i32.const 1072) "https://127.0.0.1/clip.ts")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get 3) (i32.const 8)) (i32.const -8)))))
  (func (export "meraki-mv:clips/clips@0.1.0#get-clip")
    (param i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "meraki-mv:clips/clips@0.1.0#request-clip")
    (param $serial i32) (param $serial-length i32) (param $start i32) (param $start-length i32)
    (param $end i32) (param $end-length i32) (param i32 i32) (result i32)
    ;; At 512 the case `ok`, and the clip.
    (i32.store (i32.const 516) {})
    (i32.store (i32.const 520) {})
    (i32.store (i32.const 524) (i32.const {imager}))
    (i32.store (i32.const 528) (i32.const 7))
    (i32.store (i32.const 532) {})
    (i32.store (i32.const 536) {})
    (i32.store (i32.const 540) {})
    (i32.store (i32.const 544) {})
    (i32.store (i32.const 548) (i32.const 1072))
    (i32.store (i32.const 552) (i32.const 25))
    (i32.const 512))
"#,
        place(Other::Serial, "(local.get $serial)"),
        length(Other::Serial, "(local.get $serial-length)"),
        place(Other::Start, "(local.get $start)"),
        length(Other::Start, "(local.get $start-length)"),
        place(Other::End, "(local.get $end)"),
        length(Other::End, "(local.get $end-length)"),
    ))
}

#[tokio::test]
async fn a_clip_of_another_camera_or_window_is_refused_by_the_library() {
    let request = async |other| {
        let host = try_load(&component(other), Policy::default(), Limits::default()).unwrap();
        host.request_clip(&Settings::default(), &footage(SERIAL))
            .await
    };
    request(Other::Nothing).await.unwrap();
    for other in OTHERS {
        let result = request(other).await;
        assert!(
            matches!(result, Err(CallError::OtherClip)),
            "{other:?}: {result:?}"
        );
    }
}

fn command(component: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mv-clip"));
    command
        .args(arguments)
        .env_clear()
        .env("MV_CLIP_COMPONENT", component)
        .env("MV_CLIP_CACHE", CACHE)
        .env("MERAKI_DASHBOARD_API_KEY", "mock-key");
    command
}

#[tokio::test]
async fn a_clip_of_another_camera_or_window_is_refused_by_the_command_line() {
    let folder = TempDir::new().unwrap();
    let window = footage(SERIAL);
    for other in [
        Other::Nothing,
        Other::Serial,
        Other::Start,
        Other::End,
        Other::Imager,
    ] {
        let place = |name: &str| -> PathBuf { folder.path().join(format!("{other:?}-{name}")) };
        let (file, out) = (place("guest.wasm"), place("out"));
        fs::write(&file, component(other)).unwrap();
        let get = [
            "get",
            SERIAL,
            "--start",
            &window.start,
            "--end",
            &window.end,
        ];
        let output = command(&file, &get).output().await.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        if matches!(other, Other::Nothing) {
            assert_eq!(output.status.code(), Some(0), "{error}");
            continue;
        }
        assert_eq!((output.status.code(), &*output.stdout), (Some(1), &[][..]));
        assert!(error.contains("a clip that was not requested"), "{error}");

        let out = out.to_str().unwrap();
        let incident = [
            "incident",
            SERIAL,
            "--at",
            &window.end,
            "--out",
            out,
            "--json",
        ];
        let output = command(&file, &incident).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{other:?}: {output:?}");
        let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(manifest["files"].as_array().unwrap().len(), 0, "{manifest}");
        let failure = &manifest["failures"][0];
        assert_eq!(failure["kind"], "component-failed", "{manifest}");
        let message = failure["message"].as_str().unwrap();
        assert!(
            message.contains("a clip that was not requested"),
            "{message}"
        );
    }
}
