//! The policy end to end, as a table: the allowed origin, the addresses of a name, the URI, and the outcome. A server on
//! loopback counts the connections.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::header::LOCATION;
use mv_clip_host::{Lookup, Resolve};
use wasmtime_wasi_http::Error;

use super::reach::Fixed;
use super::server::Server;
use super::{allowing, fetch, get, in_time};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Reached,
    /// The policy denies the origin.
    Denied,
    /// The URI is invalid, whatever the policy.
    Invalid,
    /// The address is prohibited.
    Prohibited,
}
use Outcome::{Denied, Invalid, Prohibited, Reached};

/// Allowed origins, each with URIs and their outcomes. `PORT` stands for the server's port.
const SPELLINGS: &[(&str, &[(&str, Outcome)])] = &[
    (
        "http://127.0.0.1:PORT",
        &[
            // Scheme.
            ("http://127.0.0.1:PORT/", Reached),
            ("HTTP://127.0.0.1:PORT/", Reached),
            ("https://127.0.0.1:PORT/", Denied),
            ("ftp://127.0.0.1:PORT/", Denied),
            ("ws://127.0.0.1:PORT/", Denied),
            // Port.
            ("http://127.0.0.1/", Denied),
            ("http://127.0.0.1:1/", Denied),
            ("http://127.0.0.1:0PORT/", Reached),
            ("http://127.0.0.1:0/", Invalid),
            ("http://127.0.0.1:65616/", Invalid),
            ("http://127.0.0.1:/", Invalid),
            // User information.
            ("http://me@127.0.0.1:PORT/", Denied),
            ("http://127.0.0.1:PORT@10.0.0.1/", Denied),
            ("http://me:PORT@127.0.0.1:PORT/", Denied),
            // Hosts.
            ("http://localhost:PORT/", Denied),
            ("http://127.0.0.2:PORT/", Denied),
            ("http://127.0.0.1:PORT/api/v1?x=y", Reached),
            ("/api/v1", Invalid),
            ("http://evil.net:PORT/127.0.0.1:PORT", Denied),
            // Other notations of IPv4.
            ("http://2130706433:PORT/", Invalid),
            ("http://0x7f000001:PORT/", Invalid),
            ("http://0x7F.0.0.1:PORT/", Invalid),
            ("http://0x7f.0x0.0x0.0x1:PORT/", Invalid),
            ("http://017700000001:PORT/", Invalid),
            ("http://0177.0.0.1:PORT/", Invalid),
            ("http://127.000.000.001:PORT/", Invalid),
            ("http://127.1:PORT/", Invalid),
            ("http://127.0.1:PORT/", Invalid),
            ("http://127.0.0.1.:PORT/", Invalid),
            ("http://0:PORT/", Invalid),
            ("http://256.0.0.1:PORT/", Invalid),
            // IPv4 in IPv6.
            ("http://[::ffff:127.0.0.1]:PORT/", Denied),
            ("http://[::ffff:7f00:1]:PORT/", Denied),
            ("http://[::127.0.0.1]:PORT/", Denied),
            ("http://[2002:7f00:1::]:PORT/", Denied),
            ("http://[64:ff9b::127.0.0.1]:PORT/", Denied),
            ("http://[::1]:PORT/", Denied),
        ],
    ),
    (
        "https://127.0.0.1:PORT",
        &[("http://127.0.0.1:PORT/", Denied)],
    ),
    ("http://127.0.0.1", &[("http://127.0.0.1:PORT/", Denied)]),
    (
        "http://localhost:PORT",
        &[
            ("http://localhost:PORT/", Reached),
            ("http://LocalHost:PORT/", Reached),
            ("http://localhost.:PORT/", Reached),
            ("http://localhost..:PORT/", Invalid),
            ("http://.localhost:PORT/", Invalid),
            ("http://127.0.0.1:PORT/", Denied),
            ("http://localhost.evil.net:PORT/", Denied),
            ("http://evil.localhost:PORT/", Denied),
        ],
    ),
    (
        "http://localhost.:PORT",
        &[("http://localhost:PORT/", Reached)],
    ),
    // What a wildcard allows resolves to loopback here, where only localhost may lead.
    (
        "http://*.lab.test:PORT",
        &[
            ("http://a.lab.test:PORT/", Prohibited),
            ("http://a.b.lab.test:PORT/", Prohibited),
            ("http://A.LAB.TEST.:PORT/", Prohibited),
            ("http://lab.test:PORT/", Denied),
            ("http://alab.test:PORT/", Denied),
            ("http://a.lab.test.evil.net:PORT/", Denied),
            ("http://.lab.test:PORT/", Invalid),
            ("http://*.lab.test:PORT/", Invalid),
            ("http://127.0.0.1:PORT/", Denied),
            ("http://a.alab.test:PORT/", Denied),
            ("http://a.lab.tes:PORT/", Denied),
            ("http://evil.net:PORT/.lab.test", Denied),
        ],
    ),
    (
        "http://lab.test:PORT",
        &[("http://a.lab.test:PORT/", Denied)],
    ),
    (
        "http://*.lab.test",
        &[("http://a.lab.test:80/", Prohibited)],
    ),
    (
        "http://*.lab.test:80",
        &[("http://a.lab.test/", Prohibited)],
    ),
    (
        "https://*.lab.test",
        &[
            ("https://a.lab.test:443/", Prohibited),
            ("https://a.lab.test:8443/", Denied),
            ("http://a.lab.test:443/", Denied),
        ],
    ),
    ("http://[::1]:PORT", &[("http://127.0.0.1:PORT/", Denied)]),
];

/// Addresses that are prohibited even if the policy allows them.
const PROHIBITED: [&str; 10] = [
    "0.0.0.0",
    "[::]",
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[2002:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "224.0.0.1",
    "255.255.255.255",
];

/// An allowed name, its addresses, and the outcome.
const NAMES: &[(&str, &[&str], Outcome)] = &[
    ("camera.example.com", &["127.0.0.1"], Prohibited),
    ("camera.example.com", &["::1"], Prohibited),
    ("camera.example.com", &["10.0.0.1"], Prohibited),
    ("camera.example.com", &["172.16.0.1"], Prohibited),
    ("camera.example.com", &["192.168.1.1"], Prohibited),
    ("camera.example.com", &["100.64.0.1"], Prohibited),
    ("camera.example.com", &["169.254.0.1"], Prohibited),
    ("camera.example.com", &["169.254.169.254"], Prohibited),
    ("camera.example.com", &["168.63.129.16"], Prohibited),
    ("camera.example.com", &["100.100.100.200"], Prohibited),
    ("camera.example.com", &["fd00:ec2::254"], Prohibited),
    ("camera.example.com", &["224.0.0.1"], Prohibited),
    ("camera.example.com", &["ff02::1"], Prohibited),
    ("camera.example.com", &["255.255.255.255"], Prohibited),
    ("camera.example.com", &["0.0.0.0"], Prohibited),
    ("camera.example.com", &["::"], Prohibited),
    ("camera.example.com", &["fe80::1"], Prohibited),
    ("camera.example.com", &["fd12:3456::1"], Prohibited),
    ("camera.example.com", &["::ffff:127.0.0.1"], Prohibited),
    ("camera.example.com", &["::ffff:10.0.0.1"], Prohibited),
    ("camera.example.com", &["::127.0.0.1"], Prohibited),
    ("camera.example.com", &["2002:7f00:1::"], Prohibited),
    ("camera.example.com", &["2002:a00:1::1"], Prohibited),
    ("camera.example.com", &["64:ff9b::127.0.0.1"], Prohibited),
    ("camera.example.com", &["64:ff9b::10.0.0.1"], Prohibited),
    ("camera.example.com", &["64:ff9b:1::8.8.8.8"], Prohibited),
    // Mixed answers: only the prohibited addresses are skipped.
    (
        "camera.example.com",
        &["10.0.0.1", "127.0.0.1", "169.254.169.254"],
        Prohibited,
    ),
    ("localhost", &["127.0.0.1"], Reached),
    ("localhost", &["10.0.0.1", "127.0.0.1"], Reached),
    ("localhost", &["127.0.0.1", "169.254.169.254"], Reached),
    ("localhost", &["169.254.169.254", "10.0.0.1"], Prohibited),
    ("localhost", &["192.0.2.1"], Prohibited),
    ("localhost", &["8.8.8.8"], Prohibited),
    ("localhost", &["0.0.0.0"], Prohibited),
];

async fn outcome(server: &Server, allowed: &str, names: &[&str], uri: &str) -> Outcome {
    let port = server.port().to_string();
    let addresses = names.iter().map(|address| address.parse().unwrap());
    let outbound = allowing(&[allowed.replace("PORT", &port)])
        .resolver(Fixed(addresses.collect()))
        .build()
        .unwrap();
    let before = server.accepted();
    let result = get(&outbound, &uri.replace("PORT", &port)).await;
    let connected = in_time(server.connected()).await - before;
    let outcome = match result {
        Ok(_) => Reached,
        Err(Error::HttpRequestDenied) => Denied,
        Err(Error::HttpRequestUriInvalid) => Invalid,
        Err(Error::DestinationIpProhibited) => Prohibited,
        Err(other) => panic!("{allowed} {names:?} {uri}: {other:?}"),
    };
    assert_eq!(
        connected,
        usize::from(outcome == Reached),
        "{allowed} {names:?} {uri}"
    );
    outcome
}

#[tokio::test]
async fn each_case_has_the_outcome_in_the_table() {
    let server = Server::well_behaved().await;
    for (allowed, uris) in SPELLINGS {
        for (uri, expected) in *uris {
            let found = outcome(&server, allowed, &["127.0.0.1"], uri).await;
            assert_eq!(found, *expected, "{allowed}: {uri}");
        }
    }
    for (name, addresses, expected) in NAMES {
        let uri = format!("http://{name}:PORT");
        let found = outcome(&server, &uri, addresses, &uri).await;
        assert_eq!(found, *expected, "{name}: {addresses:?}");
    }
}

#[tokio::test]
async fn link_local_and_metadata_are_never_reached() {
    let server = Server::well_behaved().await;
    for address in PROHIBITED {
        let uri = format!("http://{address}:PORT/");
        let found = outcome(&server, &uri, &[], &uri).await;
        assert_eq!(found, Prohibited, "{address}");
    }
}

/// Returns one answer first and another one from then on.
struct Rebinding {
    answers: Mutex<Vec<IpAddr>>,
    asked: Arc<AtomicUsize>,
}

impl Resolve for Rebinding {
    fn resolve(&self, _: &str) -> Lookup {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0]
        };
        Box::pin(std::future::ready(Ok(vec![answer])))
    }
}

#[tokio::test]
async fn the_checked_address_is_the_connected_address() {
    // Closes, so that each request needs a new connection.
    let reply = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let server = Server::replying(reply).await;
    let uri = format!("http://localhost:{}", server.port());
    let asked = Arc::new(AtomicUsize::new(0));
    let rebinding = Rebinding {
        answers: Mutex::new(vec![
            "127.0.0.1".parse().unwrap(),
            "10.0.0.1".parse().unwrap(),
        ]),
        asked: Arc::clone(&asked),
    };
    let outbound = allowing(std::slice::from_ref(&uri))
        .resolver(rebinding)
        .build()
        .unwrap();
    // One lookup serves the check and the connection: a second one would return a private address.
    assert_eq!(fetch(&outbound, &uri).await, "ok");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // The next connection is checked again.
    let result = get(&outbound, &uri).await;
    assert!(
        matches!(result, Err(Error::DestinationIpProhibited)),
        "{result:?}"
    );
    let connected = in_time(server.connected()).await;
    assert_eq!((asked.load(Ordering::SeqCst), connected), (2, 1));
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_not_followed_and_not_allowed() {
    for target in [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
    ] {
        let reply =
            format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::replying(reply.leak()).await;
        let outbound = allowing(&[server.origin()]).build().unwrap();
        let response = get(&outbound, &server.origin()).await.unwrap();
        assert_eq!((response.status().as_u16(), server.accepted()), (302, 1));
        // Follows the redirect as a guest would.
        let next = response.headers()[LOCATION].to_str().unwrap();
        let result = get(&outbound, next).await;
        assert!(
            matches!(result, Err(Error::HttpRequestDenied)),
            "{next}: {result:?}"
        );
    }
}

#[tokio::test]
async fn an_open_connection_does_not_bypass_another_policy() {
    let server = Server::well_behaved().await;
    let uri = format!("http://localhost:{}", server.port());
    let open = allowing(std::slice::from_ref(&uri)).build().unwrap();
    fetch(&open, &uri).await;
    let closed = allowing(&[]).build().unwrap();
    let result = get(&closed, &uri).await;
    assert!(
        matches!(result, Err(Error::HttpRequestDenied)),
        "{result:?}"
    );
    let elsewhere = Fixed(vec!["10.0.0.1".parse().unwrap()]);
    let elsewhere = allowing(std::slice::from_ref(&uri))
        .resolver(elsewhere)
        .build()
        .unwrap();
    let result = get(&elsewhere, &uri).await;
    assert!(
        matches!(result, Err(Error::DestinationIpProhibited)),
        "{result:?}"
    );
    assert_eq!(in_time(server.connected()).await, 1);
}
