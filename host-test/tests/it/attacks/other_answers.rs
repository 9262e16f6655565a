//! Guests that answer each function but `get-clip` with a clip that nobody asked for.

use mv_clip_host::{CallError, ClipHost, ClipRequest, Limits, Policy, Settings};

use crate::guest;
use crate::support::try_load;

const SERIAL: &str = "Q2XX-ABCD-1234";
const START: &str = "2026-03-12T14:30:00Z";
const MIDDLE: &str = "2026-03-12T14:31:00Z";
const END: &str = "2026-03-12T14:32:00Z";

/// Values of 32 bits as a string of WebAssembly's text format.
fn words(words: &[u32]) -> String {
    let bytes = words.iter().flat_map(|word| word.to_le_bytes());
    bytes.map(|byte| format!("\\{byte:02x}")).collect()
}

/// A guest that answers with a clip of this camera and this end. Where the answer repeats the request, it does so.
fn component(serial: &str, end: &str) -> Vec<u8> {
    let none = 0;
    let request = [1024, 14, 1040, 20, 1072, 20, none, 0];
    let clip = [
        1136, 14, none, 0, 1040, 20, 1152, 20, 1104, 25, none, 0, 0, none, 0, 0,
    ];
    let ok = 0;
    let one = words(&[&[ok], &clip[..]].concat());
    let list = words(&[ok, 2400, 1]);
    let outcome = words(&[&request[..], &[ok], &clip].concat());
    let saved = words(&[&[ok, 0], &clip[..], &[7, 0, 1200, 64]].concat());
    let digest = "a".repeat(64);
    guest::of_module(&format!(
        r#"(module
  (memory (export "memory") 32)
  (global $free (mut i32) (i32.const 0x100000))
  (data (i32.const 1024) "{SERIAL}")
  (data (i32.const 1040) "{START}")
  (data (i32.const 1072) "{END}")
  (data (i32.const 1104) "https://127.0.0.1/clip.ts")
  (data (i32.const 1136) "{serial}")
  (data (i32.const 1152) "{end}")
  (data (i32.const 1200) "{digest}")
  (data (i32.const 2048) "{one}")
  (data (i32.const 2304) "{list}")
  (data (i32.const 2400) "{outcome}")
  (data (i32.const 2560) "{saved}")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get 3) (i32.const 8)) (i32.const -8)))))
  (func (export "meraki-mv:clips/clips@0.1.0#get-clip")
    (param i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "meraki-mv:clips/clips@0.1.0#request-clip")
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 2048))
  (func (export "meraki-mv:clips/events@0.1.0#get-incident")
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 2048))
  (func (export "meraki-mv:clips/events@0.1.0#get-range")
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 2304))
  (func (export "meraki-mv:clips/events@0.1.0#get-coverage")
    (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 2304))
  (func (export "meraki-mv:clips/transfer@0.1.0#save-clip")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 2560)))
"#
    ))
}

/// What each function answers, without its value.
async fn answers(host: &ClipHost) -> Vec<(&'static str, Result<(), CallError>)> {
    let settings = Settings::default();
    let request = ClipRequest::new(SERIAL, START, END);
    let serials = [SERIAL.to_owned()];
    let save = host.save_clip(&settings, &request, "https://127.0.0.1/clip");
    let range = host.get_range(&settings, &request);
    let incident = host.get_incident(&settings, SERIAL, MIDDLE, Some(60), Some(60));
    let coverage = host.get_coverage(&settings, &serials, MIDDLE, Some(120));
    vec![
        ("save-clip", save.await.map(drop)),
        ("get-range", range.await.map(drop)),
        ("get-incident", incident.await.map(drop)),
        ("get-coverage", coverage.await.map(drop)),
    ]
}

#[tokio::test]
async fn a_clip_that_nobody_asked_for_is_refused_whichever_function_answers_with_it() {
    let load = |serial, end| {
        try_load(
            &component(serial, end),
            Policy::default(),
            Limits::default(),
        )
    };
    for (function, answer) in answers(&load(SERIAL, END).unwrap()).await {
        assert!(answer.is_ok(), "{function}: {answer:?}");
    }
    for (serial, end) in [("Q2XX-ABCD-5678", END), (SERIAL, MIDDLE)] {
        for (function, answer) in answers(&load(serial, end).unwrap()).await {
            assert!(
                matches!(answer, Err(CallError::OtherClip)),
                "{function}: {answer:?}"
            );
        }
    }
}
