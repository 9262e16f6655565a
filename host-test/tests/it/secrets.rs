//! The API key and the clip's URL are in no log, error or `Debug` output.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use meraki_mock::{MockConfig, Redirect, Scripted};
use mv_clip_host::{ApiKey, CallError, Clip, ClipRequest, KeyMode};
use tempfile::TempDir;
use tokio::time::sleep;
use tracing::Level;

use crate::evidence;
use crate::outbound::{allowing, request, tls};
use crate::support::{HOST, Log, SERIAL, World, component_file, footage, load, tenant};
use crate::transfer::bucket::{Act, Bucket, SIGNATURE};
use crate::transfer::destinations::forbidden;

fn token_of(clip: &Clip) -> &str {
    clip.url.expose().rsplit('/').next().unwrap()
}

/// The clips of the functions for many clips.
async fn many(world: &World) -> Vec<Clip> {
    let (host, settings) = (&world.host, world.settings());
    let ClipRequest { end, .. } = footage(SERIAL);
    let serials = [SERIAL.to_owned(), "Q2XX-NONE-0000".to_owned()];
    let range = host.get_range(settings, &footage(SERIAL)).await.unwrap();
    let coverage = host.get_coverage(settings, &serials, &end, Some(60));
    let outcomes = range.into_iter().chain(coverage.await.unwrap());
    let clips = outcomes.filter_map(|outcome| outcome.outcome.ok());
    let incident = host.get_incident(settings, SERIAL, &end, None, None);
    clips.chain([incident.await.unwrap()]).collect()
}

/// On one thread, so that all events go to the subscriber of this test.
#[tokio::test(flavor = "current_thread")]
async fn are_in_no_log_at_the_most_verbose_level() {
    let log = Log::default();
    let _guard = log.collect(Level::TRACE);

    let key = "5ec2e7-0f-s0mebody";
    let config = MockConfig::default().key(key).redirect(Redirect::SamePort);
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
    world.fetch(&clip.url).await.unwrap();

    // Both servers echo the request, as some real ones do.
    let (bucket, to) = (
        Bucket::new([Act::Answer(forbidden()), Act::StallAfter(1)]).await,
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
        .save_clip(world.settings(), &request, &destination);
    let refused = refused.await.unwrap_err();

    // A separate host, because a shutdown affects all users of a host.
    let policy = world.host.policy().clone();
    let host = tenant(load(&component_file()).tenant().policy(policy));
    let cut = host.save_clip(world.settings(), &request, &destination);
    let shut_down = async {
        while bucket.puts().len() < 2 {
            sleep(Duration::from_millis(10)).await;
        }
        host.shut_down(Duration::ZERO).await
    };
    let (cut, shutdown) = tokio::join!(cut, shut_down);
    let cut = cut.unwrap_err();
    assert!(matches!(cut, CallError::ShuttingDown), "{cut:?}");

    let instance = world.host.instance(world.settings()).await.unwrap();

    let saved = world
        .host
        .save_clip(world.settings(), &request, &destination);
    let saved = saved.await.unwrap();
    let many = many(&world).await;
    let folder = TempDir::new().unwrap();
    let evidence = evidence::save(&world, &folder, &[request]).await;
    assert!(evidence.failures.is_empty(), "{evidence:?}");

    let token = token_of(&clip);
    let log = log.text();
    let all = format!(
        "{log}{clip:?}{error}{error:?}{echoed}{echoed:?}{refused}{refused:?}{cut}{cut:?}\
         {shutdown:?}{host:?}{:?}{instance:?}{saved:?}{many:?}{evidence:?}",
        world.host
    );
    assert!(log.contains("127.0.0.1"), "nothing was logged");
    for token in [token, token_of(&saved.clip)]
        .into_iter()
        .chain(many.iter().map(token_of))
    {
        let is_printed = token.len() <= 8 || all.contains(token);
        assert!(!is_printed, "the clip's URL is printed");
    }
    assert!(!all.contains(SIGNATURE), "the destination's URL is printed");
    assert!(!all.contains(key), "the API key is printed");
}

/// A key that the host holds, the placeholder, and their `Debug` output.
#[tokio::test(flavor = "current_thread")]
async fn are_in_no_log_where_the_host_keeps_the_key() {
    for mode in [KeyMode::Injection, KeyMode::Placeholder] {
        let log = Log::default();
        let _guard = log.collect(Level::TRACE);
        let key = "5ec2e7-0f-s0mebody";
        let config = MockConfig::default().key(key);
        let world = World::with(config).await;
        let echo = format!("Bearer {key}");
        let host = world.host_with_key(mode);
        world.mock.script([
            Scripted::Pass,
            Scripted::error(StatusCode::UNAUTHORIZED, &echo),
        ]);
        let request = footage(SERIAL);
        host.request_clip(world.settings(), &request).await.unwrap();
        let echoed = host.request_clip(world.settings(), &request).await;
        let echoed = echoed.unwrap_err();
        let instance = host.instance(world.settings()).await.unwrap();
        let settings = world.settings();
        let kept = ApiKey::new(key).unwrap();
        let wrong = ApiKey::new("5ec2e7-0f-s0mebody\n").unwrap_err();
        let builder = HOST.tenant().key(kept.clone(), mode);
        let panicked = std::panic::catch_unwind(|| panic!("{kept:?} {wrong:?}"));
        let panicked = *panicked.unwrap_err().downcast::<String>().unwrap();
        let built = builder.build().unwrap();

        let log = log.text();
        let all = format!(
            "{log}{echoed}{echoed:?}{kept:?}{wrong}{wrong:?}{settings:?}{instance:?}{built:?}{host:?}{panicked}"
        );
        assert!(log.contains("127.0.0.1"), "nothing was logged");
        assert!(!all.contains(key), "{mode:?}: the API key is printed");
        // The placeholders of the calls, which are not known here, must be absent too.
        let longest = log.split(|c: char| !c.is_ascii_hexdigit());
        let longest = longest.map(str::len).max().unwrap_or(0);
        assert!(longest < 64, "a placeholder is logged");
    }
}

/// The logs of the HTTP client, TLS and HTTP/2.
#[tokio::test(flavor = "current_thread")]
async fn are_in_no_log_of_the_libraries() {
    let (key, token) = ("5ec2e7-0f-s0mebody", "t0ken-0f-a-clip");
    let certified = tls::certificate("127.0.0.1");
    let root = tls::file("secrets", &certified.cert.pem());
    for protocol in ["h2", "http/1.1"] {
        let server = tls::serve(&certified, &[protocol]).await;
        let origin = tls::origin(&server);
        let outbound = allowing(std::slice::from_ref(&origin)).root_certificates(&root);
        let outbound = outbound.build().unwrap();
        let mut request = request(&format!("{origin}/media/{token}"));
        let bearer = format!("Bearer {key}").parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, bearer);

        let log = Log::default();
        let guard = log.collect(Level::TRACE);
        let response = outbound.send(request, None).await.unwrap();
        response.into_body().collect().await.unwrap();
        drop(guard);
        let log = log.text();
        assert!(
            log.contains("hyper"),
            "{protocol}: nothing was logged: {log}"
        );
        for secret in [key, token] {
            assert!(!log.contains(secret), "{protocol}: {secret} is logged");
        }
    }
}
