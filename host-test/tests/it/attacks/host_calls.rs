//! Host calls with arguments at the end of their range, and in an order that makes no sense.

use mv_clip_host::{CallError, ClipHost, Limits, Policy, Settings};

use super::guests::{REALLOC, component};
use crate::outbound::server::Server;
use crate::support::try_load;

const PARTS: &str = r#"
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-instant" (func $at (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.ready" (func $is-ready (param i32) (result i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop-pollable (param i32)))
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-method"
    (func $method (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme"
    (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
    (func $authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query"
    (func $path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $write (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]request-options" (func $options (result i32)))
  (import "wasi:http/types@0.2.12" "[method]request-options.set-connect-timeout"
    (func $connect-timeout (param i32 i32 i64) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]request-options.set-first-byte-timeout"
    (func $first-timeout (param i32 i32 i64) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]request-options.set-between-bytes-timeout"
    (func $between-timeout (param i32 i32 i64) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe"
    (func $ready (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $get (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-response" (func $drop-response (param i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $stream (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-body" (func $drop-body (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.subscribe" (func $readable (param i32) (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-skip" (func $skip (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write-zeroes" (func $zeroes (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-zeroes-and-flush"
    (func $blocking-zeroes (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-splice"
    (func $splice (param i32 i32 i64 i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))

  (data (i32.const 48) "/")
  (func $new (param $method i32) (param $at i32) (param $length i32) (result i32) (local $request i32)
    (local.set $request (call $request (call $fields)))
    (drop (call $method (local.get $request) (local.get $method) (i32.const 0) (i32.const 0)))
    (drop (call $scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $authority (local.get $request) (i32.const 1) (local.get $at) (local.get $length)))
    (drop (call $path (local.get $request) (i32.const 1) (i32.const 48) (i32.const 1)))
    (local.get $request))

  ;; The reply.
  (func $answer (param $request i32) (result i32) (local $future i32) (local $pollable i32)
    (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 128))
    (local.set $future (i32.load (i32.const 136)))
    (call $block (call $ready (local.get $future)))
    (call $get (local.get $future) (i32.const 256))
    (i32.load (i32.const 280)))

  (func $body-of (param $response i32) (result i32)
    (call $consume (local.get $response) (i32.const 128))
    (i32.load (i32.const 132)))

  (func $input (param $body i32) (result i32)
    (call $stream (local.get $body) (i32.const 128))
    (i32.load (i32.const 132)))

  ;; The stream of the body of a PUT, which is not sent yet.
  (func $output (param $request i32) (result i32)
    (call $body (local.get $request) (i32.const 128))
    (call $write (i32.load (i32.const 132)) (i32.const 128))
    (i32.load (i32.const 132)))
"#;

async fn call(server: &Server, body: &str) -> Result<String, CallError> {
    let guest = component(REALLOC, PARTS, body);
    let policy = Policy::default().allow([server.origin().parse().unwrap()]);
    let host: ClipHost = try_load(&guest, policy, Limits::default()).unwrap();
    let authority = server.address.to_string();
    let settings = Settings::default();
    let result = host.get_clip(&settings, "s", &authority, "e").await;
    result.map(|url| url.expose().to_owned())
}

/// The answer of a guest that its host call did not end.
const DONE: &str = "(i32.const 16)";

#[tokio::test]
async fn a_host_call_with_the_largest_number_ends() {
    let server = Server::well_behaved().await;
    let get = "(call $answer (call $new (i32.const 0) (local.get 2) (local.get 3)))";
    let put = "(call $output (call $new (i32.const 3) (local.get 2) (local.get 3)))";
    for (case, calls, ends_well) in [
        (
            "read",
            format!("(call $read (call $input (call $body-of {get})) (i64.const -1) (i32.const 128))"),
            true,
        ),
        (
            "skip",
            format!("(call $skip (call $input (call $body-of {get})) (i64.const -1) (i32.const 128))"),
            true,
        ),
        (
            "splice",
            format!(
                "(call $splice {put} (call $input (call $body-of {get})) (i64.const -1) (i32.const 128))"
            ),
            true,
        ),
        (
            "zeroes",
            format!("(call $zeroes {put} (i64.const -1) (i32.const 128))"),
            false,
        ),
        (
            "zeroes at once",
            format!("(call $blocking-zeroes {put} (i64.const -1) (i32.const 128))"),
            false,
        ),
        (
            "an instant",
            "(drop (call $is-ready (call $at (i64.const -1)))) (call $block (call $at (i64.const 0)))"
                .to_owned(),
            true,
        ),
        (
            "timeouts",
            "(local $options i32) (local $request i32)
             (local.set $options (call $options))
             (drop (call $connect-timeout (local.get $options) (i32.const 1) (i64.const -1)))
             (drop (call $first-timeout (local.get $options) (i32.const 1) (i64.const -1)))
             (drop (call $between-timeout (local.get $options) (i32.const 1) (i64.const 0)))
             (local.set $request (call $new (i32.const 0) (local.get 2) (local.get 3)))
             (call $handle (local.get $request) (i32.const 1) (local.get $options) (i32.const 128))
             (call $block (call $ready (i32.load (i32.const 136))))"
                .to_owned(),
            true,
        ),
    ] {
        let result = call(&server, &format!("{calls} {DONE}")).await;
        let expected = match &result {
            Ok(answer) => ends_well && answer == "u",
            Err(CallError::Trap(_)) => !ends_well,
            Err(_) => false,
        };
        assert!(expected, "{case}: {result:?}");
    }
}

#[tokio::test]
async fn host_calls_in_an_order_without_sense_harm_the_guest_alone() {
    let server = Server::well_behaved().await;
    let get = "(call $answer (call $new (i32.const 0) (local.get 2) (local.get 3)))";
    let response = format!("(local $response i32) (local.set $response {get})");
    let body = format!(
        "{response} (local $body i32) (local.set $body (call $body-of (local.get $response)))"
    );
    for (case, calls, ends_well) in [
        (
            "a body that is taken twice",
            format!("{body} (drop (call $body-of (local.get $response)))"),
            true,
        ),
        (
            "a stream that is taken twice",
            format!("{body} (drop (call $input (local.get $body))) (drop (call $input (local.get $body)))"),
            true,
        ),
        (
            "a body that is dropped before its stream",
            format!("{body} (drop (call $input (local.get $body))) (call $drop-body (local.get $body))"),
            false,
        ),
        (
            "a reply that is dropped before its body",
            format!("{body} (call $drop-response (local.get $response))
                (call $block (call $readable (call $input (local.get $body))))"),
            true,
        ),
        (
            "a body that is finished before its stream is dropped",
            "(local $request i32) (local.set $request (call $new (i32.const 3) (local.get 2) (local.get 3)))
             (call $body (local.get $request) (i32.const 128))
             (i32.store (i32.const 64) (i32.load (i32.const 132)))
             (call $write (i32.load (i32.const 64)) (i32.const 128))
             (call $finish (i32.load (i32.const 64)) (i32.const 0) (i32.const 0) (i32.const 128))"
                .to_owned(),
            false,
        ),
        (
            "a handle of another kind",
            "(call $drop-response (call $fields))".to_owned(),
            false,
        ),
        ("no handle", "(call $drop-pollable (i32.const 77))".to_owned(), false),
        (
            "a request that is sent twice",
            "(local $request i32) (local.set $request (call $new (i32.const 0) (local.get 2) (local.get 3)))
             (drop (call $answer (local.get $request))) (drop (call $answer (local.get $request)))"
                .to_owned(),
            false,
        ),
    ] {
        // Locals come first.
        let mut calls = calls;
        let mut locals = String::new();
        for local in ["(local $response i32)", "(local $body i32)", "(local $request i32)"] {
            if calls.contains(local) {
                calls = calls.replace(local, "");
                locals.push_str(local);
            }
        }
        let result = call(&server, &format!("{locals} {calls} {DONE}")).await;
        let expected = match &result {
            Ok(answer) => ends_well && answer == "u",
            Err(CallError::Trap(_)) => !ends_well,
            Err(_) => false,
        };
        assert!(expected, "{case}: {result:?}");
    }
}
