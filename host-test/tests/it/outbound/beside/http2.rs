//! One connection over HTTP/2 for several calls.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mv_clip_host::outbound::Outbound;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::{AT_ONCE, Call, SECOND, settle};
use crate::outbound::server::{Server, closed};
use crate::outbound::{allowing, request, tls};
use crate::simulated::Simulated;

/// A server over HTTP/2 whose replies are four times as large as the window of a stream. It says late how many requests
/// it takes on a connection.
pub(super) async fn over_http2(test: &str, most: u32, late: Duration) -> (Server, Outbound) {
    let certified = tls::certificate("127.0.0.1");
    let acceptor = tls::acceptor(&certified, &["h2"]);
    let server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            sleep(late).await;
            let service = service_fn(|_| async {
                let large = Bytes::from_static(&[0; 1 << 20]);
                Ok::<_, Infallible>(Response::new(Full::new(large)))
            });
            let mut http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _gone = http2
                .max_concurrent_streams(most)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    })
    .await;
    let root = tls::file(&format!("beside-{test}"), &certified.cert.pem());
    let outbound = allowing(&[tls::origin(&server)]).root_certificates(root);
    let outbound = outbound.build().unwrap();
    (server, outbound)
}

#[tokio::test]
async fn replies_over_http2_that_nobody_reads_hold_up_no_other_call() {
    let _time = Simulated::time();
    let (server, outbound) = over_http2("unread", 1_000, Duration::ZERO).await;
    let origin = tls::origin(&server);
    // A hundred share a connection. The last one has room for the other call.
    for unread in [50, 350] {
        let mut hostile = Call::new(&outbound);
        let _held = hostile.hold(unread, &origin);
        settle().await;
        for _ in 0..3 {
            let body = Call::new(&outbound).fetch_at_once(&origin).await;
            assert_eq!(body.len(), 1 << 20);
        }
    }
    eprintln!("400 unread replies on {} connections", server.accepted());
}

#[tokio::test]
async fn a_call_that_uses_all_that_a_server_takes_on_a_connection_holds_up_no_other() {
    let _time = Simulated::time();
    let (server, outbound) = over_http2("few", 4, Duration::ZERO).await;
    let origin = tls::origin(&server);
    // The settings of the server have arrived.
    Call::new(&outbound).fetch_at_once(&origin).await;
    let mut hostile = Call::new(&outbound);
    let _held = hostile.hold(50, &origin);
    settle().await;
    let body = Call::new(&outbound).fetch_at_once(&origin).await;
    assert_eq!(body.len(), 1 << 20);
    eprintln!("accepted {}", server.accepted());
    assert!(server.accepted() >= 13, "{}", server.accepted());
}

/// Servers close a connection on which many requests are reset, for all calls.
#[tokio::test]
async fn a_call_that_drops_its_requests_goes_on_over_connections_of_its_own() {
    let _time = Simulated::time();
    let (server, outbound) = over_http2("dropping", 1_000, Duration::ZERO).await;
    let origin = tls::origin(&server);
    let mut other = Call::new(&outbound);
    other.fetch_at_once(&origin).await;
    let mut hostile = Call::new(&outbound);
    for _ in 0..10 {
        drop(hostile.send(request(&origin)).await.unwrap());
    }
    assert_eq!(server.accepted(), 1 + 10 - 4);
    // A reply that is read to its end causes no reset.
    for _ in 0..10 {
        other.fetch_at_once(&origin).await;
    }
    assert_eq!(server.accepted(), 1 + 10 - 4);
}

/// As some servers do when a head is longer than they take.
#[tokio::test]
async fn a_server_that_closes_the_connection_over_a_long_head_closes_it_for_one_call() {
    let _time = Simulated::time();
    let certified = tls::certificate("127.0.0.1");
    let acceptor = tls::acceptor(&certified, &["h2"]);
    let server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let too_long = Arc::new(Notify::new());
            let found = Arc::clone(&too_long);
            let service = service_fn(move |request: Request<Incoming>| {
                let found = Arc::clone(&found);
                async move {
                    if request.uri().path().len() > 8 << 10 {
                        found.notify_one();
                    }
                    sleep(SECOND).await;
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
                }
            });
            let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::select! {
                _gone = http2.serve_connection(TokioIo::new(stream), service) => {}
                () = too_long.notified() => {}
            }
        }
    })
    .await;
    let root = tls::file("beside-long", &certified.cert.pem());
    let outbound = allowing(&[tls::origin(&server)]).root_certificates(root);
    let outbound = outbound.build().unwrap();
    let origin = tls::origin(&server);
    let path = "x".repeat(8 << 10);
    let mut other = Call::new(&outbound);
    // The first makes the connection.
    other.send(request(&origin)).await.unwrap();
    let waiting = tokio::spawn(other.send(request(&origin)));
    sleep(SECOND / 2).await;
    let mut hostile = Call::new(&outbound);
    let refused = hostile.send(request(&format!("{origin}/{path}"))).await;
    assert!(refused.is_err(), "{refused:?}");
    waiting.await.unwrap().unwrap();
}

/// How late the settings of a server come.
const LATE: Duration = Duration::from_millis(100);

/// Sends requests at once, which must all succeed.
async fn burst(call: &mut Call, count: usize, origin: &str) {
    let replies = (0..count).map(|_| call.send(request(origin)));
    for reply in join_all(replies).await {
        let body = reply.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes().len(), 1 << 20);
    }
}

/// Servers refuse requests beyond what they take, also if a client does not know yet.
#[tokio::test]
async fn a_server_that_takes_few_requests_at_once_gets_no_more() {
    let _time = Simulated::time();
    let (server, outbound) = over_http2("late", 4, LATE).await;
    let origin = tls::origin(&server);
    for _ in 0..3 {
        let mut calls = [(); 5].map(|()| Call::new(&outbound));
        join_all(calls.each_mut().map(|call| burst(call, 20, &origin))).await;
    }
    assert!(server.accepted() >= 25, "{}", server.accepted());
}

#[tokio::test]
async fn a_burst_to_a_server_that_spoke_http2_before_waits_for_one_connection() {
    let _time = Simulated::in_steps_of(Duration::from_millis(20));
    let (server, outbound) = over_http2("burst", 1_000, LATE).await;
    let origin = tls::origin(&server);
    burst(&mut Call::new(&outbound), 1, &origin).await;
    for connections in 2..4 {
        // The one before is idle for too long.
        sleep(Duration::from_secs(60)).await;
        let mut calls = [(); 10].map(|()| Call::new(&outbound));
        join_all(calls.each_mut().map(|call| burst(call, 10, &origin))).await;
        assert_eq!(server.accepted(), connections);
    }
}

/// How long a request waits for a connection that another one is making.
const PATIENCE: Duration = Duration::from_millis(250);

#[tokio::test]
async fn a_call_whose_connection_is_not_made_holds_up_others_for_a_moment_only() {
    let _time = Simulated::time();
    let certified = tls::certificate("127.0.0.1");
    let acceptor = tls::acceptor(&certified, &["h2"]);
    let hangs = Arc::new(AtomicUsize::new(0));
    let left = Arc::clone(&hangs);
    // The next connections get no handshake, as many as `hangs` says.
    let server = Server::start(move |mut stream| {
        let (acceptor, left) = (acceptor.clone(), Arc::clone(&left));
        async move {
            let less = |left: usize| left.checked_sub(1);
            if left.fetch_update(SeqCst, SeqCst, less).is_ok() {
                return closed(&mut stream).await;
            }
            let stream = acceptor.accept(stream).await.unwrap();
            let ok = || async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("ok")))) };
            let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let service = service_fn(move |_| ok());
            let _gone = http2.serve_connection(TokioIo::new(stream), service).await;
        }
    })
    .await;
    let origin = tls::origin(&server);
    let root = tls::file("beside-hanging", &certified.cert.pem());
    let outbound = allowing(std::slice::from_ref(&origin)).root_certificates(root);
    let outbound = outbound.build().unwrap();
    Call::new(&outbound).fetch_at_once(&origin).await;
    sleep(Duration::from_secs(60)).await;
    hangs.store(1, SeqCst);
    let mut hostile = Call::new(&outbound);
    let _held = hostile.hold(1, &origin);
    sleep(AT_ONCE).await;
    let started = Instant::now();
    let reply = Call::new(&outbound).send(request(&origin)).await.unwrap();
    assert_eq!(reply.status(), 200);
    let took = started.elapsed();
    assert!(took <= PATIENCE + AT_ONCE, "{took:?}");
    assert_eq!(server.accepted(), 3);
}
