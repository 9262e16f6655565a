//! Bodies, and the connections that they go over.

use bytes::Bytes;
use futures_util::stream;
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderValue, Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use wasmtime_wasi_http::Error;

use super::{Call, clip, settle, with_body, with_key};
use crate::keys::CLIP;
use crate::outbound::server::{Server, read_head};
use crate::outbound::{allowing, request, tls};
use crate::simulated::Simulated;

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
async fn no_other_call_gets_a_connection_that_a_guests_own_request_went_over() {
    let _time = Simulated::time();
    for method in ["GET", "HEAD", "PUT", "POST", "PATCH", "PROPFIND", "GETS"] {
        let server = skipping_no_body().await;
        let outbound = with_key(&server.origin()).build().unwrap();
        let mine = clip(&server.origin());
        Call::new(&outbound).fetch_at_once(&mine).await;
        let method: Method = method.parse().unwrap();
        for length in [None, Some("0"), Some("5"), Some("36")] {
            let has_body = !["GET", "HEAD"].contains(&method.as_str());
            let length = length.filter(|_| has_body);
            let body = if has_body { SMUGGLED } else { "" };
            let mut put = with_body(method.clone(), &server.origin(), body);
            if let Some(length) = length {
                put.headers_mut()
                    .insert(CONTENT_LENGTH, HeaderValue::from_static(length));
            }
            if let Ok(reply) = Call::new(&outbound).send(put).await {
                let _ = reply.into_body().collect().await;
            }
            settle().await;
            let line = Call::new(&outbound).fetch_at_once(&mine).await;
            assert_eq!(line, format!("GET {CLIP} HTTP/1.1"), "{method} {length:?}");
        }
        // One that requests for a clip share, and one for each other request.
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
    let (server, mut heads) = crate::outbound::reach::recording().await;
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

/// They are fields too, which servers may merge with those of the head.
#[tokio::test]
async fn trailers_of_a_request_are_not_sent() {
    let _time = Simulated::time();
    let certified = tls::certificate("127.0.0.1");
    let acceptor = tls::acceptor(&certified, &["h2"]);
    let (arrived, mut bodies) = mpsc::unbounded_channel();
    let server = Server::start(move |stream| {
        let (acceptor, arrived) = (acceptor.clone(), arrived.clone());
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let service = service_fn(move |request: Request<Incoming>| {
                let arrived = arrived.clone();
                async move {
                    arrived.send(request.into_body().collect().await?).unwrap();
                    Ok::<_, hyper::Error>(Response::new(Empty::<Bytes>::new()))
                }
            });
            let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _gone = http2.serve_connection(TokioIo::new(stream), service).await;
        }
    })
    .await;
    let root = tls::file("beside-request-trailers", &certified.cert.pem());
    let origin = tls::origin(&server);
    let outbound = allowing(std::slice::from_ref(&origin)).root_certificates(root);
    let outbound = outbound.build().unwrap();
    let trailers = [(AUTHORIZATION, HeaderValue::from_static("Bearer mine"))];
    let frames = [
        Ok(Frame::data(Bytes::from("body"))),
        Ok(Frame::trailers(trailers.into_iter().collect())),
    ];
    let body = StreamBody::new(stream::iter(frames)).boxed_unsync();
    let put = Request::put(&origin).body(body).unwrap();
    let reply = Call::new(&outbound).send(put).await.unwrap();
    assert_eq!(reply.status(), 200);
    let body = bodies.recv().await.unwrap();
    assert_eq!(body.trailers(), None);
    assert_eq!(body.to_bytes(), "body");
}
