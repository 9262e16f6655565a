//! Fetching what is behind a clip's URL.

use std::error::Error;

use host_test::ClipUrl;
use host_test::media::{MediaError, fetch};
use host_test::mock::{CLIP, MockConfig, Point, Scripted, Target, WireFault};
use http::{Response, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::outbound::server::{OK, Server, read_head};
use crate::support::{World, closed_port};

fn redirect(to: &str) -> Scripted {
    let reply = Response::builder().status(302).header("location", to);
    reply.body("").unwrap().into()
}

/// What the mock answered at media URLs.
fn statuses(world: &World) -> Vec<Option<u16>> {
    let requests = world.mock.requests();
    let media = requests
        .iter()
        .filter(|request| request.target == Target::Media);
    media
        .map(|request| request.status.map(|status| status.as_u16()))
        .collect()
}

/// The error, which is to hide the URL wherever it is printed.
async fn failure(url: &ClipUrl) -> MediaError {
    let error = fetch(url).await.unwrap_err();
    let secret = url.expose().rsplit('/').next().unwrap();
    let mut printed = format!("{error:?}");
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(error) = cause {
        printed.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    assert!(secret.len() > 8 && !printed.contains(secret), "{printed}");
    error
}

#[tokio::test]
async fn a_redirect_tells_the_next_server_nothing_of_the_url() {
    let (heads, mut seen) = mpsc::unbounded_channel();
    let next = Server::start(move |mut stream| {
        let heads = heads.clone();
        async move {
            heads.send(read_head(&mut stream).await.unwrap()).unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let world = World::new().await;
    world.mock.script_media([redirect(&next.origin())]);
    let url = world.get().await.unwrap().url;
    assert_eq!(fetch(&url).await.unwrap(), b"ok");
    let head = seen.recv().await.unwrap().to_lowercase();
    assert!(head.starts_with("get / "), "{head}");
    assert!(!head.contains("referer"), "{head}");
}

#[tokio::test]
async fn a_redirect_to_plain_http_elsewhere_is_refused() {
    let world = World::new().await;
    let url = world.get().await.unwrap().url;
    let elsewhere = url.expose().replace("127.0.0.1", "media.example");
    world.mock.script_media([redirect(&elsewhere)]);
    let error = failure(&url).await;
    assert!(matches!(error, MediaError::Redirect(_)), "{error:?}");
}

#[tokio::test]
async fn redirects_have_an_end() {
    let world = World::new().await;
    let url = world.get().await.unwrap().url;
    let again = || redirect(url.expose());
    world
        .mock
        .script_media([again(), again(), again(), again()]);
    let error = failure(&url).await;
    assert!(matches!(error, MediaError::Redirect(_)), "{error:?}");
}

#[tokio::test]
async fn a_clip_that_is_not_there_yet_is_asked_for_again() {
    let world = World::with(MockConfig {
        media_not_ready: 1,
        ..MockConfig::default()
    });
    let world = world.await;
    let url = world.get().await.unwrap().url;
    assert_eq!(fetch(&url).await.unwrap(), CLIP);
    assert_eq!(statuses(&world), [Some(404), Some(200)]);
}

#[tokio::test]
async fn a_clip_that_is_gone_is_not() {
    let world = World::new().await;
    world
        .mock
        .script_media([Scripted::error(StatusCode::GONE, "expired")]);
    let url = world.get().await.unwrap().url;
    let error = failure(&url).await;
    assert!(
        matches!(error, MediaError::Status(StatusCode::GONE)),
        "{error:?}"
    );
    assert_eq!(statuses(&world), [Some(410)]);
}

#[tokio::test]
async fn half_a_clip_is_an_error() {
    let world = World::new().await;
    world.mock.script_media([WireFault::Close(Point::InBody)]);
    let url = world.get().await.unwrap().url;
    let error = failure(&url).await;
    assert!(matches!(error, MediaError::Transport(_)), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_fails_is_told_with_its_cause() {
    let (_held, address) = closed_port();
    let url = ClipUrl::from(format!("http://{address}/media/5ec2e7-5ec2e7"));
    let error = anyhow::Error::from(failure(&url).await);
    let printed = format!("{error:#}");
    assert!(printed.contains("Connection refused"), "{printed}");
}
