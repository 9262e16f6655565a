//! Connections through a proxy.

pub(crate) mod tunnelling;

use std::future::{pending, ready};
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{Version, header};
use mv_clip_host::outbound::{Outbound, OutboundBuilder};
use mv_clip_host::{ClipUrl, Lookup, Policy, Proxy, Resolve, Timeouts};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tracing::Level;
use wasmtime_wasi_http::{Error, RequestOptions};

use self::tunnelling::{CREDENTIALS, Proxy as Tunnelling};
use super::server::{Server, closed, read_head};
use super::{allowing, fetch, get, in_time, request, tls};
use crate::simulated::{STEP, Simulated};
use crate::support::{HOST, Log, closed_port, tenant};

pub(super) const ORIGIN: &str = "https://clips.example";

/// Knows one address of every name, or none. The proxy is on this machine.
struct Names(Option<&'static str>);

impl Resolve for Names {
    fn resolve(&self, name: &str) -> Lookup {
        let known = match name {
            "proxy.example" => Some("127.0.0.1"),
            _ => self.0,
        };
        let found = known.map(|address| vec![address.parse::<IpAddr>().unwrap()]);
        Box::pin(ready(found.ok_or_else(|| io::ErrorKind::NotFound.into())))
    }
}

/// A server of `clips.example`.
pub(super) struct Clips {
    pub(super) server: Server,
    root: PathBuf,
}

impl Clips {
    pub(super) async fn new(test: &str, protocols: &[&str]) -> Self {
        let certified = tls::certificate("clips.example");
        Self {
            server: tls::serve(&certified, protocols).await,
            root: tls::file(&format!("proxy-{test}"), &certified.cert.pem()),
        }
    }

    /// Trusts it, and knows its name.
    pub(super) fn outbound(&self) -> OutboundBuilder {
        let outbound = allowing(&[ORIGIN.to_owned()]).root_certificates(&self.root);
        outbound.resolver(Names(Some("8.8.8.8")))
    }
}

fn through(outbound: OutboundBuilder, url: &str) -> Outbound {
    outbound.proxy(Proxy::new(url).unwrap()).build().unwrap()
}

#[tokio::test]
async fn tls_goes_through_the_proxy_end_to_end() {
    let _time = Simulated::time();
    for (case, protocols, version) in [
        ("http2", &["h2", "http/1.1"][..], Version::HTTP_2),
        ("http1", &["http/1.1"][..], Version::HTTP_11),
    ] {
        let origin = Clips::new(case, protocols).await;
        let proxy = Tunnelling::to(origin.server.address).await;
        let outbound = through(origin.outbound(), &proxy.url(""));
        for _ in 0..3 {
            let mut request = request(&format!("{ORIGIN}/path-5ec2e7"));
            let key = "Bearer 5ec2e7".parse().unwrap();
            request.headers_mut().insert(header::AUTHORIZATION, key);
            let response = in_time(outbound.send(request, None)).await.unwrap();
            assert_eq!(response.version(), version, "{case}");
        }
        assert_eq!(fetch(&outbound, ORIGIN).await, "ok", "{case}");
        // They share a connection.
        assert_eq!(proxy.asked(), ["clips.example:443"], "{case}");
        assert_eq!(
            (proxy.server.accepted(), origin.server.accepted()),
            (1, 1),
            "{case}"
        );
        let fields = proxy.fields().remove(0);
        let names: Vec<_> = fields.keys().map(|name| name.as_str()).collect();
        assert_eq!(names, ["host"], "{case}");
        let sent = proxy.sent();
        assert!(!sent.is_empty());
        assert!(memchr::memmem::find(&sent, b"5ec2e7").is_none(), "{case}");
    }
}

/// On one thread, so that all events go to the subscriber of this test.
#[tokio::test(flavor = "current_thread")]
async fn a_proxy_gets_its_credentials_and_nobody_else_does() {
    let _time = Simulated::time();
    let log = Log::default();
    let _guard = log.collect(Level::TRACE);
    let origin = Clips::new("credentials", &["h2"]).await;
    let proxy = Tunnelling::with_credentials(origin.server.address).await;
    let trusting = |user: &str| through(origin.outbound(), &proxy.url(user));
    for wrong in ["", "user@", "user:wrong@"] {
        let result = get(&trusting(wrong), ORIGIN).await;
        assert!(
            matches!(result, Err(Error::ConfigurationError)),
            "{result:?}"
        );
    }
    assert_eq!(origin.server.accepted(), 0);
    let outbound = trusting("user:s3cret@");
    assert_eq!(fetch(&outbound, ORIGIN).await, "ok");
    assert_eq!(proxy.fields()[3][header::PROXY_AUTHORIZATION], CREDENTIALS);
    let log = log.text();
    assert!(log.contains("proxy authorization required"), "{log}");
    for secret in ["s3cret", "wrong", "Basic ", "dXNlcjp"] {
        assert!(!log.contains(secret), "{secret}: {log}");
        assert!(!format!("{outbound:?}").contains(secret));
    }
}

/// On one thread, so that all events go to the subscriber of this test.
#[tokio::test(flavor = "current_thread")]
async fn a_proxy_that_refuses_is_told_from_a_server_that_does() {
    let _time = Simulated::time();
    let endless: &'static str = Box::leak("x: y\r\n".repeat(10_000).into_boxed_str());
    let head = |reply: &'static str| Server::replying(reply);
    let refusing = [
        (
            "407",
            head("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await,
        ),
        (
            "403",
            head("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await,
        ),
        ("502", head("HTTP/1.1 502 Bad Gateway\r\n\r\n").await),
        ("garbage", head("SSH-2.0-OpenSSH_9.2p1\r\n\r\n").await),
        ("a close", head("").await),
        ("half a head", head("HTTP/1.1 200 Conn").await),
        (
            "an endless head",
            head(Box::leak(
                format!("HTTP/1.1 200 OK\r\n{endless}").into_boxed_str(),
            ))
            .await,
        ),
    ];
    for (case, proxy) in &refusing {
        let log = Log::default();
        let _guard = log.collect(Level::WARN);
        let clips = Clips::new("refusing", &["h2"]).await;
        let result = get(&through(clips.outbound(), &proxy.origin()), ORIGIN).await;
        assert!(
            matches!(result, Err(Error::ConfigurationError)),
            "{case}: {result:?}"
        );
        let expected = format!("the proxy {} refused the connection", proxy.origin());
        assert!(log.text().contains(&expected), "{case}: {}", log.text());
    }
    let (_held, address) = closed_port();
    let clips = Clips::new("absent", &["h2"]).await;
    let result = get(
        &through(clips.outbound(), &format!("http://{address}")),
        ORIGIN,
    )
    .await;
    assert!(
        matches!(result, Err(Error::ConfigurationError)),
        "{result:?}"
    );
}

/// On one thread, so that all events go to the subscriber of this test.
#[tokio::test(flavor = "current_thread")]
async fn a_proxy_that_hangs_ends_with_the_connect_timeout() {
    let _time = Simulated::time();
    let silent = Server::start(|mut stream| async move { closed(&mut stream).await });
    let dripping = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\n"
            .iter()
            .chain(b"x: y\r\n".iter().cycle());
        for byte in head {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    for (case, proxy) in [("silent", silent.await), ("dripping", dripping.await)] {
        let log = Log::default();
        let _guard = log.collect(Level::WARN);
        let clips = Clips::new("hanging", &["h2"]).await;
        let outbound = through(clips.outbound(), &proxy.origin());
        let started = Instant::now();
        let result = get(&outbound, ORIGIN).await;
        assert!(
            matches!(result, Err(Error::ConnectionTimeout)),
            "{case}: {result:?}"
        );
        let (took, limit) = (started.elapsed(), Timeouts::default().connect);
        assert!(
            (limit..limit + 10 * STEP).contains(&took),
            "{case}: {took:?}"
        );
        let expected = format!("the proxy {} opened no connection in time", proxy.origin());
        assert!(log.text().contains(&expected), "{case}: {}", log.text());
    }
}

#[tokio::test]
async fn what_the_policy_denies_reaches_no_proxy() {
    let origin = Clips::new("denied", &["h2"]).await;
    let proxy = Tunnelling::to(origin.server.address).await;
    let literal = "https://169.254.169.254";
    let outbound = |address| {
        let allowed = [ORIGIN, literal, "https://[::ffff:169.254.169.254]"];
        let allowed = allowing(&allowed.map(str::to_owned)).resolver(Names(Some(address)));
        through(allowed, &proxy.url(""))
    };
    for uri in [
        "https://other.example",
        "https://clips.example:8443",
        "https://user@clips.example",
    ] {
        let result = get(&outbound("8.8.8.8"), uri).await;
        assert!(
            matches!(result, Err(Error::HttpRequestDenied)),
            "{uri}: {result:?}"
        );
    }
    for uri in [literal, "https://[::ffff:169.254.169.254]"] {
        let result = get(&outbound("8.8.8.8"), uri).await;
        assert!(
            matches!(result, Err(Error::DestinationIpProhibited)),
            "{uri}: {result:?}"
        );
    }
    for address in [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "fd00::1",
        "64:ff9b::10.0.0.1",
    ] {
        let result = get(&outbound(address), ORIGIN).await;
        assert!(
            matches!(result, Err(Error::DestinationIpProhibited)),
            "{address}: {result:?}"
        );
    }
    assert_eq!(proxy.server.connected().await, 0);
}

/// Never answers.
struct Silent;

impl Resolve for Silent {
    fn resolve(&self, _: &str) -> Lookup {
        Box::pin(pending())
    }
}

#[tokio::test]
async fn a_name_that_is_not_known_here_is_looked_up_by_the_proxy() {
    let _time = Simulated::time();
    let origin = Clips::new("unknown", &["h2"]).await;
    let proxy = Tunnelling::to(origin.server.address).await;
    let outbound = through(origin.outbound().resolver(Names(None)), &proxy.url(""));
    assert_eq!(fetch(&outbound, ORIGIN).await, "ok");

    let origin = Clips::new("silent-names", &["h2"]).await;
    let proxy = Tunnelling::to(origin.server.address).await;
    let outbound = through(origin.outbound().resolver(Silent), &proxy.url(""));
    let started = Instant::now();
    assert_eq!(fetch(&outbound, ORIGIN).await, "ok");
    let (took, part) = (started.elapsed(), Timeouts::default().connect / 4);
    assert!((part..part + 10 * STEP).contains(&took), "{took:?}");
}

/// Answers after a while, within the time that the host allows.
struct Slow(Duration, &'static str);

impl Resolve for Slow {
    fn resolve(&self, _: &str) -> Lookup {
        let (delay, found) = (self.0, vec![self.1.parse().unwrap()]);
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            Ok(found)
        })
    }
}

#[tokio::test]
async fn a_guest_in_a_hurry_skips_no_check_of_a_name() {
    let _time = Simulated::time();
    let origin = Clips::new("hurry", &["h2"]).await;
    let proxy = Tunnelling::to(origin.server.address).await;
    let delay = Timeouts::default().connect / 5;
    for timeout in [Duration::ZERO, STEP, delay / 2, delay * 2] {
        let outbound = origin.outbound().resolver(Slow(delay, "10.0.0.1"));
        let options = RequestOptions {
            connect_timeout: Some(timeout),
            ..Default::default()
        };
        let outbound = through(outbound, &proxy.url(""));
        let result = in_time(outbound.send(request(ORIGIN), Some(options))).await;
        match timeout > delay {
            true => assert!(
                matches!(result, Err(Error::DestinationIpProhibited)),
                "{timeout:?}: {result:?}"
            ),
            false => assert!(
                matches!(result, Err(Error::ConnectionTimeout)),
                "{timeout:?}: {result:?}"
            ),
        }
    }
    assert_eq!(proxy.server.connected().await, 0);
}

/// Nobody knows the name, so there is no other way than the proxy.
#[tokio::test]
async fn plain_http_and_the_exceptions_do_not_go_through_the_proxy() {
    let origin = Clips::new("direct", &["h2"]).await;
    let proxy = Tunnelling::to(origin.server.address).await;
    let plain = "http://clips.example";
    for (uri, except) in [
        (plain, ""),
        (ORIGIN, "clips.example"),
        (ORIGIN, ".example"),
        (ORIGIN, "*"),
    ] {
        let outbound = allowing(&[ORIGIN.to_owned(), plain.to_owned()]).resolver(Names(None));
        let proxy = Proxy::new(proxy.url("")).unwrap().except(except);
        let result = get(&outbound.proxy(proxy).build().unwrap(), uri).await;
        assert!(
            matches!(result, Err(Error::DnsError { .. })),
            "{uri} {except}: {result:?}"
        );
    }
    assert_eq!(proxy.server.connected().await, 0);
}

#[tokio::test]
async fn this_machine_is_reached_without_the_proxy() {
    let certified = tls::certificate("localhost");
    let server = tls::serve(&certified, &["h2"]).await;
    let origin = format!("https://localhost:{}", server.port());
    let root = tls::file("proxy-local", &certified.cert.pem());
    let (_held, address) = closed_port();
    let outbound = allowing(std::slice::from_ref(&origin)).root_certificates(root);
    let outbound = through(outbound, &format!("http://{address}"));
    assert_eq!(fetch(&outbound, &origin).await, "ok");
}

/// The proxy's names may lead elsewhere. The certificate tells.
#[tokio::test]
async fn a_server_that_is_not_the_names_own_gets_no_request() {
    let _time = Simulated::time();
    let clips = Clips::new("another", &["h2"]).await;
    let certified = tls::certificate("intranet.example");
    let intranet = tls::serve(&certified, &["h2"]).await;
    let root = tls::file("proxy-intranet", &certified.cert.pem());
    let proxy = Tunnelling::to(intranet.address).await;
    let outbound = through(clips.outbound().root_certificates(root), &proxy.url(""));
    let result = get(&outbound, ORIGIN).await;
    assert!(
        matches!(result, Err(Error::TlsCertificateError)),
        "{result:?}"
    );
}

#[tokio::test]
async fn the_connection_to_the_proxy_may_be_tls_too() {
    let _time = Simulated::time();
    let origin = Clips::new("tls-proxy", &["h2"]).await;
    let certified = tls::certificate("proxy.example");
    // It would take HTTP/2 if it were offered.
    let acceptor = tls::acceptor(&certified, &["h2", "http/1.1"]);
    let address = origin.server.address;
    let proxy = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            // The client sends its request over HTTP/1.1.
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                return;
            }
            let head = read_head(&mut stream).await.unwrap();
            assert!(
                head.starts_with("CONNECT clips.example:443 HTTP/1.1\r\n"),
                "{head}"
            );
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut origin = tokio::net::TcpStream::connect(address).await.unwrap();
            let _gone = tokio::io::copy_bidirectional(&mut stream, &mut origin).await;
        }
    })
    .await;
    let url = format!("https://proxy.example:{}", proxy.port());
    let root = tls::file("proxy-tls", &certified.cert.pem());
    let outbound = origin.outbound().root_certificates(root);
    let response = get(&through(outbound, &url), ORIGIN).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
}

#[tokio::test]
async fn a_clip_is_fetched_through_the_proxy_and_tenants_have_it_too() {
    let clips = Clips::new("media", &["h2"]).await;
    let proxy = Tunnelling::to(clips.server.address).await;
    let host = HOST.tenant().policy(Policy::new([ORIGIN.parse().unwrap()]));
    let host = host
        .resolver(Names(None))
        .root_certificates(&clips.root)
        .proxy(Proxy::new(proxy.url("")).unwrap());
    let host = tenant(host);
    let url = ClipUrl::from(format!("{ORIGIN}/clip"));
    for host in [tenant(host.tenant()), host] {
        let media = host.media_client().unwrap();
        assert_eq!(media.fetch(&url).await.unwrap(), b"ok");
    }
    assert_eq!(proxy.asked(), ["clips.example:443"; 2]);

    let refusing = Server::replying("HTTP/1.1 403 Forbidden\r\n\r\n").await;
    let host = HOST.tenant().policy(Policy::new([ORIGIN.parse().unwrap()]));
    let host = host.resolver(Names(None));
    let host = tenant(host.proxy(Proxy::new(refusing.origin()).unwrap()));
    let error = host.media_client().unwrap().fetch(&url).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        cause,
        "the proxy refused the connection, or cannot be reached"
    );
}
