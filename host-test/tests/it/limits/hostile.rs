//! Guests that misuse what all calls share: connections, look-ups, and the server on the other side. The calls beside
//! them make requests to the same server.

use std::future::pending;
use std::num::NonZeroU32;
use std::time::Duration;

use mv_clip_host::{
    CallError, ClipHost, Limit, Limits, Lookup, Policy, RateLimit, RateLimiter, Resolve, Timeouts,
};
use tokio::io::AsyncWriteExt;

use super::{beside, limit, watched};
use crate::guest::{self, DENIED, TIMED_OUT, failed};
use crate::outbound::server::{OK, Server, read_head};

/// How long a guest may run that would never end.
const WALL_TIME: Duration = Duration::from_secs(1);

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";

/// Answers every request, also one that lies in the body of another.
async fn server() -> Server {
    Server::start(|mut stream| async move {
        while let Some(head) = read_head(&mut stream).await {
            let is_smuggled = head.contains("/smuggled");
            let reply = match is_smuggled {
                true => "HTTP/1.1 500 Smuggled\r\ncontent-length: 0\r\n\r\n",
                false => OK,
            };
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

/// Never answers for `slow.example.com`.
struct Names;

impl Resolve for Names {
    fn resolve(&self, name: &str) -> Lookup {
        let is_slow = name.starts_with("slow");
        Box::pin(async move {
            match is_slow {
                true => pending().await,
                false => Ok(vec!["127.0.0.1".parse().unwrap()]),
            }
        })
    }
}

/// A host with few connections for its calls, so that one call could take them all.
fn host(server: &Server) -> ClipHost {
    let limits = Limits::default()
        .wall_time(WALL_TIME)
        .concurrent_calls(NonZeroU32::new(4).unwrap())
        .sockets(NonZeroU32::new(16).unwrap());
    let policy = Policy::default()
        .allow([server.origin().parse().unwrap()])
        .allow(["http://slow.example.com".parse().unwrap()]);
    let timeouts = Timeouts::default().connect(WALL_TIME / 4);
    let builder = ClipHost::builder().policy(policy).limits(limits);
    let builder = builder.timeouts(timeouts).resolver(Names);
    builder.load_bytes_blocking(&guest::by_serial()).unwrap()
}

/// Runs a hostile call beside calls that each make a request to the server.
async fn run(order: &str, end: &str) -> Result<String, CallError> {
    let server = server().await;
    let host = host(&server);
    run_on(&host, &server, [order, &server.address.to_string(), end]).await
}

async fn run_on(host: &ClipHost, server: &Server, hostile: [&str; 3]) -> Result<String, CallError> {
    let address = server.address.to_string();
    beside(host, hostile, ["r", &address, ""], "Y").await
}

#[test]
fn a_guest_that_puts_a_body_where_there_is_none_is_denied() {
    watched(2, async {
        for (order, end) in [
            ("x0b", SMUGGLED),
            ("x1b", SMUGGLED),
            ("x4b", SMUGGLED),
            ("x6b", SMUGGLED),
        ] {
            assert_eq!(run(order, end).await.unwrap(), failed(DENIED), "{order}");
        }
        assert_eq!(run("x0u", "").await.unwrap(), failed(TIMED_OUT));
    });
}

/// The server would take the next request of the connection for the body.
#[test]
fn a_guest_that_announces_a_body_and_sends_none_gets_no_answer() {
    watched(2, async {
        for order in ["x0l", "x1l", "x3l", "x4l", "x6l"] {
            match run(order, "36").await {
                Ok(answer) => assert_ne!(answer, "Y", "{order}"),
                Err(error) => assert!(matches!(error, CallError::Trap(_)), "{order}: {error:?}"),
            }
        }
    });
}

#[test]
fn a_guest_that_opens_a_tunnel_or_asks_for_an_echo_is_denied() {
    watched(2, async {
        for order in ["x5n", "x7n"] {
            assert_eq!(run(order, "").await.unwrap(), failed(DENIED), "{order}");
        }
    });
}

/// Such a body goes over a connection that no other call gets.
#[test]
fn a_request_in_a_body_affects_only_its_own_call() {
    watched(2, async {
        for order in ["x2b", "x3b", "x8b"] {
            assert_eq!(run(order, SMUGGLED).await.unwrap(), "Y", "{order}");
        }
    });
}

#[test]
fn a_guest_that_sets_a_field_of_the_connection_is_stopped() {
    watched(2, async {
        for name in [
            "connection",
            "host",
            "transfer-encoding",
            "upgrade",
            "keep-alive",
        ] {
            let error = run("2", name).await.unwrap_err();
            assert!(matches!(error, CallError::Trap(_)), "{name}: {error:?}");
        }
    });
}

#[track_caller]
fn assert_out_of_time(result: Result<String, CallError>) {
    assert!(
        matches!(result, Err(CallError::WallTime { .. })),
        "{result:?}"
    );
}

#[test]
fn a_guest_that_takes_every_connection_it_can_is_stopped() {
    watched(2, async {
        assert_out_of_time(run("y", &"x".repeat(400)).await);
        // As many as it may have in flight, without an end to its bodies.
        let result = run("p", "").await;
        assert!(result.is_err(), "{result:?}");
    });
}

/// A request ends a moment after the guest drops it, so there may be too many at once.
#[test]
fn a_guest_that_drops_its_requests_endlessly_is_stopped() {
    watched(2, async {
        let error = run("z", "").await.unwrap_err();
        let is_stopped = matches!(
            error,
            CallError::WallTime { .. } | CallError::Limit(Limit::Requests(512))
        );
        assert!(is_stopped, "{error:?}");
    });
}

#[test]
fn a_guest_that_looks_up_names_endlessly_is_stopped() {
    watched(2, async {
        let server = server().await;
        let host = host(&server);
        let many = "x".repeat(400);
        assert_out_of_time(run_on(&host, &server, ["y", "slow.example.com", &many]).await);
    });
}

#[test]
fn a_guest_that_sets_timers_endlessly_is_stopped() {
    watched(2, async {
        let (found, _) = limit(run("1", "").await.unwrap_err());
        assert_eq!(found, Limit::Resources(2_048));
    });
}

/// The calls beside it belong to another organisation, which shares the host and its connections.
#[test]
fn a_guest_that_floods_the_api_is_paced_and_delays_no_other_organisation() {
    watched(2, async {
        let server = server().await;
        let host = host(&server);
        let policy = Policy::new([server.origin().parse().unwrap()]);
        let limit = RateLimit {
            per_second: NonZeroU32::MIN,
            burst: NonZeroU32::MIN,
        };
        let paced = host.tenant().policy(policy);
        let paced = paced.rate_limiter(RateLimiter::new(limit)).build().unwrap();
        let address = server.address.to_string();
        let flood = tokio::spawn(async move {
            let many = "x".repeat(300);
            super::call_to(&paced, "y", &address, &many).await
        });
        let address = server.address.to_string();
        let mut beside = 0;
        while !flood.is_finished() {
            let answer = super::call_to(&host, "r", &address, "").await;
            assert_eq!(answer.unwrap(), "Y");
            beside += 1;
        }
        eprintln!("a flood of requests; {beside} calls beside it");
        assert_out_of_time(flood.await.unwrap());
    });
}
