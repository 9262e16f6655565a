//! Reuse of connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::server::{OK, Server, closed, read_head};
use super::{allowing, fetch, get, in_time};
use crate::simulated::Simulated;

#[tokio::test]
async fn consecutive_requests_share_a_connection() {
    let server = Server::well_behaved().await;
    let outbound = allowing(&[server.origin()]).build().unwrap();
    for _ in 0..5 {
        assert_eq!(fetch(&outbound.clone(), &server.origin()).await, "ok");
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn spellings_of_one_origin_share_a_connection() {
    let server = Server::well_behaved().await;
    let port = server.port();
    let outbound = allowing(&[format!("http://localhost:{port}")])
        .build()
        .unwrap();
    for host in ["localhost", "LocalHost", "localhost."] {
        fetch(&outbound, &format!("http://{host}:{port}/")).await;
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn policies_do_not_share_connections() {
    let server = Server::well_behaved().await;
    for _ in 0..2 {
        let outbound = allowing(&[server.origin()]).build().unwrap();
        fetch(&outbound, &server.origin()).await;
    }
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn an_idle_connection_closed_by_the_server_is_replaced() {
    let (gone, mut client_noticed) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let gone = gone.clone();
        async move {
            read_head(&mut stream).await.unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            closed(&mut stream).await;
            gone.send(()).unwrap();
        }
    })
    .await;
    let outbound = allowing(&[server.origin()]).build().unwrap();
    for _ in 0..3 {
        assert_eq!(fetch(&outbound, &server.origin()).await, "ok");
        in_time(client_noticed.recv()).await.unwrap();
    }
    assert_eq!(server.accepted(), 3);
}

#[tokio::test]
async fn a_connection_is_closed_when_it_was_idle_for_too_long() {
    let _time = Simulated::in_steps_of(Duration::from_millis(100));
    let (gone, mut closings) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let gone = gone.clone();
        async move {
            while read_head(&mut stream).await.is_some() {
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
            gone.send(Instant::now()).unwrap();
        }
    })
    .await;
    let outbound = allowing(&[server.origin()]).build().unwrap();
    for _ in 0..2 {
        fetch(&outbound, &server.origin()).await;
        sleep(Duration::from_secs(40)).await;
        let used = Instant::now();
        fetch(&outbound, &server.origin()).await;
        let idle = in_time(closings.recv()).await.unwrap() - used;
        let expected = Duration::from_secs(50)..Duration::from_secs(52);
        assert!(expected.contains(&idle), "{idle:?}");
    }
    assert_eq!(server.accepted(), 2);
}

/// A server that sends part of a response on the path `/part`, nothing on others, and reports what happens.
async fn stalling() -> (Server, mpsc::UnboundedReceiver<&'static str>) {
    let (events, seen) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let events = events.clone();
        async move {
            let head = read_head(&mut stream).await.unwrap();
            if head.starts_with("GET /part ") {
                let part = "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\npart";
                stream.write_all(part.as_bytes()).await.unwrap();
            }
            events.send("requested").unwrap();
            closed(&mut stream).await;
            events.send("closed").unwrap();
        }
    });
    (server.await, seen)
}

#[tokio::test]
async fn a_dropped_request_closes_its_connection() {
    let (server, mut seen) = stalling().await;
    let outbound = allowing(&[server.origin()]).build().unwrap();
    let origin = server.origin();
    let sending = tokio::spawn(async move { get(&outbound, &origin).await.map(drop) });
    assert_eq!(in_time(seen.recv()).await, Some("requested"));
    sending.abort();
    assert_eq!(in_time(seen.recv()).await, Some("closed"));
}

#[tokio::test]
async fn a_dropped_body_closes_its_connection() {
    let (server, mut seen) = stalling().await;
    let outbound = allowing(&[server.origin()]).build().unwrap();
    let mut body = get(&outbound, &format!("{}/part", server.origin()))
        .await
        .unwrap()
        .into_body();
    let frame = in_time(body.frame()).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), Bytes::from("part"));
    assert_eq!(in_time(seen.recv()).await, Some("requested"));
    drop(body);
    assert_eq!(in_time(seen.recv()).await, Some("closed"));
}

#[tokio::test]
async fn concurrent_requests_use_separate_connections() {
    // Answers only after both requests have arrived.
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let late = Arc::new(AtomicBool::new(false));
    let server = Server::start(move |mut stream| {
        let (both, late) = (Arc::clone(&both), Arc::clone(&late));
        async move {
            while read_head(&mut stream).await.is_some() {
                if !late.load(Ordering::SeqCst) {
                    both.wait().await;
                    late.store(true, Ordering::SeqCst);
                }
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let outbound = allowing(&[server.origin()]).build().unwrap();
    let origin = server.origin();
    tokio::join!(fetch(&outbound, &origin), fetch(&outbound, &origin));
    fetch(&outbound, &origin).await;
    assert_eq!(server.accepted(), 2);
}
