//! Guests that misbehave outside the function that is called, or in what they give back.

use std::time::Duration;

use mv_clip_core::text::is_printable;
use mv_clip_host::{CallError, ClipHost, ClipRequest, Limit, Limits, Policy, Settings};
use tokio::time::advance;

use crate::guest;
use crate::limits::watched;
use crate::simulated::{Stopped, at_once};
use crate::support::try_load;

/// What a guest does when the host wants memory for a string.
pub const REALLOC: &str = "(global.get $free)
    (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get 3) (i32.const 8)) (i32.const -8))))";

/// A guest with this body of its `cabi_realloc`, these other parts, and this body of `get-clip` and `get-range`.
pub fn component(realloc: &str, parts: &str, body: &str) -> Vec<u8> {
    guest::of_module(&text(realloc, parts, body))
}

fn text(realloc: &str, parts: &str, body: &str) -> String {
    format!(
        r#"
(module
  {parts}
  (memory (export "memory") 32)
  (global $free (mut i32) (i32.const 0x100000))
  ;; The case `ok`, and a string of one byte.
  (data (i32.const 16) "\00\00\00\00\20\00\00\00\01\00\00\00")
  (data (i32.const 32) "u")
  (func $spin (loop $again (br $again)))
  (func $recurse (result i32) (i32.add (call $recurse) (call $recurse)))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
  (func (export "meraki-mv:clips/clips@0.1.0#get-clip")
    (param $serial i32) (param i32 i32 i32 i32 i32) (result i32) {body})
  (func (export "meraki-mv:clips/clips@0.1.0#request-clip")
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "meraki-mv:clips/events@0.1.0#get-range")
    (param $serial i32) (param i32 i32 i32 i32 i32 i32 i32) (result i32) {body})
  (func (export "meraki-mv:clips/events@0.1.0#get-incident")
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "meraki-mv:clips/events@0.1.0#get-coverage")
    (param i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "meraki-mv:clips/transfer@0.1.0#save-clip")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable)))
"#
    )
}

fn host(component: &[u8]) -> ClipHost {
    try_load(component, Policy::default(), Limits::default()).unwrap()
}

async fn call(host: &ClipHost) -> Result<(), CallError> {
    let settings = Settings::default();
    host.get_clip(&settings, "serial", "start", "end")
        .await
        .map(drop)
}

const OK: &str = "(i32.const 16)";

#[test]
fn a_guest_that_spins_while_it_takes_or_frees_memory_is_stopped() {
    let after = r#"(func (export "cabi_post_meraki-mv:clips/clips@0.1.0#get-clip") (param i32) (call $spin))"#;
    for guest in [
        component("(call $spin) (i32.const 0)", "", OK),
        component(REALLOC, after, OK),
    ] {
        watched(1, async move {
            let _time = Stopped::now();
            let host = host(&guest);
            let quiet = self::host(&component(REALLOC, "", OK));
            let other = host.clone();
            let spinning = tokio::spawn(async move { call(&other).await });
            for _ in 0..5 {
                call(&quiet).await.unwrap();
                tokio::task::yield_now().await;
            }
            assert!(!spinning.is_finished());
            advance(Limits::default().wall_time + Duration::from_millis(1)).await;
            let result = at_once(spinning).await.unwrap();
            assert!(
                matches!(result, Err(CallError::WallTime { .. })),
                "{result:?}"
            );
            call(&quiet).await.unwrap();
        });
    }
}

#[tokio::test]
async fn a_guest_whose_memory_management_is_wrong_traps_alone() {
    let after = r#"(func (export "cabi_post_meraki-mv:clips/clips@0.1.0#get-clip") (param i32) (unreachable))"#;
    for (case, guest) in [
        ("recursion", component("(call $recurse)", "", OK)),
        ("beyond the memory", component("(i32.const -8)", "", OK)),
        ("trap", component("(unreachable)", "", OK)),
        ("trap after the end", component(REALLOC, after, OK)),
        (
            "a result beyond the memory",
            component(REALLOC, "", "(i32.const -4)"),
        ),
        (
            "a result that is not aligned",
            component(REALLOC, "", "(i32.const 17)"),
        ),
        (
            "a case that does not exist",
            component(REALLOC, r#"(data (i32.const 64) "\07")"#, "(i32.const 64)"),
        ),
        (
            "no text",
            component(
                REALLOC,
                r#"(data (i32.const 64) "\00\00\00\00\50\00\00\00\02\00\00\00\00\00\00\00\ff\fe")"#,
                "(i32.const 64)",
            ),
        ),
    ] {
        let result = call(&host(&guest)).await;
        assert!(
            matches!(result, Err(CallError::Trap(_))),
            "{case}: {result:?}"
        );
    }
}

/// A thousand outcomes, whose strings all lie in the same 64 KiB.
#[tokio::test]
async fn a_result_that_names_the_same_memory_many_times_is_limited() {
    let body = "(local $at i32)
        (loop $again
          (i32.store (local.get $at) (i32.const 0x10000))
          (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 0x1f0000))))
        (i32.store (i32.const 16) (i32.const 0))
        (i32.store (i32.const 24) (i32.const 1000))
        (i32.const 16)";
    let host = host(&component(REALLOC, "", body));
    let request = ClipRequest {
        serial: "s".into(),
        start: "a".into(),
        end: "b".into(),
        imager_id: None,
    };
    let result = host.get_range(&Settings::default(), &request).await;
    assert!(
        matches!(result, Err(CallError::Limit(Limit::HostcallBytes(_)))),
        "{result:?}"
    );
}

#[tokio::test]
async fn the_names_of_a_guests_functions_do_not_control_the_terminal() {
    let name = r#"$"\1b[2J\1b]0;x\07\u{202e}\nerror: 5ec2e7""#;
    let parts = format!("(func {name} (unreachable))");
    let body = format!("(call {name}) (i32.const 16)");
    let host = host(&component(REALLOC, &parts, &body));
    let error = call(&host).await.unwrap_err();
    let printed = format!("{error} {error:?}");
    assert!(printed.contains("5ec2e7"), "{printed}");
    assert!(printed.chars().all(is_printable), "{printed:?}");
}

/// The same timer, so often that the host would work for long without a pause.
#[tokio::test]
async fn a_list_that_lends_the_same_resource_many_times_is_limited() {
    let parts = r#"
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))"#;
    let body = "(local $at i32) (local $handle i32)
        (local.set $handle (call $after (i64.const 0)))
        (loop $again
          (i32.store offset=0x10000 (local.get $at) (local.get $handle))
          (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 360000))))
        (call $poll (i32.const 0x10000) (i32.const 90000) (i32.const 8))
        (i32.const 16)";
    let result = call(&host(&component(REALLOC, parts, body))).await;
    assert!(
        matches!(result, Err(CallError::Limit(Limit::Resources(2_048)))),
        "{result:?}"
    );
}

/// The host has memory for each handle of a resource of the guest's own.
#[tokio::test]
async fn the_handles_of_a_guests_own_resources_are_limited() {
    let parts = r#"(import "[export]test:things/things" "[resource-new]thing" (func $new (param i32) (result i32)))"#;
    let body = "(local $left i32)
        (local.set $left (i32.const 90000))
        (loop $again
          (drop (call $new (i32.const 0)))
          (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (i32.const 16)";
    let own = "package test:things; interface things { resource thing; } \
        world plugin { include meraki-mv:clips/clip-plugin@0.1.0; export things; }";
    let guest = guest::of_world(&text(REALLOC, parts, body), Some(own));
    let result = call(&host(&guest)).await;
    assert!(
        matches!(result, Err(CallError::Limit(Limit::Resources(2_048)))),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_guest_does_not_make_messages_long() {
    let name = "n".repeat(99_000);
    let recurse =
        format!(r#"(func $"{name}" (result i32) (i32.add (call $"{name}") (call $"{name}")))"#);
    let guest = component(REALLOC, &recurse, &format!(r#"(call $"{name}")"#));
    let error = call(&host(&guest)).await.unwrap_err().to_string();
    assert!(error.len() < 1_100, "{} bytes", error.len());
    assert!(
        error.contains("nnn") && error.ends_with("call stack exhausted"),
        "{error}"
    );
}
