//! The component of the world `clips-only`: what it does, and what the host says of what it does not.

use mv_clip_host::{CallError, FailureKind};

use crate::support::{SERIAL, World, clips_only_file, footage, load, permanent};

/// A mock, and a host with the small component that may reach it.
async fn world() -> World {
    let mut world = World::new().await;
    let outbound = world.host.outbound().clone();
    world.host = load(&clips_only_file()).with_outbound(outbound);
    world
}

#[tokio::test]
async fn it_gets_a_clip() {
    let world = world().await;
    let request = footage(SERIAL);
    let clip = world.request(&request).await.unwrap();
    assert_eq!((&clip.start, &clip.end), (&request.start, &request.end));
    let variables = world.variables();
    let url = world
        .host
        .get_clip(variables, SERIAL, &request.start, &request.end)
        .await
        .unwrap();
    assert!(url.expose().starts_with(&world.origin()));
    assert_eq!(world.statuses(), [Some(200), Some(200)]);
}

#[tokio::test]
async fn it_refuses_what_the_other_refuses() {
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
async fn a_call_of_what_it_lacks_says_which_component_has_it() {
    let world = world().await;
    let (host, variables) = (&world.host, world.variables());
    let request = footage(SERIAL);
    let (at, serials) = (request.end.as_str(), [SERIAL.to_owned()]);
    let range = host.get_range(variables, &request).await.map(drop);
    let incident = host.get_incident(variables, SERIAL, at, None, None).await;
    let coverage = host.get_coverage(variables, &serials, at, None).await;
    let saved = host.save_clip(variables, &request, "https://host/").await;
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
