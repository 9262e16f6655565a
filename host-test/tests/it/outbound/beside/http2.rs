//! One connection over HTTP/2 for several calls.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mv_clip_host::outbound::Outbound;
use tokio::time::sleep;

use super::{Call, clip, settle, with_key};
use crate::outbound::server::Server;
use crate::outbound::{request, tls};
use crate::simulated::Simulated;

/// How large the replies are: twice the default window of a connection over HTTP/2.
pub(super) const LARGE: usize = 128 << 10;

/// A server over HTTP/2, and a host with the key for it. It says late how many requests
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
                let large = Bytes::from_static(&[0; LARGE]);
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
    let outbound = with_key(&tls::origin(&server)).root_certificates(root);
    (server, outbound.build().unwrap())
}

#[tokio::test]
async fn replies_over_http2_that_nobody_reads_hold_up_no_other_call() {
    let _time = Simulated::time();
    let (server, outbound) = over_http2("unread", 1_000, Duration::ZERO).await;
    let uri = clip(&tls::origin(&server));
    // A hundred share a connection. The last one has room for the other call.
    for unread in [50, 350] {
        let mut hostile = Call::new(&outbound);
        let _held = hostile.hold(unread, &uri);
        settle().await;
        for _ in 0..3 {
            let body = Call::new(&outbound).fetch_at_once(&uri).await;
            assert_eq!(body.len(), LARGE);
        }
    }
}

#[tokio::test]
async fn a_call_that_uses_all_that_a_server_takes_on_a_connection_holds_up_no_other() {
    let _time = Simulated::time();
    let (server, outbound) = over_http2("few", 4, Duration::ZERO).await;
    let uri = clip(&tls::origin(&server));
    // The settings of the server have arrived.
    Call::new(&outbound).fetch_at_once(&uri).await;
    let mut hostile = Call::new(&outbound);
    let _held = hostile.hold(50, &uri);
    settle().await;
    let body = Call::new(&outbound).fetch_at_once(&uri).await;
    assert_eq!(body.len(), LARGE);
    assert!(server.accepted() >= 13, "{}", server.accepted());
}

/// Servers close a connection on which many requests are reset, for all calls.
#[tokio::test]
async fn a_call_that_drops_its_requests_goes_on_over_connections_of_its_own() {
    let _time = Simulated::time();
    let (server, outbound) = over_http2("dropping", 1_000, Duration::ZERO).await;
    let uri = clip(&tls::origin(&server));
    let mut other = Call::new(&outbound);
    other.fetch_at_once(&uri).await;
    let mut hostile = Call::new(&outbound);
    for _ in 0..10 {
        drop(hostile.send(request(&uri)).await.unwrap());
    }
    assert_eq!(server.accepted(), 1 + 10 - 4);
    // A reply that is read to its end causes no reset.
    for _ in 0..10 {
        other.fetch_at_once(&uri).await;
    }
    assert_eq!(server.accepted(), 1 + 10 - 4);
}
