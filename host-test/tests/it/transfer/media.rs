//! The behaviour of media hosts, and what the destination then receives.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use meraki_mock::{Authorization, CLIP, MockConfig, Point, Scripted, WireFault};
use mv_clip_host::{FailureKind, Policy};
use tokio::time::{Instant, sleep};

use super::bucket::Bucket;
use super::{long_clip, save, sha256, world};
use crate::outbound::reach::recording;
use crate::outbound::server::Server;
use crate::outbound::tls;
use crate::simulated::{STEP, Simulated};
use crate::support::{permanent, tenant, transient};

fn scripted(status: u16, body: impl Into<Vec<u8>>) -> Scripted {
    let reply = Response::builder().status(status).body(body.into());
    reply.unwrap().into()
}

#[tokio::test]
async fn a_clip_is_stored_unchanged_with_its_metadata() {
    let _time = Simulated::time();
    let bucket = Bucket::new([]).await;
    let world = world(MockConfig::default(), &bucket).await;
    let saved = save(&world, &bucket.url()).await.unwrap();
    assert_eq!(saved.bytes, CLIP.len() as u64);
    assert_eq!(saved.sha256, sha256(CLIP));
    assert!(saved.clip.request_id.is_some() && saved.clip.expires_at.is_some());

    let puts = bucket.puts();
    let [put] = puts.as_slice() else {
        panic!("{puts:?}")
    };
    assert_eq!((put.method.as_str(), put.whole), ("PUT", true));
    assert!(bucket.url().ends_with(&put.target), "{}", put.target);
    assert_eq!(put.body, CLIP);
    let length = CLIP.len().to_string();
    for (name, value) in [
        ("content-length", Some(length.as_str())),
        ("content-type", Some("video/mp2t")),
        ("transfer-encoding", None),
        ("authorization", None),
    ] {
        assert_eq!(field(&put.headers, name), value, "{name}");
    }
    let asked = world.media_requests().remove(0);
    assert_eq!(asked.authorization, Authorization::Missing);
}

fn field<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_clip_of_unknown_length_is_sent_in_chunks() {
    let _time = Simulated::time();
    let bucket = Bucket::new([]).await;
    let config = MockConfig::default().media_length(false);
    let world = world(config, &bucket).await;
    let saved = save(&world, &bucket.url()).await.unwrap();
    let put = bucket.puts().remove(0);
    assert_eq!(
        (saved.bytes, put.body.as_slice()),
        (CLIP.len() as u64, CLIP)
    );
    assert_eq!(field(&put.headers, "content-length"), None);
    assert_eq!(field(&put.headers, "transfer-encoding"), Some("chunked"));
}

#[tokio::test]
async fn a_clip_that_is_not_ready_is_retried() {
    let _time = Simulated::time();
    let bucket = Bucket::new([]).await;
    let config = MockConfig::default().media_not_ready(1);
    let world = world(config, &bucket).await;
    world
        .mock
        .script_media([Scripted::error(StatusCode::SERVICE_UNAVAILABLE, "later")]);
    save(&world, &bucket.url()).await.unwrap();
    let statuses: Vec<_> = world
        .media_requests()
        .iter()
        .map(|request| request.status.unwrap().as_u16())
        .collect();
    assert_eq!((statuses, bucket.puts().len()), (vec![503, 404, 200], 1));
    assert_eq!(world.statuses().len(), 4);
}

/// F11.
#[tokio::test]
async fn a_part_that_nobody_asked_for_is_not_stored() {
    let _time = Simulated::time();
    let bucket = Bucket::new([]).await;
    let world = world(MockConfig::default(), &bucket).await;
    world.mock.script_media([scripted(206, &CLIP[..188 * 70])]);
    let saved = save(&world, &bucket.url()).await.unwrap();
    assert_eq!(saved.bytes, CLIP.len() as u64);
    assert_eq!(bucket.puts().len(), 1);
    assert_eq!(world.media_statuses(), [Some(206), Some(200)]);
}

#[tokio::test]
async fn a_clip_that_never_arrives_is_reported_with_its_status() {
    let _time = Simulated::time();
    let bucket = Bucket::new([]).await;
    let mut world = world(MockConfig::default(), &bucket).await;
    for (status, attempts, words) in [
        (404, "1", "does not have the clip yet"),
        (410, "5", "may have expired"),
    ] {
        world = world.set("MV_CLIP_MAX_ATTEMPTS", attempts);
        world.mock.script_media([scripted(status, "")]);
        let failure = transient(save(&world, &bucket.url()).await, FailureKind::Unavailable);
        assert_eq!((failure.status, failure.attempts), (Some(status), 1));
        assert!(failure.request_id.is_some());
        assert!(failure.message.contains(words), "{}", failure.message);
    }
    assert!(bucket.puts().is_empty());
}

#[tokio::test]
async fn a_broken_stream_is_retried_with_a_new_put() {
    let _time = Simulated::time();
    let clip = long_clip(20);
    for fault in [
        WireFault::Reset(Point::InBody),
        WireFault::Close(Point::InBody),
        WireFault::StallInBody,
    ] {
        let bucket = Bucket::new([]).await;
        let config = MockConfig::default().clip(clip.clone());
        let world = world(config, &bucket).await;
        world.mock.script_media([fault]);
        let saved = save(&world, &bucket.url()).await.unwrap();
        assert_eq!(saved.sha256, sha256(&clip), "{fault:?}");
        let puts = bucket.puts();
        let whole: Vec<_> = puts.iter().map(|put| put.whole).collect();
        assert_eq!(whole, [false, true], "{fault:?}");
        assert_eq!(puts[1].body, clip, "{fault:?}");
        // Both attempts use the same URL.
        assert_eq!(world.statuses().len(), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn an_invalid_clip_does_not_reach_the_destination() {
    let _time = Simulated::time();
    let cut_off = &CLIP[..CLIP.len() - 1];
    for (body, words) in [
        (
            &b"<html>502 Bad Gateway</html>"[..],
            "is not an MPEG transport stream",
        ),
        (&[b'<'; 188], "is not an MPEG transport stream"),
        (b"", "sent an empty clip"),
        (cut_off, "is cut off"),
    ] {
        let bucket = Bucket::new([]).await;
        let world = world(MockConfig::default(), &bucket).await;
        let world = world.set("MV_CLIP_MAX_ATTEMPTS", "1");
        world.mock.script_media([scripted(200, body)]);
        let failure = transient(save(&world, &bucket.url()).await, FailureKind::BadResponse);
        assert!(failure.message.contains(words), "{}", failure.message);
        assert!(bucket.puts().is_empty(), "{words}");
    }
}

/// Damage, and truncation of a clip without `Content-Length`, are detected only during the upload.
#[tokio::test]
async fn an_upload_of_an_invalid_clip_is_not_completed() {
    let _time = Simulated::time();
    let mut damaged = long_clip(20).to_vec();
    damaged[188 * 5_000] = 0;
    let mut cut_off = long_clip(20).to_vec();
    cut_off.truncate(188 * 5_000 + 7);
    for (clip, media_length, words) in [
        (
            damaged.clone(),
            true,
            "packet 5000 (byte 940000) does not start",
        ),
        (damaged, false, "packet 5000 (byte 940000) does not start"),
        (cut_off, false, "is cut off"),
    ] {
        let bucket = Bucket::new([]).await;
        let config = MockConfig::default().clip(clip).media_length(media_length);
        let world = world(config, &bucket).await;
        let world = world.set("MV_CLIP_MAX_ATTEMPTS", "2");
        let failure = transient(save(&world, &bucket.url()).await, FailureKind::BadResponse);
        assert_eq!((failure.attempts, failure.status), (2, Some(200)));
        assert!(failure.message.contains(words), "{}", failure.message);
        let puts = bucket.puts();
        assert!(
            puts.len() == 2 && puts.iter().all(|put| !put.whole),
            "{words}"
        );
    }
}

/// Tables, null packets and sound alone have the form of a clip.
#[tokio::test]
async fn a_stream_without_a_picture_is_not_saved() {
    let _time = Simulated::time();
    let pid = |packet: &[u8]| u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
    let without = |unwanted: &[u16]| -> Vec<u8> {
        let packets = CLIP
            .chunks(188)
            .filter(|packet| !unwanted.contains(&pid(packet)));
        packets.flatten().copied().collect()
    };
    let null = [&[0x47, 0x1f, 0xff, 0x10][..], &[0xff; 184]].concat();
    for clip in [without(&[0x100, 0x101]), without(&[0x100]), null.repeat(9)] {
        let bucket = Bucket::new([]).await;
        let config = MockConfig::default().clip(clip);
        let world = world(config, &bucket).await;
        let world = world.set("MV_CLIP_MAX_ATTEMPTS", "1");
        let failure = transient(save(&world, &bucket.url()).await, FailureKind::BadResponse);
        assert!(
            failure.message.contains("has no picture"),
            "{}",
            failure.message
        );
        assert!(bucket.puts().iter().all(|put| !put.whole));
    }
}

#[tokio::test]
async fn a_media_redirect_is_followed() {
    let _time = Simulated::time();
    let bucket = Bucket::new([]).await;
    let world = world(MockConfig::default(), &bucket).await;
    let other = world.get().await.unwrap().url;
    let redirect = |to: &str| {
        let reply = Response::builder().status(302).header("location", to);
        Scripted::from(reply.body("").unwrap())
    };
    world.mock.script_media([redirect(other.expose())]);
    save(&world, &bucket.url()).await.unwrap();

    world
        .mock
        .script_media([redirect("http://media.example/clip")]);
    let failure = permanent(save(&world, &bucket.url()).await, FailureKind::Rejected);
    assert_eq!((failure.status, failure.attempts), (Some(302), 1));
    assert!(
        failure.message.contains("to media.example,"),
        "{}",
        failure.message
    );
    assert_eq!(bucket.puts().len(), 1);
}

/// Compressed bytes would not be taken for a clip.
#[tokio::test]
async fn a_clip_is_requested_without_compression() {
    let bucket = Bucket::new([]).await;
    let (server, mut heads) = recording().await;
    let world = world(MockConfig::default(), &bucket).await;
    let world = world
        .also(&server.origin())
        .set("MV_CLIP_MAX_ATTEMPTS", "1");
    let reply = format!(r#"{{"url":"{}/clip"}}"#, server.origin());
    world.mock.script([scripted(200, reply)]);
    let failure = transient(save(&world, &bucket.url()).await, FailureKind::BadResponse);
    let head = heads.recv().await.unwrap();
    assert!(head.starts_with("GET /clip "), "{head} {failure:?}");
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
}

#[tokio::test]
async fn a_slow_media_host_is_given_up_at_the_deadline() {
    let _time = Simulated::time();
    let bucket = Bucket::new([]).await;
    let world = world(MockConfig::default(), &bucket).await;
    let world = world.set("MV_CLIP_DEADLINE_SECONDS", "3");
    world.mock.script_media([WireFault::Drip {
        interval: Duration::from_millis(1),
    }]);
    let started = Instant::now();
    let failure = transient(save(&world, &bucket.url()).await, FailureKind::TimedOut);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(3) + 200 * STEP, "{took:?}");
    assert!(
        failure
            .message
            .contains("was not complete at the call's deadline"),
        "{}",
        failure.message
    );
    assert!(bucket.puts().iter().all(|put| !put.whole));
}

/// In HTTP/2 the end of a body may come in its own frame. A destination that knows the length may have answered before.
#[tokio::test]
async fn a_destination_may_answer_before_the_media_stream_ends() {
    let _time = Simulated::time();
    let certified = tls::certificate("127.0.0.1");
    let acceptor = tls::acceptor(&certified, &["h2"]);
    let media = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
            let server = http2::Builder::new(TokioExecutor::new());
            // Fails when the client disconnects.
            drop(
                server
                    .serve_connection(stream, service_fn(ended_late))
                    .await,
            );
        }
    })
    .await;
    let media = tls::origin(&media);
    let bucket = Bucket::new([]).await;
    let mut world = world(MockConfig::default(), &bucket).await;
    let reply = format!(r#"{{"url": "{media}/clip"}}"#);
    world.mock.script([scripted(200, reply)]);
    let allowed = [world.origin(), bucket.origin(), media].map(|origin| origin.parse().unwrap());
    let builder = world.host.tenant().policy(Policy::new(allowed));
    world.host = tenant(builder.root_certificates_pem(certified.cert.pem()));

    let saved = save(&world, &bucket.url()).await.unwrap();
    assert_eq!(saved.sha256, sha256(CLIP));
    assert_eq!(bucket.puts().len(), 1);
}

async fn ended_late(
    _: Request<Incoming>,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let clip = stream::iter([Ok(Frame::data(Bytes::from_static(CLIP)))]);
    let end = stream::once(sleep(Duration::from_millis(300))).filter_map(async |()| None);
    let reply = Response::builder().header(CONTENT_LENGTH, CLIP.len());
    let body = StreamBody::new(Box::pin(clip.chain(end)));
    Ok(reply.body(body).unwrap())
}
