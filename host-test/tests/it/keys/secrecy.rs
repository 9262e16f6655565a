//! Attacks on a key that the host keeps. Whatever a hostile guest can see is the same for two keys of the same length,
//! unless a reply has all of the key, of which the guest then sees asterisks.

use std::collections::BTreeMap;

use mv_clip_host::KeyMode;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::attack::{Attack, CLIP, KEYS};
use super::echo::{Part, text};
use super::observer::Seen;

/// A reply with this head, without its end, and a chunked body.
fn chunked(head: &str, chunks: Vec<Vec<Part>>) -> Vec<Part> {
    let mut parts = vec![text(&format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\n{head}transfer-encoding: chunked\r\n\r\n"
    ))];
    for chunk in chunks {
        parts.extend([Part::Chunk(chunk), Part::Flush]);
    }
    parts.extend([Part::Chunk(vec![]), text("\r\n")]);
    parts
}

/// A reply whose body is this, up to the end of the connection.
fn closed(body: Vec<Part>) -> Vec<Part> {
    [
        vec![text("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")],
        body,
    ]
    .concat()
}

fn pieces(seen: &[Seen]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    for seen in seen {
        if let Seen::Piece(bytes) = seen {
            pieces.push(bytes.as_slice());
        }
    }
    pieces
}

/// The first letters of the first key.
fn beginning(length: usize) -> String {
    KEYS[0].chars().take(length).collect()
}

/// R1: the server repeats what the guest sends. A redactor that holds back what may be the beginning of the key would
/// show, by where a piece ends, whether the guess was right.
#[tokio::test]
async fn the_key_cannot_be_guessed_letter_by_letter() {
    let attack = Attack::new().await;
    type Around = fn(Vec<Part>) -> Vec<Part>;
    let variants: [(&str, Around); 5] = [
        ("alone", |guess| {
            chunked("", vec![guess, vec![text("rest")]])
        }),
        ("in JSON", |guess| {
            let before = vec![text("{\"errors\":[\"")];
            chunked("", vec![[before, guess].concat(), vec![text("\"]}")]])
        }),
        ("before the key", |guess| {
            chunked("", vec![guess, vec![Part::Key], vec![text("rest")]])
        }),
        ("to the end of the connection", |guess| {
            closed([guess, vec![Part::Flush, text("rest")]].concat())
        }),
        ("in a field", |guess| {
            let head = vec![text(
                "HTTP/1.1 200 OK\r\nconnection: close\r\nx-request-id: ",
            )];
            [head, guess, vec![text("\r\ncontent-length: 0\r\n\r\n")]].concat()
        }),
    ];
    for (variant, around) in variants {
        let reply = around(vec![Part::Guess]);
        for known in 0..KEYS[0].len() - 1 {
            // The shape of the view with each next letter. If one differs from the others, it is the right one.
            let mut shapes = BTreeMap::<Vec<usize>, String>::new();
            for letter in "0123456789abcdef".chars() {
                let guess = format!("{}{letter}", beginning(known));
                let view = attack.same(reply.clone(), &guess).await;
                assert!(format!("{view:?}").contains(&guess), "{variant}: {view:?}");
                let shape = pieces(&view).iter().map(|piece| piece.len()).collect();
                shapes.entry(shape).or_default().push(letter);
            }
            assert_eq!(shapes.len(), 1, "{variant}: {shapes:?}");
        }
    }
}

/// Where a reply may have the key, or a part of it that the guest must not get.
fn echoes() -> Vec<(&'static str, Vec<Part>)> {
    let key = || vec![Part::Key];
    let half = || vec![Part::Letters(0, 8)];
    let head = |line: Vec<Part>| {
        let end = vec![text("\r\ncontent-length: 2\r\n\r\nok")];
        [
            vec![text("HTTP/1.1 200 OK\r\nconnection: close\r\n")],
            line,
            end,
        ]
        .concat()
    };
    let field =
        |name: &str, value: Vec<Part>| head([vec![text(&format!("{name}: "))], value].concat());
    let named = |name: Vec<Part>| head([vec![text("x-")], name, vec![text(": 1")]].concat());
    let reason = |reason: Vec<Part>| {
        let end = vec![text("\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")];
        [vec![text("HTTP/1.1 403 ")], reason, end].concat()
    };
    let trailer = |line: Vec<Part>| {
        let mut reply = chunked("", vec![vec![text("ok")]]);
        reply.pop();
        [reply, line, vec![text("\r\n\r\n")]].concat()
    };
    let json = |before: &str, inner: Vec<Part>| {
        let body = [vec![text(before)], inner, vec![text("\"]}")]].concat();
        chunked("content-type: application/json\r\n", vec![body])
    };
    let mut split = Vec::new();
    for at in 0..=KEYS[0].len() {
        let (start, end) = (Part::Letters(0, at), Part::Letters(at, usize::MAX));
        let chunks = [vec![start], vec![end]].into_iter();
        let chunks = chunks.filter(|_| at > 0 && at < KEYS[0].len());
        split.push(("split", chunked("", chunks.collect())));
    }
    let letters = (0..KEYS[0].len()).map(|at| vec![Part::Letters(at, at + 1)]);
    split.push(("letter by letter", chunked("", letters.collect())));
    let cases = [
        ("body", chunked("", vec![key()])),
        ("JSON", json("{\"errors\":[\"Bearer ", key())),
        ("a URL", json("{\"url\":[\"https://h/", key())),
        ("upper case", chunked("", vec![vec![Part::UpperKey]])),
        ("twice", chunked("", vec![[key(), key()].concat()])),
        ("after a guess", chunked("", vec![vec![Part::Guess], key()])),
        ("not chunked", closed([vec![text("x")], key()].concat())),
        ("X-Request-Id", field("x-request-id", key())),
        (
            "Location",
            field(
                "location",
                [vec![text("https://n1.meraki.com/")], key()].concat(),
            ),
        ),
        ("Content-Type", field("content-type", key())),
        ("Retry-After", field("retry-after", key())),
        ("Date", field("date", key())),
        (
            "no text",
            field(
                "x-request-id",
                [vec![Part::Text(b"\xff\xfe".to_vec())], key()].concat(),
            ),
        ),
        ("another field", field("x-echo", key())),
        ("a part in another field", field("x-echo", half())),
        (
            "a second value",
            field("x-request-id: 1\r\nx-request-id", half()),
        ),
        ("Set-Cookie", field("set-cookie", half())),
        ("a field's name", named(key())),
        ("a part in a field's name", named(half())),
        ("reason", reason(key())),
        ("a part in the reason", reason(half())),
        ("trailer", trailer([vec![text("x-echo: ")], key()].concat())),
        (
            "a part in a trailer",
            trailer([vec![text("x-echo: ")], half()].concat()),
        ),
        (
            "a trailer's name",
            trailer([vec![text("x-")], half(), vec![text(": 1")]].concat()),
        ),
        ("coding", field("content-encoding", half())),
        (
            "compressed",
            chunked("content-encoding: gzip\r\n", vec![half()]),
        ),
        ("a body that breaks off", {
            let mut reply = chunked("", vec![half(), half()]);
            reply.truncate(3);
            reply
        }),
        ("a body of more than the host reads", {
            let much = text(&"x".repeat(1 << 20));
            chunked("", vec![half(), vec![much], key()])
        }),
        ("a chunk's extension", {
            let head =
                "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2;x=";
            [vec![text(head)], half(), vec![text("\r\nok\r\n0\r\n\r\n")]].concat()
        }),
        ("an interim reply", {
            let mut reply = vec![text("HTTP/1.1 103 Early Hints\r\nlink: ")];
            reply.extend(key());
            reply.push(text("\r\n\r\nHTTP/1.1 100 "));
            reply.extend(half());
            reply.push(text("\r\n\r\n"));
            [reply, closed(vec![text("ok")])].concat()
        }),
        ("another protocol", {
            let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ";
            [vec![text(head)], half(), vec![text("\r\n\r\n")], half()].concat()
        }),
        ("more than the announced length", {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 ";
            [vec![text(head)], half(), vec![text("\r\n\r\n")]].concat()
        }),
        ("less than the announced length", {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n";
            [vec![text(head)], half()].concat()
        }),
        ("a body where there is none", {
            let head = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            [vec![text(head)], half()].concat()
        }),
        (
            "HTTP/1.0",
            [vec![text("HTTP/1.0 200 OK\r\n\r\n")], key()].concat(),
        ),
        ("no HTTP", half()),
        (
            "a folded field",
            field("x-echo", [vec![text("a\r\n ")], half()].concat()),
        ),
    ];
    cases.into_iter().chain(split).collect()
}

#[tokio::test]
async fn an_echo_of_the_key_looks_the_same_for_each_key() {
    let attack = Attack::new().await;
    for (case, reply) in echoes() {
        for agent in ["mv-clip", &beginning(7), &beginning(15)] {
            let view = format!("{:?}", attack.same(reply.clone(), agent).await);
            for key in KEYS {
                assert!(!view.contains(key), "{case}: {view}");
                assert!(!view.contains(&key.to_uppercase()), "{case}: {view}");
            }
        }
    }
}

/// The guest gets at most one piece, and only fields that are on the list, whatever the reply is.
#[tokio::test]
async fn a_reply_is_one_piece_with_known_fields() {
    let attack = Attack::new().await;
    let known = [
        "content-type",
        "date",
        "location",
        "retry-after",
        "x-request-id",
    ];
    for (case, reply) in echoes() {
        let view = attack.same(reply, "mv-clip").await;
        assert!(pieces(&view).len() <= 1, "{case}: {view:?}");
        for seen in &view {
            match seen {
                Seen::Field(name, _) => {
                    let name = str::from_utf8(name).unwrap();
                    assert!(known.contains(&name), "{case}: {view:?}");
                }
                Seen::Trailer(..) => panic!("{case}: {view:?}"),
                _ => {}
            }
        }
    }
}

/// Replies of random parts.
#[tokio::test(flavor = "multi_thread")]
async fn no_reply_tells_keys_apart() {
    let attack = Attack::new().await;
    let part = || {
        prop_oneof![
            3 => Just(Part::Key),
            1 => Just(Part::UpperKey),
            3 => Just(Part::Guess),
            2 => "[0-9a-f]{0,4}".prop_map(|letters| text(&letters)),
            1 => (0_usize..10).prop_map(|length| text(&beginning(length))),
        ]
    };
    let parts = || prop::collection::vec(part(), 0..4);
    let reply = (
        prop::sample::select(vec!["200", "202", "302", "400", "403", "404", "429", "500"]),
        prop::collection::vec(
            (
                prop::sample::select(vec!["x-request-id", "location", "date", "x-echo", "etag"]),
                parts(),
            ),
            0..4,
        ),
        // A chunk without data would be the last one.
        prop::collection::vec(
            parts().prop_map(|parts| [vec![text(".")], parts].concat()),
            0..5,
        ),
        parts(),
        0_usize..10,
    );
    let mut runner = TestRunner::new(Config::with_cases(200));
    let handle = tokio::runtime::Handle::current();
    let run = runner.run(&reply, |(status, fields, chunks, trailer, known)| {
        let mut parts = vec![text(&format!(
            "HTTP/1.1 {status} x\r\nconnection: close\r\n"
        ))];
        for (name, value) in fields {
            parts.push(text(&format!("{name}: ")));
            parts.extend(value);
            parts.push(text("\r\n"));
        }
        let mut rest = chunked("", chunks);
        rest.remove(0);
        rest.pop();
        parts.push(text("transfer-encoding: chunked\r\n\r\n"));
        parts.extend(rest);
        parts.push(text("x-trailer: "));
        parts.extend(trailer);
        parts.push(text("\r\n\r\n"));
        let agent = beginning(known);
        let same = attack.same(parts, &agent);
        let view = tokio::task::block_in_place(|| handle.block_on(same));
        prop_assert!(matches!(view.first(), Some(Seen::Status(_))), "{view:?}");
        Ok(())
    });
    run.unwrap();
}

/// R11: the key is for one operation, and the host writes that request itself.
#[tokio::test]
async fn the_key_goes_with_no_other_request() {
    let query = CLIP.split_once('?').unwrap().1;
    for mode in [KeyMode::Injection, KeyMode::Placeholder] {
        let attack = Attack::with(mode).await;
        attack.echo.script(chunked("", vec![]));
        for path in [
            "/api/v1/organizations/1%3F/devices/A/camera/clip",
            "/api/v1/organizations%3F/devices/Q2XX-ABCD-1234/camera/clip",
            "/api/v1/organizations%23/devices/Q2XX-ABCD-1234/camera/clip",
            "/api/v1/../devices/Q2XX-ABCD-1234/camera/clip",
            "/api/v1/networks/1;/devices/Q2XX-ABCD-1234/camera/clip",
            "/api/v1//devices/Q2XX-ABCD-1234/camera/clip",
            "/x/api/v1/devices/Q2XX-ABCD-1234/camera/clip",
            "/devices/Q2XX-ABCD-1234/camera/clip",
            "/api/v1/devices/A/camera/clip",
            "/api/v1/devices/Q2XX-ABCD-1234/camera/clip/",
        ] {
            attack.see(0, &format!("{path}?{query}"), "mv-clip").await;
            let heads = attack.echo.heads().concat();
            assert!(heads.starts_with("GET "), "{path}: {heads}");
            assert!(!heads.contains("authorization"), "{path}: {heads}");
        }
        for path in [
            CLIP.split_once('?').unwrap().0.to_owned(),
            format!("{CLIP}&key=1"),
            format!("{CLIP}&imagerId=x"),
            CLIP.replace("startTimestamp", "starttimestamp"),
        ] {
            attack.see(0, &path, "mv-clip").await;
            let heads = attack.echo.heads().concat();
            assert!(!heads.contains("authorization"), "{path}: {heads}");
        }
    }
    let attack = Attack::new().await;
    attack.echo.script(chunked("", vec![]));
    let turned = "/api/v1/devices/q2xx-abcd-1234/camera/clip?imagerId=02\
        &endTimestamp=2026-03-12T15:32:00%2B01:00&startTimestamp=2026-03-12T14:30:00Z";
    attack.see(0, turned, "me").await;
    let heads = attack.echo.heads().concat();
    let mut lines: Vec<_> = heads.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    let expected = [
        format!("GET {CLIP}&imagerId=2 HTTP/1.1"),
        "accept: application/json".to_owned(),
        format!("authorization: Bearer {}", KEYS[0]),
        format!("host: {}", attack.echo.server.address),
        HOSTS_AGENT.to_owned(),
    ];
    assert_eq!(lines, expected);
}

const HOSTS_AGENT: &str = concat!(
    "user-agent: mv-clip/",
    env!("CARGO_PKG_VERSION"),
    " mv-clip"
);
