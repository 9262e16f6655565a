//! The component of the world `clips-only`: its functions, and the errors for missing ones.

use mv_clip_host::{CallError, FailureKind};

use crate::support::{SERIAL, World, clips_only_file, footage, load, permanent, tenant};

/// A mock, and a host with the smaller component that may reach it.
async fn world() -> World {
    let mut world = World::new().await;
    let policy = world.host.policy().clone();
    world.host = tenant(load(&clips_only_file()).tenant().policy(policy));
    world
}

#[tokio::test]
async fn it_gets_a_clip() {
    let world = world().await;
    let request = footage(SERIAL);
    let clip = world.request(&request).await.unwrap();
    assert_eq!((&clip.start, &clip.end), (&request.start, &request.end));
    let settings = world.settings();
    let url = world
        .host
        .get_clip(settings, SERIAL, &request.start, &request.end)
        .await
        .unwrap();
    assert!(url.expose().starts_with(&world.origin()));
    assert_eq!(world.statuses(), [Some(200), Some(200)]);
}

#[tokio::test]
async fn it_rejects_the_same_input_as_the_full_component() {
    let world = world().await;
    let failure = permanent(
        world.request(&footage("Q2XX")).await,
        FailureKind::InvalidSerial,
    );
    assert_eq!(failure.attempts, 0);
    let failure = permanent(
        world.request(&footage("Q2MV-NONE-0001")).await,
        FailureKind::NotFound,
    );
    assert_eq!(failure.status, Some(404));
}

#[tokio::test]
async fn a_missing_function_names_the_component_that_has_it() {
    let world = world().await;
    let (host, settings) = (&world.host, world.settings());
    let request = footage(SERIAL);
    let (at, serials) = (request.end.as_str(), [SERIAL.to_owned()]);
    let range = host.get_range(settings, &request).await.map(drop);
    let incident = host.get_incident(settings, SERIAL, at, None, None).await;
    let coverage = host.get_coverage(settings, &serials, at, None).await;
    let saved = host.save_clip(settings, &request, "https://host/").await;
    for (result, interface) in [
        (range, "events"),
        (incident.map(drop), "events"),
        (coverage.map(drop), "events"),
        (saved.map(drop), "transfer"),
    ] {
        let error = result.unwrap_err();
        assert!(
            matches!(error, CallError::NotExported(name) if name == interface),
            "{error}"
        );
        assert_eq!(
            error.to_string(),
            format!(
                "this component has no interface meraki-mv:clips/{interface}; load one of the world \
                 clip-plugin, such as mv-clip.wasm"
            )
        );
    }
    assert!(world.statuses().is_empty());
}
