//! A server that closes the connection over a request that it dislikes, as servers and the firewalls before them do.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::Notify;
use tokio::time::sleep;
use wasmtime_wasi_http::WasiBody;

use super::{Call, SECOND, clip, with_key};
use crate::outbound::server::Server;
use crate::outbound::{request, tls};
use crate::simulated::Simulated;

fn is_disliked(request: &Request<Incoming>) -> bool {
    let path = request.uri().path();
    let is_odd = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        bytes.starts_with(b" ") || bytes.iter().any(|byte| *byte >= 0x80)
    };
    request.headers().len() > 100
        || path.len() > 8 << 10
        || path.contains("/etc/passwd")
        || request.headers().values().any(is_odd)
}

/// Over HTTP/2. Other requests get a reply after a second.
async fn strict() -> (Server, std::path::PathBuf) {
    let certified = tls::certificate("127.0.0.1");
    let acceptor = tls::acceptor(&certified, &["h2"]);
    let server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let disliked = Arc::new(Notify::new());
            let found = Arc::clone(&disliked);
            let service = service_fn(move |request: Request<Incoming>| {
                if is_disliked(&request) {
                    found.notify_one();
                }
                async {
                    sleep(SECOND).await;
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
                }
            });
            let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::select! {
                _gone = http2.serve_connection(TokioIo::new(stream), service) => {}
                () = disliked.notified() => {}
            }
        }
    })
    .await;
    let root = tls::file("beside-strict", &certified.cert.pem());
    (server, root)
}

/// A request to this URI with a field.
fn with_field(uri: &str, value: &'static [u8]) -> Request<WasiBody> {
    let mut request = request(uri);
    let value = HeaderValue::from_bytes(value).unwrap();
    request.headers_mut().insert("user-agent", value);
    request
}

#[tokio::test]
async fn a_server_that_closes_a_connection_over_a_request_closes_it_for_one_call() {
    let _time = Simulated::time();
    let (server, root) = strict().await;
    let origin = tls::origin(&server);
    let outbound = with_key(&origin).root_certificates(root).build().unwrap();
    let mut many = request(&origin);
    for number in 0..101 {
        let name: HeaderName = format!("x{number}").parse().unwrap();
        many.headers_mut()
            .insert(name, HeaderValue::from_static("1"));
    }
    let long = format!("{origin}/{}", "x".repeat(8 << 10));
    let mut other = Call::new(&outbound);
    // The first makes the connection that others share.
    other.send(request(&clip(&origin))).await.unwrap();
    for (case, disliked) in [
        ("many fields", many),
        ("a long path", request(&long)),
        ("an attack", request(&format!("{origin}/../../etc/passwd"))),
        ("a space", with_field(&origin, b" x")),
        ("bytes", with_field(&origin, b"\xff\xfe")),
    ] {
        let waiting = tokio::spawn(other.send(request(&clip(&origin))));
        sleep(SECOND / 2).await;
        let refused = Call::new(&outbound).send(disliked).await;
        assert!(refused.is_err(), "{case}: {refused:?}");
        let reply = waiting.await.unwrap();
        assert!(reply.is_ok(), "{case}: {reply:?}");
    }
}

/// The host writes the request for a clip, so nothing in it depends on the fields that the guest sets.
#[tokio::test]
async fn the_fields_of_a_guest_are_not_in_a_request_for_a_clip() {
    let _time = Simulated::time();
    let (server, root) = strict().await;
    let origin = tls::origin(&server);
    let outbound = with_key(&origin).root_certificates(root).build().unwrap();
    for value in [&b" x"[..], b"\xff\xfe"] {
        let odd = with_field(&clip(&origin), value);
        let reply = Call::new(&outbound).send(odd).await;
        assert_eq!(reply.unwrap().status(), 200);
    }
    assert_eq!(server.accepted(), 1);
}
