//! One connection over HTTP/2 for several calls.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mv_clip_host::outbound::Outbound;

use super::{Call, settle};
use crate::outbound::server::Server;
use crate::outbound::{allowing, request, tls};
use crate::simulated::Simulated;

/// A server over HTTP/2 whose replies are four times as large as the window of a stream.
async fn over_http2(most: u32) -> (Server, Outbound) {
    let certified = tls::certificate("127.0.0.1");
    let acceptor = tls::acceptor(&certified, &["h2"]);
    let server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
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
    let root = tls::file(&format!("beside-{most}"), &certified.cert.pem());
    let outbound = allowing(&[tls::origin(&server)]).root_certificates(root);
    let outbound = outbound.build().unwrap();
    (server, outbound)
}

#[tokio::test]
async fn replies_over_http2_that_nobody_reads_hold_up_no_other_call() {
    let _time = Simulated::time();
    let (server, outbound) = over_http2(1_000).await;
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
    let (server, outbound) = over_http2(4).await;
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
    let (server, outbound) = over_http2(1_000).await;
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
