//! Requests in flight.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mv_clip_host::{ClipHost, Limit, Limits, Policy};
use mv_clip_host::{Lookup, Resolve};
use tokio::io::AsyncWriteExt;

use super::{hostile, limit, watched};
use crate::guest;
use crate::outbound::server::{Server, closed, read_head};
use crate::support::try_load;

/// Each request opens its own connection, so the server can count them.
#[test]
fn requests_in_flight_are_limited_and_end_with_their_call() {
    watched(2, async {
        let open = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&open);
        let server = Server::start(move |mut stream| {
            let open = Arc::clone(&count);
            async move {
                open.fetch_add(1, Ordering::SeqCst);
                if read_head(&mut stream).await.is_some() {
                    // A body that never comes.
                    let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
                    stream.write_all(head.as_bytes()).await.unwrap();
                    closed(&mut stream).await;
                }
                open.fetch_sub(1, Ordering::SeqCst);
            }
        })
        .await;
        let max = 20;
        let limits = Limits::default().requests(max);
        let policy = Policy::new([server.origin().parse().unwrap()]);
        let host = try_load(&guest::by_serial(), policy, limits).unwrap();
        let (found, message) = limit(hostile(&host, "i", &server.address.to_string()).await);
        assert_eq!(found, Limit::Requests(max));
        assert!(
            message.ends_with("20 requests in flight (Limits::requests)"),
            "{message}"
        );
        let accepted = server.accepted();
        assert!((1..=max).contains(&accepted), "{accepted}");
        while open.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

/// Never answers.
struct SilentResolver;

impl Resolve for SilentResolver {
    fn resolve(&self, _: &str) -> Lookup {
        Box::pin(pending())
    }
}

/// A host whose requests never get a response, so that each is in flight until its call ends.
fn host_without_replies(limits: Limits) -> ClipHost {
    let policy = Policy::new(["http://*.example.com".parse().unwrap()]);
    let builder = ClipHost::builder().policy(policy).resolver(SilentResolver);
    let builder = builder.limits(limits);
    builder.load_bytes_blocking(&guest::by_serial()).unwrap()
}

#[test]
fn the_default_limit_on_requests_in_flight_applies() {
    watched(2, async {
        let host = host_without_replies(Limits::default());
        let (found, _) = limit(hostile(&host, "open", "camera.example.com").await);
        assert_eq!(found, Limit::Requests(512));
    });
}

/// The second limit stops the guest before the host reports the first one.
#[test]
fn the_limit_that_is_exceeded_first_is_named() {
    watched(1, async {
        let limits = Limits::default().requests(1).resources(64);
        let host = host_without_replies(limits);
        let (found, _) = limit(hostile(&host, "join", "camera.example.com").await);
        assert_eq!(found, Limit::Requests(1));
    });
}
