//! The error for each failure, and the timeouts.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use mv_clip_host::outbound::Outbound;
use mv_clip_host::{Lookup, Resolve, Timeouts};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::server::{OK, Server, closed, read_head, read_until};
use super::{allowing, get, in_time, request};
use crate::simulated::{STEP, Simulated};

const SHORT: Duration = Duration::from_millis(300);

/// Longer than a test, so that only the timeout under test can end a request.
fn long_timeouts() -> Timeouts {
    Timeouts::default()
        .connect(Duration::from_secs(600))
        .first_byte(Duration::from_secs(600))
        .between_bytes(Duration::from_secs(600))
}

fn to(server: &Server, timeouts: Timeouts) -> Outbound {
    let destinations = [server.origin(), server.origin().replace("http:", "https:")];
    allowing(&destinations).timeouts(timeouts).build().unwrap()
}

/// A server that accepts connections, sends nothing, and reports each connection that the client closes.
async fn silent() -> (Server, mpsc::UnboundedReceiver<()>) {
    let (gone, closings) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let gone = gone.clone();
        async move {
            closed(&mut stream).await;
            gone.send(()).unwrap();
        }
    });
    (server.await, closings)
}

#[tokio::test]
async fn a_silent_server_times_out() {
    let _time = Simulated::time();
    let (server, mut closings) = silent().await;
    let outbound = to(&server, long_timeouts().first_byte(SHORT));
    let result = get(&outbound, &server.origin()).await;
    assert!(
        matches!(result, Err(Error::HttpResponseTimeout)),
        "{result:?}"
    );
    in_time(closings.recv()).await.unwrap();
}

/// A body whose frames come at intervals of a third of `SHORT`.
fn slow_body() -> WasiBody {
    let pieces = stream::iter(0..6).then(async |_| {
        sleep(SHORT / 3).await;
        Ok(Frame::data(Bytes::from_static(b"piece")))
    });
    StreamBody::new(pieces).boxed_unsync()
}

#[tokio::test]
async fn the_timeout_starts_after_the_request_body() {
    let _time = Simulated::time();
    let timeouts = long_timeouts().first_byte(SHORT);
    let put = |server: &Server| Request::put(server.origin()).body(slow_body()).unwrap();

    let server = Server::start(|mut stream| async move {
        read_until(&mut stream, b"0\r\n\r\n").await;
        stream.write_all(OK.as_bytes()).await.unwrap();
    });
    let server = server.await;
    let response = to(&server, timeouts).send(put(&server), None).await;
    assert_eq!(response.unwrap().status(), 200);

    let (server, mut closings) = silent().await;
    let started = Instant::now();
    let result = to(&server, timeouts).send(put(&server), None).await;
    assert!(
        matches!(result, Err(Error::HttpResponseTimeout)),
        "{result:?}"
    );
    let took = started.elapsed();
    // Six thirds for the body, and then the timeout.
    let allowed = SHORT * 3..SHORT * 3 + 50 * STEP;
    assert!(allowed.contains(&took), "{took:?}");
    in_time(closings.recv()).await.unwrap();
}

#[tokio::test]
async fn a_silent_tls_handshake_times_out() {
    let _time = Simulated::time();
    let (server, mut closings) = silent().await;
    let outbound = to(&server, long_timeouts().connect(SHORT));
    let result = get(&outbound, &server.origin().replace("http:", "https:")).await;
    assert!(
        matches!(result, Err(Error::ConnectionTimeout)),
        "{result:?}"
    );
    in_time(closings.recv()).await.unwrap();
}

#[tokio::test]
async fn a_guest_may_set_a_shorter_timeout() {
    let _time = Simulated::time();
    let (server, _closings) = silent().await;
    let options = |limit| RequestOptions {
        connect_timeout: Some(limit),
        first_byte_timeout: Some(limit),
        between_bytes_timeout: Some(limit),
    };
    let outbound = to(&server, long_timeouts());
    let short = in_time(outbound.send(request(&server.origin()), Some(options(SHORT)))).await;
    assert!(
        matches!(short, Err(Error::HttpResponseTimeout)),
        "{short:?}"
    );

    let tls = server.origin().replace("http:", "https:");
    let short = in_time(outbound.send(request(&tls), Some(options(SHORT)))).await;
    assert!(matches!(short, Err(Error::ConnectionTimeout)), "{short:?}");

    // Regression test: zero caused a panic.
    let zero =
        in_time(outbound.send(request(&server.origin()), Some(options(Duration::ZERO)))).await;
    assert!(
        matches!(
            zero,
            Err(Error::HttpResponseTimeout | Error::ConnectionTimeout)
        ),
        "{zero:?}"
    );
}

#[tokio::test]
async fn a_guest_cannot_set_a_longer_timeout() {
    let _time = Simulated::time();
    let (server, _closings) = silent().await;
    let outbound = to(&server, long_timeouts().first_byte(SHORT));
    let options = RequestOptions {
        first_byte_timeout: Some(Duration::MAX),
        ..Default::default()
    };
    let result = in_time(outbound.send(request(&server.origin()), Some(options))).await;
    assert!(
        matches!(result, Err(Error::HttpResponseTimeout)),
        "{result:?}"
    );
}

#[tokio::test]
async fn an_endless_header_section_times_out() {
    let _time = Simulated::time();
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        let mut line = "HTTP/1.1 200 OK\r\n";
        while stream.write_all(line.as_bytes()).await.is_ok() {
            line = "x: y\r\n";
            sleep(SHORT / 10).await;
        }
    })
    .await;
    let outbound = to(&server, long_timeouts().first_byte(SHORT));
    let result = get(&outbound, &server.origin()).await;
    assert!(
        matches!(result, Err(Error::HttpResponseTimeout)),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_stalled_body_times_out() {
    let _time = Simulated::time();
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart")
            .await
            .unwrap();
        closed(&mut stream).await;
    })
    .await;
    let outbound = to(&server, long_timeouts().between_bytes(SHORT));
    let mut body = get(&outbound, &server.origin()).await.unwrap().into_body();
    let part = in_time(body.frame())
        .await
        .unwrap()
        .unwrap()
        .into_data()
        .unwrap();
    assert_eq!(part, "part");
    let stalled = in_time(body.frame()).await.unwrap();
    assert!(
        matches!(stalled, Err(Error::ConnectionReadTimeout)),
        "{stalled:?}"
    );
}

#[tokio::test]
async fn time_without_a_read_by_the_guest_does_not_count() {
    let _time = Simulated::time();
    let limit = Duration::from_secs(1);
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let server = Server::start(move |mut stream| {
        let wait = Arc::clone(&wait);
        async move {
            read_head(&mut stream).await;
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
            stream.write_all(head).await.unwrap();
            for part in [b"ab", b"cd"] {
                wait.notified().await;
                stream.write_all(part).await.unwrap();
            }
            closed(&mut stream).await;
        }
    });
    let server = server.await;
    let outbound = to(&server, long_timeouts().between_bytes(limit));
    let mut body = get(&outbound, &server.origin()).await.unwrap().into_body();
    for part in ["ab", "cd"] {
        // The guest does not read during this time.
        sleep(limit + SHORT).await;
        go.notify_one();
        let frame = in_time(body.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), part);
    }
}

#[tokio::test]
async fn each_invalid_response_has_its_error() {
    let _time = Simulated::time();
    let huge = "x: y\r\n".repeat(200);
    let huge: &'static str = Box::leak(format!("HTTP/1.1 200 OK\r\n{huge}\r\n").into_boxed_str());
    let long = "y".repeat(150 << 10);
    let long: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nx: {long}\r\n\r\n").into_boxed_str());
    let cases = [
        ("nothing", "", "ConnectionTerminated"),
        (
            "an incomplete header section",
            "HTTP/1.1 200 OK\r\ncontent-",
            "ConnectionTerminated",
        ),
        (
            "another protocol",
            "SSH-2.0-OpenSSH_9.2\r\n\r\n",
            "HttpProtocolError",
        ),
        (
            "an invalid header",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HttpProtocolError",
        ),
        (
            "200 header fields",
            huge,
            "HttpResponseHeaderSectionSize(None)",
        ),
        (
            "a header field of 150 KiB",
            long,
            "HttpResponseHeaderSectionSize(None)",
        ),
    ];
    for (case, reply, expected) in cases {
        let server = Server::replying(reply).await;
        let error = get(&to(&server, long_timeouts()), &server.origin())
            .await
            .unwrap_err();
        assert_eq!(format!("{error:?}"), expected, "{case}");
    }
}

#[tokio::test]
async fn each_invalid_body_has_its_error() {
    let _time = Simulated::time();
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\nzz\r\n";
    let cases = [
        (
            "shorter than content-length",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabcd",
            "HttpResponseIncomplete",
        ),
        (
            "no last chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n",
            "HttpResponseIncomplete",
        ),
        ("a chunk without a size", chunked, "HttpProtocolError"),
    ];
    for (case, reply, expected) in cases {
        let server = Server::replying(reply).await;
        let response = get(&to(&server, long_timeouts()), &server.origin())
            .await
            .unwrap();
        let error = in_time(response.into_body().collect()).await.unwrap_err();
        assert_eq!(format!("{error:?}"), expected, "{case}");
    }
}

#[tokio::test]
async fn a_reset_ends_the_request() {
    let _time = Simulated::time();
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let result = get(&to(&server, long_timeouts()), &server.origin()).await;
    assert!(
        matches!(result, Err(Error::ConnectionTerminated)),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_reset_ends_the_body() {
    let _time = Simulated::time();
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let server = Server::start(move |mut stream| {
        let wait = Arc::clone(&wait);
        async move {
            read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab")
                .await
                .unwrap();
            wait.notified().await;
            stream.set_zero_linger().unwrap();
        }
    });
    let server = server.await;
    let mut body = get(&to(&server, long_timeouts()), &server.origin())
        .await
        .unwrap()
        .into_body();
    in_time(body.frame()).await.unwrap().unwrap();
    go.notify_one();
    let result = in_time(body.frame()).await.unwrap();
    assert!(
        matches!(result, Err(Error::ConnectionTerminated)),
        "{result:?}"
    );
}

/// A resolver with a fault.
#[derive(Clone, Copy)]
enum FaultyResolver {
    Fails,
    FindsNothing,
    Hangs,
}

impl Resolve for FaultyResolver {
    fn resolve(&self, _: &str) -> Lookup {
        match self {
            Self::Fails => Box::pin(async { Err(io::Error::other("no such name")) }),
            Self::FindsNothing => Box::pin(async { Ok(Vec::new()) }),
            Self::Hangs => Box::pin(std::future::pending()),
        }
    }
}

#[tokio::test]
async fn a_failed_lookup_is_a_dns_error_or_a_timeout() {
    let _time = Simulated::time();
    let uri = "https://camera.example.com".to_owned();
    let dns = "DnsError { rcode: None, info_code: None }";
    let cases = [
        ("fails", FaultyResolver::Fails, dns),
        ("finds nothing", FaultyResolver::FindsNothing, dns),
        ("hangs", FaultyResolver::Hangs, "ConnectionTimeout"),
    ];
    for (case, resolver, expected) in cases {
        let outbound = allowing(std::slice::from_ref(&uri)).resolver(resolver);
        let outbound = outbound
            .timeouts(long_timeouts().connect(SHORT))
            .build()
            .unwrap();
        let error = get(&outbound, &uri).await.unwrap_err();
        assert_eq!(format!("{error:?}"), expected, "{case}");
    }
}

#[tokio::test]
async fn the_longest_timeouts_are_accepted() {
    let server = Server::well_behaved().await;
    let longest = Timeouts::default()
        .connect(Duration::MAX)
        .first_byte(Duration::MAX)
        .between_bytes(Duration::MAX);
    for _ in 0..2 {
        let outbound = to(&server, longest);
        let response = get(&outbound, &server.origin()).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
}
