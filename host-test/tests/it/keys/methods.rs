//! The key goes with no other method than GET, and with none of the guest's other fields.

use mv_clip_host::{ApiKey, ClipHost, KeyMode, Policy, Settings};

use crate::guest;
use crate::outbound::reach::recording;

const CLIP: &str = "/api/v1/devices/Q2XX-ABCD-1234/camera/clip\
    ?startTimestamp=2026-03-12T14:30:00.000Z&endTimestamp=2026-03-12T14:32:00.000Z";

/// What could change the operation, the receiver or the form of the reply.
const FIELDS: [&str; 22] = [
    "accept",
    "accept-encoding",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "if-none-match",
    "if-range",
    "max-forwards",
    "origin",
    "pragma",
    "prefer",
    "range",
    "referer",
    "te",
    "user-agent",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-http-method",
    "x-http-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// `get-clip` sends a request with the method in `serial` to the authority in `start`, for the path in `end`, with all
/// [`FIELDS`].
fn component() -> Vec<u8> {
    let names = FIELDS.map(|name| format!("{name:32}")).concat();
    let append: String = FIELDS
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let (at, length) = (1024 + 32 * index, name.len());
            format!(
                "(call $append (local.get $fields) (i32.const {at}) (i32.const {length})
                  (i32.const 32) (i32.const 1) (i32.const 128))"
            )
        })
        .collect();
    guest::of_module(&format!(
        r#"
(module
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.append"
    (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request"
    (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-method"
    (func $method (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme"
    (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
    (func $authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query"
    (func $path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe"
    (func $ready (param i32) (result i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))
  (memory (export "memory") 4)
  (global $free (mut i32) (i32.const 0x10000))
  (data (i32.const 16) "\00\00\00\00\20\00\00\00\01\00\00\00")
  (data (i32.const 32) "u")
  (data (i32.const 1024) "{names}")
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (global.get $free)
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get $size)) (i32.const 7)) (i32.const -8))))
  (func (export "meraki-mv:clips/clips@0.1.0#get-clip")
    (param $method i32) (param $method-length i32) (param $at i32) (param $length i32)
    (param $path i32) (param $path-length i32) (result i32)
    (local $fields i32) (local $request i32)
    (local.set $fields (call $fields))
    {append}
    (local.set $request (call $request (local.get $fields)))
    (if (call $method (local.get $request) (i32.const 9) (local.get $method) (local.get $method-length))
      (then (return (i32.const 16))))
    (drop (call $scheme (local.get $request)
      (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (if (call $authority (local.get $request) (i32.const 1) (local.get $at) (local.get $length))
      (then (return (i32.const 16))))
    (if (call $path (local.get $request) (i32.const 1) (local.get $path) (local.get $path-length))
      (then (return (i32.const 16))))
    (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 128))
    (if (i32.eqz (i32.load8_u (i32.const 128)))
      (then (call $block (call $ready (i32.load (i32.const 136))))))
    (i32.const 16))
  (func (export "meraki-mv:clips/clips@0.1.0#request-clip")
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "meraki-mv:clips/events@0.1.0#get-range")
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "meraki-mv:clips/events@0.1.0#get-incident")
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "meraki-mv:clips/events@0.1.0#get-coverage")
    (param i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "meraki-mv:clips/transfer@0.1.0#save-clip")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable)))
"#
    ))
}

#[tokio::test]
async fn the_key_goes_with_get_alone_and_with_no_other_field_of_the_guest() {
    let (server, mut heads) = recording().await;
    let origin = server.origin();
    let settings = Settings::default().base_url(format!("{origin}/api/v1"));
    let builder = ClipHost::builder().policy(Policy::new([origin.parse().unwrap()]));
    let key = ApiKey::new("5ec2e7-key").unwrap();
    let builder = builder.key(key, KeyMode::Injection);
    let host = builder.load_bytes(component()).await.unwrap();
    let port = server.address.port();
    let authority = format!("127.0.0.1:{port}");
    let send = async |method: &str, authority: &str, path: &str| {
        host.get_clip(&settings, method, authority, path)
            .await
            .unwrap();
    };
    for method in [
        "HEAD",
        "OPTIONS",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "QUERY",
        "PROPFIND",
        "get",
        "Get",
        "GETS",
        "CONNECT",
        "TRACE",
        "GET /x HTTP/1.1\r\nx:",
        "",
    ] {
        send(method, &authority, CLIP).await;
    }
    // Each is another path.
    for path in [
        format!("//evil.example{CLIP}"),
        format!("http://evil.example{CLIP}"),
        format!("{CLIP}%23"),
        CLIP.replace("/camera", "/camera/."),
        CLIP.replace("camera", "c%61mera"),
        CLIP.replace("/devices", "\\devices"),
        CLIP.replace("clip?", "clip?&"),
        CLIP.replace("clip?", "clip??"),
        CLIP.replace("Q2XX", "Q2\u{ff21}X"),
        CLIP.replace("Q2XX", "Q2%0d%0a"),
        CLIP.replace('&', ";"),
        CLIP.replace(".000Z", ".000Z%26x=1"),
        "?x".to_owned(),
        "*".to_owned(),
    ] {
        send("GET", &authority, &path).await;
    }
    for authority in [
        format!("me@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}@evil.example"),
        format!("localhost:{port}"),
        format!("127.0.0.1.:{port}"),
        format!("127.1:{port}"),
        format!("2130706433:{port}"),
        format!("0x7f000001:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("0.0.0.0:{port}"),
        format!("127.0.0.1:+{port}"),
        format!("127.0.0.1:{port}0"),
        "127.0.0.1".to_owned(),
    ] {
        send("GET", &authority, CLIP).await;
    }
    let mut seen = Vec::new();
    while let Ok(head) = heads.try_recv() {
        seen.push(head);
    }
    eprintln!("{} requests arrived", seen.len());
    assert!(seen.len() > 10);
    for head in seen {
        assert!(!head.contains("5ec2e7"), "{head}");
        assert!(head.contains(&format!("host: {authority}\r\n")), "{head}");
    }
    send("GET", &authority, CLIP).await;
    let head = heads.try_recv().unwrap();
    let mut lines: Vec<_> = head.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    let expected = [
        format!("GET {CLIP} HTTP/1.1"),
        "accept: application/json".to_owned(),
        "authorization: Bearer 5ec2e7-key".to_owned(),
        format!("host: {authority}"),
        concat!(
            "user-agent: mv-clip/",
            env!("CARGO_PKG_VERSION"),
            " mv-clip"
        )
        .to_owned(),
    ];
    assert_eq!(lines, expected);
}
