//! TLS: trusted certificates, and HTTP/2.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mv_clip_host::outbound::Outbound;
use mv_clip_host::{Timeouts, TlsError};
use rcgen::{CertifiedKey, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};
use tokio_rustls::TlsAcceptor;
use wasmtime_wasi_http::Error;

use super::server::{OK, Server, closed, read_head};
use super::{allowing, fetch, get, in_time};
use crate::simulated::Simulated;

pub(crate) fn certificate(name: &str) -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed([name.to_owned()]).unwrap()
}

/// Writes a file for the named test.
pub(crate) fn file(test: &str, content: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("outbound-{test}.pem"));
    std::fs::write(&path, content).unwrap();
    path
}

/// Answers `ok` with the protocol that ALPN selects, except on `/hang` and `/fail`.
pub(crate) async fn serve(certified: &CertifiedKey<KeyPair>, protocols: &[&str]) -> Server {
    let acceptor = acceptor(certified, protocols);
    Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // A client that does not trust the certificate aborts the handshake.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let (stream, service) = (TokioIo::new(stream), service_fn(answer));
            // These fail when the client disconnects.
            if http2 {
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let _gone = server.serve_connection(stream, service).await;
            } else {
                let server = hyper::server::conn::http1::Builder::new();
                let _gone = server.serve_connection(stream, service).await;
            }
        }
    })
    .await
}

pub(crate) fn acceptor(certified: &CertifiedKey<KeyPair>, protocols: &[&str]) -> TlsAcceptor {
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    TlsAcceptor::from(Arc::new(config))
}

async fn answer(request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    // HTTP/2 has the host in `:authority`, which a `host` header might contradict.
    let http2 = request.version() == Version::HTTP_2;
    assert_eq!(request.headers().contains_key(HOST), !http2);
    match request.uri().path() {
        "/hang" => std::future::pending().await,
        "/fail" => Err(io::Error::other("the service fails")),
        _ => Ok(Response::new(Full::from("ok"))),
    }
}

pub(crate) fn origin(server: &Server) -> String {
    server.origin().replace("http:", "https:")
}

fn trusting(server: &Server, certified: &CertifiedKey<KeyPair>, test: &str) -> Outbound {
    let root = file(test, &certified.cert.pem());
    let timeouts = Timeouts::default().first_byte(Duration::from_secs(1));
    let outbound = allowing(&[origin(server)])
        .root_certificates(root)
        .timeouts(timeouts);
    outbound.build().unwrap()
}

#[tokio::test]
async fn an_extra_root_is_trusted_and_connections_are_reused() {
    let _time = Simulated::time();
    let certified = certificate("127.0.0.1");
    let cases = [
        ("http2", &["h2", "http/1.1"][..], Version::HTTP_2),
        ("http1", &["http/1.1"][..], Version::HTTP_11),
        ("no-alpn", &[][..], Version::HTTP_11),
    ];
    for (case, protocols, version) in cases {
        let server = serve(&certified, protocols).await;
        let outbound = trusting(&server, &certified, case);
        assert_eq!(fetch(&outbound, &origin(&server)).await, "ok", "{case}");
        assert_eq!(fetch(&outbound, &origin(&server)).await, "ok", "{case}");
        let response = get(&outbound, &origin(&server)).await.unwrap();
        assert_eq!(response.version(), version, "{case}");
        assert_eq!(server.accepted(), 1, "{case}");
    }
}

#[tokio::test]
async fn concurrent_http2_requests_share_a_connection() {
    let _time = Simulated::time();
    let certified = certificate("127.0.0.1");
    let server = serve(&certified, &["h2"]).await;
    let outbound = trusting(&server, &certified, "sharing");
    let origin = origin(&server);
    fetch(&outbound, &origin).await;
    tokio::join!(
        fetch(&outbound, &origin),
        fetch(&outbound, &origin),
        fetch(&outbound, &origin)
    );
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_stalled_http2_connection_is_not_reused() {
    let _time = Simulated::time();
    let certified = certificate("127.0.0.1");
    let server = serve(&certified, &["h2"]).await;
    let outbound = trusting(&server, &certified, "retired");
    let origin = origin(&server);
    fetch(&outbound, &origin).await;
    let result = get(&outbound, &format!("{origin}/hang")).await;
    assert!(
        matches!(result, Err(Error::HttpResponseTimeout)),
        "{result:?}"
    );
    assert_eq!(server.accepted(), 1);
    assert_eq!(fetch(&outbound, &origin).await, "ok");
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn an_http2_stream_that_the_server_resets_is_terminated() {
    let _time = Simulated::time();
    let certified = certificate("127.0.0.1");
    let server = serve(&certified, &["h2"]).await;
    let outbound = trusting(&server, &certified, "reset");
    let result = get(&outbound, &format!("{}/fail", origin(&server))).await;
    assert!(
        matches!(result, Err(Error::ConnectionTerminated)),
        "{result:?}"
    );
}

/// The second request starts to connect, then reuses the connection of the first one. The pool continues to connect,
/// although no request waits for that connection.
#[tokio::test]
async fn an_unused_connection_attempt_times_out() {
    let _time = Simulated::time();
    let certified = certificate("127.0.0.1");
    let acceptor = acceptor(&certified, &["http/1.1"]);
    let first = Arc::new(AtomicBool::new(true));
    let second_arrived = Arc::new(Notify::new());
    let (gone, mut closings) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let (acceptor, gone) = (acceptor.clone(), gone.clone());
        let (first, second_arrived) = (Arc::clone(&first), Arc::clone(&second_arrived));
        async move {
            if first.swap(false, Ordering::SeqCst) {
                let mut stream = acceptor.accept(stream).await.unwrap();
                read_head(&mut stream).await.unwrap();
                second_arrived.notified().await;
                stream.write_all(OK.as_bytes()).await.unwrap();
                read_head(&mut stream).await.unwrap();
                stream.write_all(OK.as_bytes()).await.unwrap();
                closed(&mut stream).await;
            } else {
                second_arrived.notify_one();
                closed(&mut stream).await;
                gone.send(()).unwrap();
            }
        }
    })
    .await;
    let root = file("given-up", &certified.cert.pem());
    let timeouts = Timeouts::default().connect(Duration::from_secs(3));
    let outbound = allowing(&[origin(&server)])
        .root_certificates(root)
        .timeouts(timeouts);
    let outbound = outbound.build().unwrap();
    let origin = origin(&server);
    tokio::join!(fetch(&outbound, &origin), fetch(&outbound, &origin));
    in_time(closings.recv()).await.unwrap();
}

#[tokio::test]
async fn an_untrusted_certificate_has_its_own_error() {
    let _time = Simulated::time();
    let certified = certificate("127.0.0.1");
    let server = serve(&certified, &["http/1.1"]).await;
    let outbound = allowing(&[origin(&server)]).build().unwrap();
    let result = get(&outbound, &origin(&server)).await;
    assert!(
        matches!(result, Err(Error::TlsCertificateError)),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_certificate_for_another_host_is_rejected() {
    let _time = Simulated::time();
    let certified = certificate("camera.example.com");
    let server = serve(&certified, &["http/1.1"]).await;
    let outbound = trusting(&server, &certified, "other-host");
    let result = get(&outbound, &origin(&server)).await;
    assert!(
        matches!(result, Err(Error::TlsCertificateError)),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_server_without_tls_is_a_protocol_error() {
    let _time = Simulated::time();
    let server = Server::start(|mut stream| async move {
        let reply = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(reply).await.unwrap();
        closed(&mut stream).await;
    })
    .await;
    let outbound = allowing(&[origin(&server)]).build().unwrap();
    let result = get(&outbound, &origin(&server)).await;
    assert!(matches!(result, Err(Error::TlsProtocolError)), "{result:?}");
}

#[tokio::test]
async fn a_close_during_the_handshake_is_connection_terminated() {
    let _time = Simulated::time();
    let server = Server::start(|mut stream| async move {
        stream.read_u8().await.unwrap();
    })
    .await;
    let outbound = allowing(&[origin(&server)]).build().unwrap();
    let result = in_time(get(&outbound, &origin(&server))).await;
    assert!(
        matches!(result, Err(Error::ConnectionTerminated)),
        "{result:?}"
    );
}

#[test]
fn a_file_without_usable_roots_is_named() {
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outbound-missing.pem");
    let build = |path: &PathBuf| {
        Outbound::builder()
            .root_certificates(path)
            .build()
            .unwrap_err()
    };

    let error = build(&missing);
    assert!(matches!(error, TlsError::Unreadable { .. }), "{error:?}");
    assert!(
        error.to_string().contains("outbound-missing.pem"),
        "{error}"
    );

    let error = build(&file("empty", "nothing here\n"));
    assert!(matches!(error, TlsError::Empty { .. }), "{error:?}");
    assert!(error.to_string().contains("outbound-empty.pem"), "{error}");

    let error = build(&file("garbage", garbage));
    assert!(matches!(error, TlsError::Unusable { .. }), "{error:?}");
    assert!(
        error.to_string().contains("outbound-garbage.pem"),
        "{error}"
    );
}
