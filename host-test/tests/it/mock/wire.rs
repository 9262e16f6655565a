//! Faults below HTTP, seen from a raw connection.

use std::io::ErrorKind;
use std::time::Duration;

use http::Uri;
use meraki_mock::{CLIP, MockMeraki, Point, Scripted, WireFault};
use mv_clip_mpegts as mpegts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::{get, good, media_url, unlimited};
use crate::simulated::Simulated;

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

/// Sends a valid request on a new connection.
async fn raw(mock: &MockMeraki) -> TcpStream {
    let base: Uri = mock.base_url().parse().unwrap();
    let mut stream = TcpStream::connect(base.authority().unwrap().as_str())
        .await
        .unwrap();
    write_request(mock, &mut stream).await;
    stream
}

async fn write_request(mock: &MockMeraki, stream: &mut TcpStream) {
    let request = format!(
        "GET /api/v1{} HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer {}\r\n\r\n",
        good(),
        mock.key()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// Long enough for a busy machine. Only a failing test takes this long.
const READ_TIMEOUT: Duration = Duration::from_secs(600);

/// Reads until the connection ends.
async fn until_end(stream: &mut TcpStream) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    let end = match timeout(READ_TIMEOUT, stream.read_to_end(&mut bytes))
        .await
        .unwrap()
    {
        Ok(_) => End::Closed,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            End::Reset
        }
    };
    (bytes, end)
}

/// Reads until `enough`. The connection must then stay open and silent.
async fn until_quiet(stream: &mut TcpStream, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !enough(&bytes) {
        let read = timeout(READ_TIMEOUT, stream.read_buf(&mut bytes))
            .await
            .unwrap()
            .unwrap();
        assert!(read > 0, "closed after {bytes:?}");
    }
    let more = timeout(Duration::from_millis(100), stream.read_u8()).await;
    assert!(more.is_err(), "{more:?} after {bytes:?}");
    bytes
}

/// The head and the body, if the head is complete.
fn split(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((
        String::from_utf8(bytes[..end].to_vec()).unwrap(),
        &bytes[end + 4..],
    ))
}

fn content_length(head: &str) -> Option<usize> {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    line.map(|length| length.parse().unwrap())
}

/// Whether `bytes` are the head of a reply and this share of its `Content-Length`.
fn is_reply(bytes: &[u8], share: impl Fn(usize) -> usize) -> bool {
    let split = split(bytes);
    split.is_some_and(|(head, body)| body.len() == share(content_length(&head).unwrap()))
}

#[tokio::test]
async fn faults_that_end_the_connection() {
    use Point::{BeforeReply, InBody, InHeaders};
    let mock = unlimited().await;
    for point in [BeforeReply, InHeaders, InBody] {
        for (fault, expected) in [
            (WireFault::Close(point), End::Closed),
            (WireFault::Reset(point), End::Reset),
        ] {
            mock.script([fault]);
            let (bytes, end) = until_end(&mut raw(&mock).await).await;
            assert_eq!(end, expected, "{fault:?}");
            let as_expected = match point {
                BeforeReply => bytes.is_empty(),
                InHeaders => bytes.starts_with(b"HTTP/1.1 200 OK\r\n") && split(&bytes).is_none(),
                InBody => is_reply(&bytes, |whole| whole / 2),
            };
            assert!(as_expected, "{fault:?}: {bytes:?}");
        }
    }
    assert!(
        mock.requests()
            .iter()
            .all(|request| request.status.is_none())
    );
    mock.finish().unwrap();
}

#[tokio::test]
async fn faults_that_keep_the_connection_open_and_silent() {
    let _time = Simulated::time();
    let mock = unlimited().await;
    mock.script([WireFault::Silent, WireFault::StallInBody]);
    until_quiet(&mut raw(&mock).await, |_| true).await;
    let half = until_quiet(&mut raw(&mock).await, |bytes| {
        is_reply(bytes, |whole| whole / 2)
    })
    .await;
    assert!(split(&half).unwrap().1.starts_with(b"{\""));
    mock.finish().unwrap();
}

#[tokio::test]
async fn a_dripping_reply_is_valid_and_slow() {
    let _time = Simulated::time();
    let mock = unlimited().await;
    mock.script([WireFault::Drip {
        interval: Duration::from_millis(1),
    }]);
    let sent = Instant::now();
    let (bytes, end) = until_end(&mut raw(&mock).await).await;
    assert_eq!(end, End::Closed);
    assert!(
        sent.elapsed() >= Duration::from_millis(bytes.len() as u64),
        "{:?}",
        sent.elapsed()
    );
    let (_, body) = split(&bytes).unwrap();
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(get(body["url"].as_str().unwrap(), None).await.body(), CLIP);
}

#[tokio::test]
async fn endless_headers_never_end() {
    let _time = Simulated::time();
    let mock = unlimited().await;
    mock.script([WireFault::EndlessHeaders {
        interval: Duration::ZERO,
    }]);
    let mut bytes = vec![0; 1024 * 1024];
    raw(&mock).await.read_exact(&mut bytes).await.unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(bytes.windows(12).any(|window| window == b"X-Flood-1: 1"));
    assert!(split(&bytes).is_none());

    mock.script([WireFault::EndlessHeaders {
        interval: Duration::from_secs(3600),
    }]);
    let bytes = until_quiet(&mut raw(&mock).await, |bytes| bytes.ends_with(b"\r\n")).await;
    assert!(split(&bytes).is_none());
}

#[tokio::test]
async fn garbage_is_not_http() {
    let mock = unlimited().await;
    mock.script([WireFault::Garbage]);
    let (bytes, end) = until_end(&mut raw(&mock).await).await;
    assert_eq!(end, End::Closed);
    assert!(!bytes.is_empty() && !bytes.starts_with(b"HTTP/"));
}

#[tokio::test]
async fn a_large_body_is_valid_json() {
    const BYTES: u64 = 50 * 1000 * 1000;
    let mock = unlimited().await;
    for is_announced in [true, false] {
        mock.script([WireFault::LargeBody {
            bytes: BYTES,
            announced: is_announced,
        }]);
        let (bytes, end) = until_end(&mut raw(&mock).await).await;
        assert_eq!(end, End::Closed);
        let (head, body) = split(&bytes).unwrap();
        assert_eq!(
            content_length(&head),
            is_announced.then_some(BYTES as usize)
        );
        assert_eq!(body.len() as u64, BYTES);
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert!(body["url"].is_string());
    }
    mock.finish().unwrap();
}

#[tokio::test]
async fn a_body_in_tiny_chunks_is_valid_json() {
    const BYTES: usize = 10_000;
    let mock = unlimited().await;
    mock.script([WireFault::TinyChunks {
        bytes: BYTES as u64,
    }]);
    let (bytes, end) = until_end(&mut raw(&mock).await).await;
    assert_eq!(end, End::Closed);
    let (head, body) = split(&bytes).unwrap();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let chunks = body.strip_suffix(b"0\r\n\r\n").unwrap().chunks(6);
    let body: Vec<u8> = chunks
        .map(|chunk| match chunk {
            [b'1', b'\r', b'\n', byte, b'\r', b'\n'] => *byte,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(body.len(), BYTES);
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert!(body["url"].is_string());
}

#[tokio::test]
async fn a_fault_applies_on_a_reused_connection_too() {
    let _time = Simulated::time();
    let mock = unlimited().await;
    mock.script([Scripted::Pass, WireFault::Reset(Point::BeforeReply).into()]);
    let mut stream = raw(&mock).await;
    until_quiet(&mut stream, |bytes| is_reply(bytes, |whole| whole)).await;

    write_request(&mock, &mut stream).await;
    assert_eq!(until_end(&mut stream).await, (Vec::new(), End::Reset));
    assert_eq!(mock.connections(), 1);
    mock.finish().unwrap();
}

#[tokio::test]
async fn a_fault_can_truncate_a_clip() {
    let mock = unlimited().await;
    mock.script_media([WireFault::Close(Point::InBody)]);
    let url: Uri = media_url(&mock).await.parse().unwrap();
    let mut stream = TcpStream::connect(url.authority().unwrap().as_str())
        .await
        .unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: mock\r\n\r\n", url.path());
    stream.write_all(request.as_bytes()).await.unwrap();
    let (bytes, end) = until_end(&mut stream).await;
    assert_eq!(end, End::Closed);
    let (head, body) = split(&bytes).unwrap();
    assert_eq!(content_length(&head), Some(CLIP.len()));
    assert_eq!(body, &CLIP[..CLIP.len() / 2]);
    mpegts::scan(body).unwrap_err();
}

#[tokio::test]
async fn dropping_the_mock_ends_its_connections() {
    let _time = Simulated::time();
    let mock = unlimited().await;
    mock.script([WireFault::Silent]);
    let mut stream = raw(&mock).await;
    until_quiet(&mut stream, |_| true).await;
    drop(mock);
    assert_eq!(until_end(&mut stream).await.1, End::Closed);
}
