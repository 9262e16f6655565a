//! The API key and the clip's URL are in no log, error or `Debug`.

use host_test::mock::{MockConfig, Redirect, Scripted};
use http::{Response, StatusCode};
use tracing::Level;

use crate::support::{Log, SERIAL, World, footage};
use crate::transfer::bucket::{Act, Bucket, SIGNATURE};
use crate::transfer::destinations::forbidden;

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

    // As some do, both tell what they were asked for.
    let (bucket, to) = (
        Bucket::new([Act::Answer(forbidden())]).await,
        clip.url.expose(),
    );
    let world = world.also(&bucket.origin());
    let elsewhere = Response::builder().status(302).header("location", to);
    world
        .mock
        .script_media([elsewhere.body(to.to_owned()).unwrap()]);
    let request = footage(SERIAL);
    let destination = bucket.url();
    let refused = world
        .host
        .save_clip(world.variables(), &request, &destination);
    let refused = refused.await.unwrap_err();

    let instance = world.host.instance(world.variables()).await.unwrap();

    let token = clip.url.expose().rsplit('/').next().unwrap();
    // wasmtime's own account of the guest's calls, of which the crate's documentation warns.
    let is_account = |line: &&str| line.contains("wit-bindgen import{");
    let log = log.text();
    let log = log.lines().filter(|line| !is_account(line));
    let log = log.collect::<Vec<_>>().join("\n");
    let all = format!(
        "{log}{clip:?}{error}{error:?}{echoed}{echoed:?}{refused}{refused:?}{:?}{instance:?}",
        world.host
    );
    assert!(log.contains("127.0.0.1"), "nothing was logged");
    assert!(
        token.len() > 8 && !all.contains(token),
        "the clip's URL is printed"
    );
    assert!(!all.contains(SIGNATURE), "the destination's URL is printed");
    assert!(!all.contains(key), "the API key is printed");
}
