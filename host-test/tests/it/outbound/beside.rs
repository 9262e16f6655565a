//! Two calls side by side, one of them hostile: the other gets its reply at once, as it does alone.

use std::future::{pending, ready};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mv_clip_host::outbound::{Outbound, OutboundHooks};
use mv_clip_host::{Lookup, OpenFiles, RateLimit, RateLimiter, Resolve, Settings, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpHooks};

use super::server::{OK, Server, closed, read_head};
use super::{allowing, request, tls};
use crate::simulated::{STEP, Simulated};

/// How long a request takes in simulated time if nothing holds it up.
const AT_ONCE: Duration = STEP.saturating_mul(10);

const SECOND: Duration = Duration::from_secs(1);

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap()
}

/// One call.
struct Call(OutboundHooks);

type Reply = Result<Response<WasiBody>, Error>;

impl Call {
    fn new(outbound: &Outbound) -> Self {
        Self(OutboundHooks::of(outbound, &Settings::default()))
    }

    fn send(&mut self, request: Request<WasiBody>) -> impl Future<Output = Reply> + Send + use<> {
        let processed = Box::new(ready(Ok(())));
        let sent = Box::into_pin(self.0.send_request(request, None, processed));
        async move { sent.await.map(|(response, _)| response) }
    }

    /// Sends many requests, and holds what comes without reading it.
    fn hold(&mut self, count: usize, uri: &str) -> JoinSet<()> {
        let mut held = JoinSet::new();
        for _ in 0..count {
            let reply = self.send(request(uri));
            held.spawn(async move {
                let _reply = reply.await;
                pending::<()>().await;
            });
        }
        held
    }

    /// A request that must be answered at once, in simulated time.
    async fn fetch_at_once(&mut self, uri: &str) -> Bytes {
        let started = Instant::now();
        let reply = self.send(request(uri)).await.unwrap();
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        let took = started.elapsed();
        assert!(took <= AT_ONCE, "it took {took:?}");
        body
    }
}

/// Lets everything happen that can.
async fn settle() {
    sleep(SECOND).await;
}

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
    let outbound = allowing(&origins).sockets(number(3), number(8)).unwrap();
    let outbound = outbound.build().unwrap();
    for origin in &origins {
        assert_eq!(Call::new(&outbound).fetch_at_once(origin).await, "ok");
        settle().await;
    }
    // Those of the first servers were closed for the last ones.
    for server in &servers {
        assert_eq!(server.accepted(), 1);
    }
    Call::new(&outbound).fetch_at_once(&origins[11]).await;
    assert_eq!(servers[11].accepted(), 1, "kept");
    Call::new(&outbound).fetch_at_once(&origins[0]).await;
    assert_eq!(servers[0].accepted(), 2, "closed");
}

/// A body that never ends.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Pending
    }
}

fn with_body(method: Method, uri: &str, body: impl Into<Bytes>) -> Request<WasiBody> {
    let body = Full::new(body.into()).map_err(|never| match never {});
    let request = Request::builder().method(method).uri(uri);
    request.body(body.boxed_unsync()).unwrap()
}

/// The reply is there and dropped, but the body still holds the connection.
#[tokio::test]
async fn a_body_that_never_ends_counts_although_its_reply_is_dropped() {
    let _time = Simulated::time();
    let (server, open, _) = counting().await;
    let outbound = with_few_sockets(&server.origin());
    let mut hostile = Call::new(&outbound);
    for _ in 0..3 {
        let put = Request::put(server.origin()).body(Endless.boxed_unsync());
        drop(hostile.send(put.unwrap()).await.unwrap());
        settle().await;
    }
    assert_eq!(open.load(Ordering::SeqCst), 3);
    let put = Request::put(server.origin()).body(Endless.boxed_unsync());
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

/// Never answers for names that begin with `slow`, and counts the look-ups that run.
#[derive(Clone, Default)]
struct Slow {
    running: Arc<AtomicUsize>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Resolve for Slow {
    fn resolve(&self, name: &str) -> Lookup {
        self.running.fetch_add(1, Ordering::SeqCst);
        let running = Running(Arc::clone(&self.running));
        let is_slow = name.starts_with("slow");
        Box::pin(async move {
            let _running = running;
            match is_slow {
                true => pending().await,
                false => Ok(vec!["127.0.0.1".parse().unwrap()]),
            }
        })
    }
}

#[tokio::test]
async fn look_ups_of_one_call_delay_no_other_call_and_end_with_it() {
    let _time = Simulated::time();
    let server = Server::well_behaved().await;
    let port = server.port();
    let resolver = Slow::default();
    let quick = format!("http://localhost:{port}");
    let outbound = allowing(&[format!("http://*.example.com:{port}"), quick.clone()]);
    let outbound = outbound.resolver(resolver.clone()).build().unwrap();
    let mut hostile = Call::new(&outbound);
    let mut held = JoinSet::new();
    for name in 0..400 {
        let uri = format!("http://slow{name}.example.com:{port}/");
        held.spawn(hostile.send(request(&uri)));
    }
    settle().await;
    let running = resolver.running.load(Ordering::SeqCst);
    // Of the 256 look-ups for 2048 sockets, one for each of a hundred calls, and half of those that are shared.
    assert!((2..=80).contains(&running), "{running}");
    assert_eq!(Call::new(&outbound).fetch_at_once(&quick).await, "ok");
    drop(held);
    settle().await;
    assert_eq!(resolver.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_look_up_ends_with_the_connect_timeout() {
    let _time = Simulated::time();
    let resolver = Slow::default();
    let outbound = allowing(&["http://*.example.com".to_owned()]).resolver(resolver.clone());
    let mut call = Call::new(&outbound.build().unwrap());
    let result = call.send(request("http://slow.example.com")).await;
    assert!(
        matches!(result, Err(Error::ConnectionTimeout)),
        "{result:?}"
    );
    assert_eq!(resolver.running.load(Ordering::SeqCst), 0);
}

/// A server that skips no body: what follows the head of a request is the next request. Answers with the first line.
async fn skipping_no_body() -> Server {
    Server::start(|mut stream| async move {
        while let Some(head) = read_head(&mut stream).await {
            let line = head.lines().next().unwrap_or_default();
            let reply = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{line}",
                line.len()
            );
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn no_other_call_gets_a_connection_that_a_body_went_over() {
    let _time = Simulated::time();
    for method in ["PUT", "POST", "PATCH", "PROPFIND", "GETS"] {
        let server = skipping_no_body().await;
        let outbound = allowing(&[server.origin()]).build().unwrap();
        let mut other = Call::new(&outbound);
        other.fetch_at_once(&server.origin()).await;
        let method: Method = method.parse().unwrap();
        for length in [None, Some("0"), Some("5"), Some("36")] {
            let mut put = with_body(method.clone(), &server.origin(), SMUGGLED);
            if let Some(length) = length {
                put.headers_mut()
                    .insert(CONTENT_LENGTH, HeaderValue::from_static(length));
            }
            if let Ok(reply) = Call::new(&outbound).send(put).await {
                let _ = reply.into_body().collect().await;
            }
            settle().await;
            let uri = format!("{}/mine", server.origin());
            let line = Call::new(&outbound).fetch_at_once(&uri).await;
            assert_eq!(line, "GET /mine HTTP/1.1", "{method} {length:?}");
        }
        // One that the calls without a body share, and one for each body.
        assert_eq!(server.accepted(), 5, "{method}");
    }
}

#[tokio::test]
async fn a_body_where_the_method_has_none_is_refused_before_any_connection() {
    let _time = Simulated::time();
    let server = skipping_no_body().await;
    let outbound = allowing(&[server.origin()]).build().unwrap();
    let mut call = Call::new(&outbound);
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        let sent = with_body(method.clone(), &server.origin(), SMUGGLED);
        let mut announced = with_body(method.clone(), &server.origin(), "");
        announced
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from_static("36"));
        for request in [sent, announced] {
            let result = call.send(request).await;
            assert!(
                matches!(result, Err(Error::HttpRequestDenied)),
                "{method}: {result:?}"
            );
        }
    }
    let result = call
        .send(with_body(Method::TRACE, &server.origin(), ""))
        .await;
    assert!(
        matches!(result, Err(Error::HttpRequestDenied)),
        "{result:?}"
    );
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn what_the_guest_says_about_framing_is_not_sent() {
    let _time = Simulated::time();
    let (server, mut heads) = super::reach::recording().await;
    let outbound = allowing(&[server.origin()]).build().unwrap();
    let mut shaped = request(&server.origin());
    for (name, value) in [
        ("transfer-encoding", "chunked"),
        ("content-length", "0"),
        ("connection", "keep-alive, x-y"),
        ("keep-alive", "timeout=9999"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
        ("expect", "100-continue"),
        ("proxy-authorization", "Basic eDp5"),
        ("proxy-connection", "keep-alive"),
        ("x-mine", "yes"),
    ] {
        shaped
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    let reply = Call::new(&outbound).send(shaped).await.unwrap();
    assert_eq!(reply.status(), 200);
    let head = heads.recv().await.unwrap();
    let mut lines: Vec<_> = head.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    let host = format!("host: {}", server.address);
    assert_eq!(lines, ["GET / HTTP/1.1", &host, "x-mine: yes"]);
}

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
    // The server has said how many it takes.
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
    // Reading to the end is no reason.
    for _ in 0..10 {
        other.fetch_at_once(&origin).await;
    }
    assert_eq!(server.accepted(), 1 + 10 - 4);
}

/// Nothing that the guest chooses takes a request to the API past the limiter.
#[tokio::test]
async fn every_request_to_the_api_is_paced_and_other_calls_take_turns() {
    let _time = Simulated::time();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let arrived = arrived.clone();
        async move {
            while let Some(head) = read_head(&mut stream).await {
                arrived.send(head).unwrap();
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
            let _ = stream.read(&mut []).await;
        }
    })
    .await;
    let one = NonZeroU32::MIN;
    let limiter = RateLimiter::new(RateLimit {
        per_second: one,
        burst: one,
    });
    let outbound = allowing(&[server.origin()]).rate_limiter(limiter);
    let outbound = outbound.build().unwrap();
    let origin = server.origin();
    let mut hostile = Call::new(&outbound);
    let mut held = JoinSet::new();
    for index in 0..300 {
        let uri = format!("{origin}/clip{index}?x#y");
        let method = [
            Method::GET,
            Method::HEAD,
            Method::DELETE,
            Method::OPTIONS,
            Method::PUT,
        ];
        held.spawn(hostile.send(with_body(method[index % 5].clone(), &uri, "")));
    }
    sleep(5 * SECOND).await;
    let before = std::iter::from_fn(|| arrivals.try_recv().ok()).count();
    assert!((5..=6).contains(&before), "{before}");
    // It waits for one request of the other call at most, beside its own second.
    let started = Instant::now();
    let reply = Call::new(&outbound).send(request(&origin)).await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(started.elapsed() <= 2 * SECOND + AT_ONCE);
}

#[tokio::test]
async fn requests_to_other_origins_than_the_api_are_not_paced() {
    let _time = Simulated::time();
    let (api, media) = (Server::well_behaved().await, Server::well_behaved().await);
    let one = NonZeroU32::MIN;
    let limiter = RateLimiter::new(RateLimit {
        per_second: one,
        burst: one,
    });
    let policy = mv_clip_host::Policy::new([api.origin().parse().unwrap()])
        .allow([media.origin().parse().unwrap()]);
    let outbound = Outbound::builder().policy(policy).rate_limiter(limiter);
    let outbound = outbound.build().unwrap();
    let started = Instant::now();
    for _ in 0..10 {
        let mut call = Call::new(&outbound);
        let mut keyed = request(&media.origin());
        let field = HeaderValue::from_static("Bearer x");
        keyed.headers_mut().insert("authorization", field);
        assert_eq!(call.send(keyed).await.unwrap().status(), 200);
    }
    assert!(started.elapsed() < SECOND);
}
