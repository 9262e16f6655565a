//! Many requests to one server of HTTP/2, before there is a connection.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Response;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::{Instant, sleep};

use super::http2::{LARGE, over_http2};
use super::{AT_ONCE, Call, clip, with_key};
use crate::outbound::server::{Server, closed};
use crate::outbound::{request, tls};
use crate::simulated::Simulated;

/// How late the settings of a server come.
const LATE: Duration = Duration::from_millis(100);

/// Sends requests at once, which must all succeed.
async fn burst(call: &mut Call, count: usize, uri: &str) {
    let replies = (0..count).map(|_| call.send(request(uri)));
    for reply in join_all(replies).await {
        let body = reply.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes().len(), LARGE);
    }
}

/// Servers refuse requests beyond what they take, also if a client does not know yet.
#[tokio::test]
async fn a_server_that_takes_few_requests_at_once_gets_no_more() {
    let _time = Simulated::time();
    let (server, outbound) = over_http2("late", 4, LATE).await;
    let uri = clip(&tls::origin(&server));
    for _ in 0..3 {
        let mut calls = [(); 5].map(|()| Call::new(&outbound));
        join_all(calls.each_mut().map(|call| burst(call, 20, &uri))).await;
    }
    assert!(server.accepted() >= 25, "{}", server.accepted());
}

#[tokio::test]
async fn a_burst_to_a_server_that_spoke_http2_before_waits_for_one_connection() {
    let _time = Simulated::in_steps_of(Duration::from_millis(20));
    let (server, outbound) = over_http2("burst", 1_000, LATE).await;
    let uri = clip(&tls::origin(&server));
    burst(&mut Call::new(&outbound), 1, &uri).await;
    for connections in 2..4 {
        // The one before is idle for too long.
        sleep(Duration::from_secs(60)).await;
        let mut calls = [(); 10].map(|()| Call::new(&outbound));
        join_all(calls.each_mut().map(|call| burst(call, 10, &uri))).await;
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
    let outbound = with_key(&origin).root_certificates(root);
    let outbound = outbound.build().unwrap();
    let uri = clip(&origin);
    Call::new(&outbound).fetch_at_once(&uri).await;
    sleep(Duration::from_secs(60)).await;
    hangs.store(1, SeqCst);
    let mut hostile = Call::new(&outbound);
    let _held = hostile.hold(1, &uri);
    sleep(AT_ONCE).await;
    let started = Instant::now();
    let reply = Call::new(&outbound).send(request(&uri)).await.unwrap();
    assert_eq!(reply.status(), 200);
    let took = started.elapsed();
    assert!(took <= PATIENCE + AT_ONCE, "{took:?}");
    assert_eq!(server.accepted(), 3);
}
