//! The API key and the clip's URL are in no log, error or `Debug`.

use host_test::mock::{MockConfig, Redirect, Scripted};
use http::StatusCode;
use tracing::Level;

use crate::support::{Log, World, footage};

/// On one thread, so that all of it is logged to the subscriber of this test.
#[tokio::test(flavor = "current_thread")]
async fn are_in_no_log_at_the_most_verbose_level() {
    let log = Log::default();
    let _guard = log.collect(Level::TRACE);

    let key = "5ec2e7-0f-s0mebody";
    let config = MockConfig {
        key: key.to_owned(),
        redirect: Some(Redirect::SamePort),
        ..MockConfig::default()
    };
    let world = World::with(config).await;
    let echo = format!("Bearer {key}");
    world.mock.script([
        Scripted::error(StatusCode::SERVICE_UNAVAILABLE, &echo),
        Scripted::Pass,
    ]);
    let clip = world.get().await.unwrap();
    let error = world.request(&footage("Q2XX-NONE-0000")).await.unwrap_err();
    world
        .mock
        .script([Scripted::error(StatusCode::UNAUTHORIZED, &echo)]);
    let echoed = world.get().await.unwrap_err();
    host_test::media::fetch(&clip.url).await.unwrap();

    let instance = world.host.instance(world.variables()).await.unwrap();

    let token = clip.url.expose().rsplit('/').next().unwrap();
    let log = log.text();
    let all = format!(
        "{log}{clip:?}{error}{error:?}{echoed}{echoed:?}{:?}{instance:?}",
        world.host
    );
    assert!(log.contains("127.0.0.1"), "nothing was logged");
    assert!(
        token.len() > 8 && !all.contains(token),
        "the clip's URL is printed"
    );
    assert!(!all.contains(key), "the API key is printed");
}
