//! One connection over HTTP/2 for several calls.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mv_clip_host::outbound::Outbound;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{Call, SECOND, settle};
use crate::outbound::server::Server;
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
                Ok::<_, std::convert::Infallible>(Response::new(Full::new(large)))
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
                    Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::new())))
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
