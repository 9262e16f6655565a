//! A hostile guest that sends one request and reports everything that it can see of the reply.

use std::collections::BTreeMap;
use std::fmt;

use mv_clip_host::{ClipHost, ClipUrl, Settings};

use crate::guest;

/// What the guest saw, in this order.
#[derive(Clone, PartialEq, Eq)]
pub enum Seen {
    /// No reply: the index of the error code.
    NoReply(u8),
    Status(u32),
    Field(Vec<u8>, Vec<u8>),
    /// What one call of `read` gave.
    Piece(Vec<u8>),
    /// The body ended. Then come the trailers.
    End,
    /// The body broke off: the index of the error code, if there is one.
    Broken(Option<u8>),
    Trailer(Vec<u8>, Vec<u8>),
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        match self {
            Self::NoReply(code) => write!(f, "no reply: {code}"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Field(name, value) => write!(f, "{}: {}", text(name), text(value)),
            Self::Piece(piece) if piece.len() > 500 => write!(f, "{} bytes", piece.len()),
            Self::Piece(piece) => write!(f, "[{}]", text(piece)),
            Self::End => f.write_str("end"),
            Self::Broken(code) => write!(f, "broken: {code:?}"),
            Self::Trailer(name, value) => write!(f, "trailer {}: {}", text(name), text(value)),
        }
    }
}

/// Has the guest request `path` of `authority`, with a `User-Agent` of its choice.
pub async fn observe(
    host: &ClipHost,
    settings: &Settings,
    authority: &str,
    path: &str,
    user_agent: &str,
) -> Vec<Seen> {
    let report = host.get_clip(settings, authority, path, user_agent).await;
    events(&report.unwrap())
}

/// The guest's environment variables.
pub async fn environment(host: &ClipHost, settings: &Settings) -> BTreeMap<String, String> {
    let report = host.get_clip(settings, "", "", "").await;
    variables(report.unwrap().expose())
}

/// The environment variables in the URL of the clip that the guest answers `request-clip` with.
pub fn variables(url: &str) -> BTreeMap<String, String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let events = events(&ClipUrl::from(url.to_owned())).into_iter();
    let variables = events.map(|event| match event {
        Seen::Field(name, value) => (text(name), text(value)),
        other => panic!("{other:?}"),
    });
    variables.collect()
}

fn events(report: &ClipUrl) -> Vec<Seen> {
    let report = hex::decode(report.expose().trim_end()).unwrap();
    let mut rest = report.as_slice();
    let mut events = Vec::new();
    let mut name = Vec::new();
    let mut in_trailers = false;
    while let [tag, length @ ..] = rest {
        let (length, bytes) = length.split_first_chunk::<4>().unwrap();
        let (bytes, after) = bytes.split_at(u32::from_le_bytes(*length) as usize);
        rest = after;
        let bytes = bytes.to_vec();
        events.push(match tag {
            b'F' => Seen::NoReply(bytes[0]),
            b'S' => Seen::Status(u32::from_le_bytes(bytes.try_into().unwrap())),
            b'N' => {
                name = bytes;
                continue;
            }
            b'V' if in_trailers => Seen::Trailer(name.clone(), bytes),
            b'V' => Seen::Field(name.clone(), bytes),
            b'P' => Seen::Piece(bytes),
            b'E' => {
                in_trailers = true;
                Seen::End
            }
            b'B' => Seen::Broken(bytes.first().copied()),
            other => panic!("{other}"),
        });
    }
    events
}

/// `get-clip` requests the path in `start` from the authority in `serial`, with `end` as `User-Agent`, and answers with a
/// report in hexadecimal. Without an authority it reports its environment variables. `request-clip` reports them too.
pub fn component() -> Vec<u8> {
    guest::of_fields(
        r#"
  (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.append"
    (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.entries" (func $entries (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request"
    (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme"
    (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
    (func $authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query"
    (func $path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe"
    (func $future-ready (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get"
    (func $future-get (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.status"
    (func $status (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.headers"
    (func $headers (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.consume"
    (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $stream (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]incoming-body.finish"
    (func $finish (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-trailers.subscribe"
    (func $trailers-ready (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-trailers.get"
    (func $trailers-get (param i32 i32)))
  (import "wasi:http/types@0.2.12" "http-error-code" (func $error-code (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.subscribe"
    (func $stream-ready (param i32) (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.read"
    (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]input-stream" (func $drop-stream (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop-pollable (param i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))

  ;; Results of the host from 128 on. The report from 0x10000 on, then in hexadecimal from 0x200000 on.
  (memory (export "memory") 144)
  (global $free (mut i32) (i32.const 0x600000))
  (global $log (mut i32) (i32.const 0x10000))
  (data (i32.const 64) "user-agent")
  (data (i32.const 96) "0123456789abcdef")

  (func $note (param $tag i32) (param $at i32) (param $length i32)
    (i32.store8 (global.get $log) (local.get $tag))
    (i32.store offset=1 (global.get $log) (local.get $length))
    (memory.copy (i32.add (global.get $log) (i32.const 5)) (local.get $at) (local.get $length))
    (global.set $log (i32.add (i32.add (global.get $log) (i32.const 5)) (local.get $length))))

  ;; A list of pairs whose address and length are at 128.
  (func $note-pairs (local $at i32) (local $left i32)
    (local.set $at (i32.load (i32.const 128)))
    (local.set $left (i32.load (i32.const 132)))
    (loop $again
      (if (local.get $left) (then
        (call $note (i32.const 78) (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)))
        (call $note (i32.const 86)
          (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $again)))))

  (func $note-fields (param $fields i32)
    (call $entries (local.get $fields) (i32.const 128))
    (call $note-pairs))

  (func $await (param $pollable i32)
    (call $block (local.get $pollable))
    (call $drop-pollable (local.get $pollable)))

  ;; Whether the stream ended well.
  (func $note-stream (param $stream i32) (result i32)
    (loop $again
      (call $await (call $stream-ready (local.get $stream)))
      (call $read (local.get $stream) (i64.const 0x100000) (i32.const 128))
      (if (i32.eqz (i32.load8_u (i32.const 128))) (then
        ;; An empty piece is none yet.
        (if (i32.load (i32.const 136)) (then
          (call $note (i32.const 80) (i32.load (i32.const 132)) (i32.load (i32.const 136)))))
        (br $again))))
    ;; `closed`
    (if (i32.load8_u (i32.const 132)) (then (return (i32.const 1))))
    (call $error-code (i32.load (i32.const 136)) (i32.const 256))
    (call $note (i32.const 66) (i32.const 264) (i32.load8_u (i32.const 256)))
    (i32.const 0))

  (func $note-trailers (param $future i32)
    (call $note (i32.const 69) (i32.const 0) (i32.const 0))
    (call $await (call $trailers-ready (local.get $future)))
    (call $trailers-get (local.get $future) (i32.const 256))
    (if (i32.and (i32.eqz (i32.load8_u (i32.const 272))) (i32.load8_u (i32.const 280)))
      (then (call $note-fields (i32.load (i32.const 284))))))

  (func $note-response (param $response i32) (local $stream i32) (local $body i32)
    (i32.store (i32.const 128) (call $status (local.get $response)))
    (call $note (i32.const 83) (i32.const 128) (i32.const 4))
    (call $note-fields (call $headers (local.get $response)))
    (call $consume (local.get $response) (i32.const 128))
    (local.set $body (i32.load (i32.const 132)))
    (call $stream (local.get $body) (i32.const 128))
    (local.set $stream (i32.load (i32.const 132)))
    (if (call $note-stream (local.get $stream)) (then
      (call $drop-stream (local.get $stream))
      (call $note-trailers (call $finish (local.get $body))))))

  (func $observe
    (param $at i32) (param $length i32) (param $path i32) (param $path-length i32)
    (param $agent i32) (param $agent-length i32)
    (local $fields i32) (local $request i32) (local $future i32)
    (local.set $fields (call $fields))
    (if (local.get $agent-length) (then
      (call $append (local.get $fields) (i32.const 64) (i32.const 10)
        (local.get $agent) (local.get $agent-length) (i32.const 128))
      (if (i32.load8_u (i32.const 128)) (then (unreachable)))))
    (local.set $request (call $request (local.get $fields)))
    (drop (call $scheme (local.get $request)
      (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $authority (local.get $request)
      (i32.const 1) (local.get $at) (local.get $length)))
    (if (call $path (local.get $request) (i32.const 1) (local.get $path) (local.get $path-length))
      (then (unreachable)))
    (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then
      (call $note (i32.const 70) (i32.const 136) (i32.const 1))
      (return)))
    (local.set $future (i32.load (i32.const 136)))
    (call $await (call $future-ready (local.get $future)))
    (call $future-get (local.get $future) (i32.const 256))
    (if (i32.load8_u (i32.const 272))
      (then (call $note (i32.const 70) (i32.const 280) (i32.const 1)))
      (else (call $note-response (i32.load (i32.const 280))))))

  ;; Writes the report in hexadecimal, and gives its length.
  (func $report (result i32) (local $from i32) (local $to i32)
    (local.set $from (i32.const 0x10000))
    (local.set $to (i32.const 0x200000))
    (loop $again
      (if (i32.lt_u (local.get $from) (global.get $log)) (then
        (i32.store8 (local.get $to) (i32.load8_u offset=96
          (i32.shr_u (i32.load8_u (local.get $from)) (i32.const 4))))
        (i32.store8 offset=1 (local.get $to) (i32.load8_u offset=96
          (i32.and (i32.load8_u (local.get $from)) (i32.const 15))))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (local.set $to (i32.add (local.get $to) (i32.const 2)))
        (br $again))))
    (i32.sub (local.get $to) (i32.const 0x200000)))

  (func $note-environment
    (call $environment (i32.const 128))
    (call $note-pairs))

  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (global.get $free)
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get $size)) (i32.const 7)) (i32.const -8))))

  (func (export "meraki-mv:clips/clips@0.1.0#get-clip")
    (param $at i32) (param $length i32) (param $path i32) (param $path-length i32)
    (param $agent i32) (param $agent-length i32) (result i32)
    (if (local.get $length)
      (then (call $observe (local.get $at) (local.get $length)
        (local.get $path) (local.get $path-length) (local.get $agent) (local.get $agent-length)))
      (else (call $note-environment)))
    ;; `ok`, and a string.
    (i32.store (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (i32.const 0x200000))
    (i32.store (i32.const 24) (call $report))
    (i32.const 16))

  (func (export "meraki-mv:clips/clips@0.1.0#request-clip")
    (param $serial i32) (param $serial-length i32) (param $start i32) (param $start-length i32)
    (param $end i32) (param $end-length i32) (param i32 i32) (result i32)
    (call $note-environment)
    ;; `ok`, and the clip that was asked for.
    (memory.fill (i32.const 512) (i32.const 0) (i32.const 128))
    (i32.store (i32.const 516) (local.get $serial))
    (i32.store (i32.const 520) (local.get $serial-length))
    (i32.store (i32.const 532) (local.get $start))
    (i32.store (i32.const 536) (local.get $start-length))
    (i32.store (i32.const 540) (local.get $end))
    (i32.store (i32.const 544) (local.get $end-length))
    (i32.store (i32.const 548) (i32.const 0x200000))
    (i32.store (i32.const 552) (call $report))
    (i32.const 512))
"#,
    )
}
