//! The sockets of a host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream;
use http::Request;
use http_body_util::{BodyExt, StreamBody};
use mv_clip_host::outbound::Outbound;
use mv_clip_host::{ApiKey, KeyMode, OpenFiles, Timeouts};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, WasiBody};

use super::{AT_ONCE, Call, clip, number, settle};
use crate::outbound::server::{OK, Server, closed, read_head};
use crate::outbound::{allowing, request};
use crate::simulated::Simulated;

/// Answers, but not on `/hang`. Counts the connections that are open at the same time.
async fn counting() -> (Server, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (open, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (now, peak) = (Arc::clone(&open), Arc::clone(&most));
    let server = Server::start(move |mut stream| {
        let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
        async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            while let Some(head) = read_head(&mut stream).await {
                if head.contains(" /hang ") {
                    closed(&mut stream).await;
                    break;
                }
                if stream.write_all(OK.as_bytes()).await.is_err() {
                    break;
                }
            }
            now.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await;
    (server, open, most)
}

/// Eight sockets for three calls: one for each call and for the host, and four that they share.
fn with_few_sockets(origin: &str) -> Outbound {
    let outbound = allowing(&[origin.to_owned()]);
    let outbound = outbound.sockets(number(3), number(8)).unwrap();
    outbound.build().unwrap()
}

#[tokio::test]
async fn calls_that_take_all_sockets_they_can_leave_another_call_its_own() {
    let _time = Simulated::time();
    let (server, open, most) = counting().await;
    let outbound = with_few_sockets(&server.origin());
    let hang = format!("{}/hang", server.origin());
    let mut hostile = [Call::new(&outbound), Call::new(&outbound)];
    let held = hostile.each_mut().map(|call| call.hold(100, &hang));
    settle().await;
    // Of the four shared sockets, the first call takes two, and then the second one takes one.
    assert_eq!(open.load(Ordering::SeqCst), 5);
    let mut other = Call::new(&outbound);
    assert_eq!(other.fetch_at_once(&server.origin()).await, "ok");
    // The host's own requests too, such as those for media.
    let started = Instant::now();
    let own = outbound.send(request(&server.origin()), None).await;
    assert_eq!(own.unwrap().status(), 200);
    assert!(started.elapsed() <= AT_ONCE);
    assert!(most.load(Ordering::SeqCst) <= 8);
    // They end with their calls.
    drop((held, hostile));
    settle().await;
    assert!(open.load(Ordering::SeqCst) <= 1);
}

#[tokio::test]
async fn a_request_without_a_socket_says_so_after_the_connect_timeout() {
    let _time = Simulated::time();
    let (server, ..) = counting().await;
    let outbound = with_few_sockets(&server.origin());
    let mut hostile = Call::new(&outbound);
    let _held = hostile.hold(3, &format!("{}/hang", server.origin()));
    settle().await;
    let started = Instant::now();
    let result = hostile.send(request(&server.origin())).await;
    assert!(
        matches!(result, Err(Error::ConnectionLimitReached)),
        "{result:?}"
    );
    let waited = started.elapsed();
    let limit = Timeouts::default().connect;
    assert!((limit..limit + AT_ONCE).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn many_requests_of_one_call_share_its_few_sockets() {
    let _time = Simulated::time();
    let (server, _, most) = counting().await;
    let outbound = with_few_sockets(&server.origin());
    let mut call = Call::new(&outbound);
    let mut replies = JoinSet::new();
    for _ in 0..288 {
        let reply = call.send(request(&server.origin()));
        replies.spawn(async move { reply.await?.into_body().collect().await });
    }
    while let Some(reply) = replies.join_next().await {
        assert_eq!(reply.unwrap().unwrap().to_bytes(), "ok");
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn idle_connections_give_way_to_a_call_that_needs_a_socket() {
    let _time = Simulated::time();
    let servers = [(); 12].map(|()| Server::well_behaved());
    let servers = futures_util::future::join_all(servers).await;
    let origins: Vec<_> = servers.iter().map(Server::origin).collect();
    let key = ApiKey::new("5ec2e70b9f41d7a3").unwrap();
    let outbound = allowing(&origins).key(key, KeyMode::Injection);
    let outbound = outbound.sockets(number(3), number(8)).unwrap();
    let outbound = outbound.build().unwrap();
    for origin in &origins {
        assert_eq!(
            Call::new(&outbound).fetch_at_once(&clip(origin)).await,
            "ok"
        );
        settle().await;
    }
    // Those of the first servers were closed for the last ones.
    for server in &servers {
        assert_eq!(server.accepted(), 1);
    }
    Call::new(&outbound)
        .fetch_at_once(&clip(&origins[11]))
        .await;
    assert_eq!(servers[11].accepted(), 1, "kept");
    Call::new(&outbound).fetch_at_once(&clip(&origins[0])).await;
    assert_eq!(servers[0].accepted(), 2, "closed");
}

/// A body that never ends.
fn endless() -> WasiBody {
    StreamBody::new(stream::pending()).boxed_unsync()
}

/// The reply is there and dropped, but the body still holds the connection.
#[tokio::test]
async fn a_body_that_never_ends_counts_although_its_reply_is_dropped() {
    let _time = Simulated::time();
    let (server, open, _) = counting().await;
    let outbound = with_few_sockets(&server.origin());
    let mut hostile = Call::new(&outbound);
    for _ in 0..3 {
        let put = Request::put(server.origin()).body(endless());
        drop(hostile.send(put.unwrap()).await.unwrap());
        settle().await;
    }
    assert_eq!(open.load(Ordering::SeqCst), 3);
    let put = Request::put(server.origin()).body(endless());
    let result = hostile.send(put.unwrap()).await;
    assert!(
        matches!(result, Err(Error::ConnectionLimitReached)),
        "{result:?}"
    );
    let mut other = Call::new(&outbound);
    assert_eq!(other.fetch_at_once(&server.origin()).await, "ok");
}

#[test]
fn more_sockets_than_the_process_may_open_are_refused_with_what_to_raise() {
    let error = allowing(&[]).sockets(number(1), number(u32::MAX)).err();
    let Some(error @ OpenFiles { limit, .. }) = error else {
        panic!("{u32} sockets", u32 = u32::MAX);
    };
    let message = error.to_string();
    assert!(message.contains("ulimit -n") && message.contains("LimitNOFILE="));
    assert!(
        message.contains(&format!("this process has {limit}")),
        "{message}"
    );
}
