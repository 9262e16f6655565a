//! Servers of HTTP/2 that send what nobody asked for.

use std::time::Duration;

use mv_clip_host::Timeouts;
use mv_clip_host::outbound::Outbound;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;
use wasmtime_wasi_http::Error;

use super::{Call, SECOND};
use crate::outbound::server::Server;
use crate::outbound::{allowing, request, tls};
use crate::simulated::Simulated;

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;

/// The flag END_HEADERS.
const WHOLE: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let stream = stream.to_be_bytes();
    [&length[1..], &[kind, flags], &stream, payload].concat()
}

fn interim() -> Vec<u8> {
    frame(HEADERS, WHOLE, 1, b"\x08\x03100")
}

fn ok() -> Vec<u8> {
    // With END_STREAM.
    frame(HEADERS, WHOLE | 1, 1, &[0x88])
}

/// A server that sends these frames once a connection is made. Tells when a connection is closed.
async fn sending(
    test: &str,
    frames: Vec<u8>,
) -> (Server, Outbound, mpsc::UnboundedReceiver<Instant>) {
    let certified = tls::certificate("127.0.0.1");
    let acceptor = tls::acceptor(&certified, &["h2"]);
    let (gone, closings) = mpsc::unbounded_channel();
    let server = Server::start(move |stream| {
        let (acceptor, gone, frames) = (acceptor.clone(), gone.clone(), frames.clone());
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
            let mut bytes = [0; 4_096];
            // The request is there when this is.
            let mut seen = Vec::<u8>::new();
            while !seen
                .windows(4)
                .any(|bytes| bytes == [HEADERS, WHOLE | 1, 0, 0])
            {
                let read = stream.read(&mut bytes).await.unwrap();
                seen.extend(&bytes[..read]);
            }
            // The client may have seen enough.
            let _ = stream.write_all(&frames).await;
            while let Ok(1..) = stream.read(&mut bytes).await {}
            gone.send(Instant::now()).unwrap();
        }
    })
    .await;
    let root = tls::file(&format!("beside-{test}"), &certified.cert.pem());
    let outbound = allowing(&[tls::origin(&server)])
        .root_certificates(root)
        .timeouts(Timeouts::default().first_byte(SECOND));
    let outbound = outbound.build().unwrap();
    (server, outbound, closings)
}

#[tokio::test]
async fn interim_responses_without_an_end_end_the_connection() {
    let _time = Simulated::time();
    let (server, outbound, mut closings) = sending("interim", interim().repeat(50_000)).await;
    let origin = tls::origin(&server);
    let results = [
        outbound.send(request(&origin), None).await,
        Call::new(&outbound).send(request(&origin)).await,
    ];
    for result in results {
        assert!(
            matches!(result, Err(Error::HttpProtocolError)),
            "{result:?}"
        );
        closings.recv().await.unwrap();
    }
}

#[tokio::test]
async fn a_few_interim_responses_are_skipped() {
    let _time = Simulated::time();
    let frames = [interim().repeat(8), ok()].concat();
    let (server, outbound, _) = sending("few-interim", frames).await;
    let reply = outbound.send(request(&tls::origin(&server)), None).await;
    assert_eq!(reply.unwrap().status(), 200);
}

/// Other requests do not use it any more, but its server could go on sending.
#[tokio::test]
async fn a_connection_whose_request_timed_out_is_closed() {
    let _time = Simulated::time();
    let (server, outbound, mut closings) = sending("left", Vec::new()).await;
    let result = outbound.send(request(&tls::origin(&server)), None).await;
    assert!(
        matches!(result, Err(Error::HttpResponseTimeout)),
        "{result:?}"
    );
    let ended = Instant::now();
    let took = closings.recv().await.unwrap() - ended;
    assert!(took < Duration::from_secs(1), "{took:?}");
}
