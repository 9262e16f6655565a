//! The allowed destinations, and the headers of requests.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use http::header::HOST;
use http::{HeaderValue, Method};
use mv_clip_host::outbound::OutboundHooks;
use mv_clip_host::{Lookup, Resolve, Settings};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use wasmtime_wasi_http::{Error, WasiHttpHooks};

use super::server::{OK, Server, read_head};
use super::{allowing, get, in_time, request};

/// Resolves every name to the same addresses.
pub(crate) struct Fixed(pub(crate) Vec<IpAddr>);

impl Resolve for Fixed {
    fn resolve(&self, _: &str) -> Lookup {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

#[tokio::test]
async fn an_outbound_without_a_policy_allows_nothing() {
    let server = Server::well_behaved().await;
    let result = get(&allowing(&[]).build().unwrap(), &server.origin()).await;
    assert!(
        matches!(result, Err(Error::HttpRequestDenied)),
        "{result:?}"
    );
    assert_eq!(server.connected().await, 0);
}

#[tokio::test]
async fn a_tunnel_is_denied() {
    let server = Server::well_behaved().await;
    let outbound = allowing(&[server.origin()]).build().unwrap();
    let mut tunnel = request(&server.origin());
    *tunnel.method_mut() = Method::CONNECT;
    let result = in_time(outbound.send(tunnel, None)).await;
    assert!(
        matches!(result, Err(Error::HttpRequestDenied)),
        "{result:?}"
    );
    assert_eq!(server.connected().await, 0);
}

/// A server that forwards each request head to the test.
pub(crate) async fn recording() -> (Server, mpsc::UnboundedReceiver<String>) {
    let (heads, received) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let heads = heads.clone();
        async move {
            while let Some(head) = read_head(&mut stream).await {
                heads.send(head).unwrap();
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    });
    (server.await, received)
}

#[tokio::test]
async fn the_host_header_comes_from_the_checked_uri() {
    let (server, mut heads) = recording().await;
    let port = server.port();
    let outbound = allowing(&[format!("http://localhost:{port}")])
        .build()
        .unwrap();
    let mut disguised = request(&format!("http://LOCALHOST.:{port}/clip?x=%20y"));
    disguised
        .headers_mut()
        .insert(HOST, HeaderValue::from_static("internal.example.com"));
    in_time(outbound.send(disguised, None)).await.unwrap();
    let head = in_time(heads.recv()).await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /clip?x=%20y http/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("\r\nhost: localhost:{port}\r\n")),
        "{head}"
    );
    assert!(!head.contains("internal"), "{head}");
}

#[tokio::test]
async fn hooks_send_and_leave_the_host_header_to_the_client() {
    let (server, mut heads) = recording().await;
    let outbound = allowing(&[server.origin()]).build().unwrap();
    let mut hooks = OutboundHooks::of(&outbound, &Settings::default());
    assert!(!hooks.set_host_header());

    let processed = Box::new(std::future::ready(Ok(())));
    let sent = hooks.send_request(request(&server.origin()), None, processed);
    let (response, completion) = in_time(Box::into_pin(sent)).await.unwrap();
    assert_eq!(response.status(), 200);
    in_time(Box::into_pin(completion)).await.unwrap();
    let head = in_time(heads.recv()).await.unwrap();
    assert_eq!(head.matches("host: ").count(), 1, "{head}");

    let processed = Box::new(std::future::ready(Ok(())));
    let denied = hooks.send_request(request("https://api.meraki.com"), None, processed);
    let denied = in_time(Box::into_pin(denied)).await.err();
    assert!(
        matches!(denied, Some(Error::HttpRequestDenied)),
        "{denied:?}"
    );
}

/// The output of a subscriber.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn logs_contain_origin_and_outcome_but_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let logging = tracing::subscriber::set_default(subscriber);

    let (server, _heads) = recording().await;
    let outbound = allowing(&[server.origin()]).build().unwrap();
    let with_secrets = |origin: &str| {
        let mut request = request(&format!("{origin}/path-secret?query=secret"));
        request
            .headers_mut()
            .insert("authorization", HeaderValue::from_static("Bearer secret"));
        request
    };
    in_time(outbound.send(with_secrets(&server.origin()), None))
        .await
        .unwrap();
    let media = "https://media.example.com:8443";
    in_time(outbound.send(with_secrets(media), None))
        .await
        .unwrap_err();
    drop(logging);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<_> = log
        .lines()
        .filter(|line| line.contains("mv_clip_host::outbound"))
        .collect();
    let [sent, denied] = ours[..] else {
        panic!("expected two lines: {ours:#?}")
    };
    let port = format!("server.port={}", server.port());
    let facts = [
        "DEBUG",
        "http.request.method=GET",
        "url.scheme=http",
        "server.address=127.0.0.1",
        &port,
        "http.response.status_code=200",
    ];
    for part in facts {
        assert!(sent.contains(part), "{part}: {sent}");
    }
    assert!(sent.contains("elapsed="), "{sent}");
    assert!(
        denied.contains("DEBUG") && denied.contains(media),
        "{denied}"
    );
    assert!(!ours.concat().contains("secret"), "{ours:#?}");
}
