//! Ranges, incidents and coverage, end to end.

use std::time::{Duration, Instant};

use chrono::{SecondsFormat, TimeDelta, Utc};
use meraki_mock::{Camera, MockConfig};
use mv_clip_host::{CallError, Clip, ClipError, ClipOutcome, ClipRequest, FailureKind};

use crate::simulated::{STEP, Simulated};
use crate::support::{SERIAL, World, footage, permanent};

fn ago(minutes: i64) -> String {
    (Utc::now() - TimeDelta::minutes(minutes)).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn cameras(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("Q2MV-{n:04}-0000")).collect()
}

async fn world(cameras: &[String], latency: Duration) -> World {
    let cameras = cameras.iter().map(Camera::new).collect();
    World::with(MockConfig::default().cameras(cameras).latency(latency)).await
}

fn clips(outcomes: &[ClipOutcome]) -> Vec<&Clip> {
    outcomes
        .iter()
        .filter_map(|outcome| outcome.outcome.as_ref().ok())
        .collect()
}

async fn range(world: &World, start: &str, end: &str) -> Vec<ClipOutcome> {
    let request = ClipRequest {
        serial: SERIAL.to_owned(),
        start: start.to_owned(),
        end: end.to_owned(),
        imager_id: None,
    };
    let range = world.host.get_range(world.settings(), &request);
    range.await.unwrap()
}

#[tokio::test]
async fn a_range_is_consecutive_clips() {
    let world = World::new().await;
    let (start, end) = (ago(60), ago(30));
    let outcomes = range(&world, &start, &end).await;
    let clips = clips(&outcomes);
    assert_eq!((outcomes.len(), clips.len()), (6, 6));
    assert_eq!((&clips[0].start, &clips[5].end), (&start, &end));
    for pair in clips.windows(2) {
        assert_eq!(pair[0].end, pair[1].start);
    }
}

#[tokio::test]
async fn a_rejected_window_does_not_affect_the_others() {
    // The first of four windows is before the mock's retention.
    let retention = Duration::from_secs(62 * 60);
    let world = World::with(MockConfig::default().retention(retention)).await;
    let outcomes = range(&world, &ago(65), &ago(45)).await;
    assert_eq!((outcomes.len(), clips(&outcomes).len()), (4, 3));
    let Err(ClipError::Permanent(failure)) = &outcomes[0].outcome else {
        panic!("{outcomes:?}")
    };
    assert_eq!(
        (failure.kind, failure.status),
        (FailureKind::Rejected, Some(400))
    );
    assert_eq!(outcomes[0].request.end, outcomes[1].request.start);
}

#[tokio::test]
async fn invalid_arguments_and_settings_fail_the_whole_call() {
    let world = World::new().await;
    let day = ClipRequest {
        serial: SERIAL.into(),
        start: "2026-03-12T00:00:00Z".into(),
        end: "2026-03-13T00:00:00.001Z".into(),
        imager_id: None,
    };
    permanent(
        world.host.get_range(world.settings(), &day).await,
        FailureKind::InvalidWindow,
    );
    let coverage = world
        .host
        .get_coverage(world.settings(), &cameras(101), &ago(9), None)
        .await;
    permanent(coverage, FailureKind::InvalidSerial);
    let incident = world
        .host
        .get_incident(world.settings(), SERIAL, "noon", None, None)
        .await;
    permanent(incident, FailureKind::InvalidTime);
    let world = world.set("MV_CLIP_MAX_ATTEMPTS", "many");
    let coverage = world
        .host
        .get_coverage(world.settings(), &cameras(2), &ago(9), None)
        .await;
    permanent(coverage, FailureKind::InvalidSetting);
    assert!(world.mock.requests().is_empty());
}

#[tokio::test]
async fn an_incident_waits_for_its_footage() {
    let config = MockConfig::default().lag(Duration::from_secs(1));
    let world = World::with(config).await.set("MV_CLIP_LAG_SECONDS", "1");
    let started = Instant::now();
    let at = ago(0);
    let clip = world
        .host
        .get_incident(world.settings(), SERIAL, &at, Some(5), Some(1))
        .await;
    assert_eq!(clip.unwrap().serial, SERIAL);
    assert!(
        started.elapsed() >= Duration::from_millis(1_900),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(world.statuses(), [Some(200)]);
}

#[tokio::test]
async fn eight_cameras_at_five_a_second_are_in_flight_together() {
    let _time = Simulated::time();
    let cameras = cameras(8);
    let world = world(&cameras, Duration::from_secs(1)).await;
    let started = tokio::time::Instant::now();
    let outcomes = world
        .host
        .get_coverage(world.settings(), &cameras, &ago(9), None)
        .await
        .unwrap();
    let took = started.elapsed();
    assert_eq!(clips(&outcomes).len(), 8);
    assert!(!world.statuses().contains(&Some(429)));
    // The last request is sent after 7/5 s. In sequence the requests would take 8 s.
    let least = Duration::from_millis(2_400);
    assert!((least..least + 20 * STEP).contains(&took), "{took:?}");
}

#[tokio::test]
async fn outcomes_keep_argument_order_and_each_camera_is_requested_once() {
    let world = World::new().await;
    let serials = [
        SERIAL,
        "Q2XX-NONE-0000",
        "bad",
        "q2mv-mock-0001",
        "Q2MV-MOCK-0000",
    ];
    let serials = serials.map(str::to_owned);
    let outcomes = world
        .host
        .get_coverage(world.settings(), &serials, &ago(9), Some(60))
        .await
        .unwrap();
    let asked: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.request.serial.as_str())
        .collect();
    assert_eq!(
        asked,
        [SERIAL, "Q2XX-NONE-0000", "bad", SERIAL, "Q2MV-MOCK-0000"]
    );
    let kinds: Vec<_> = outcomes
        .into_iter()
        .map(|o| o.outcome.map_err(CallError::Clip))
        .collect();
    let [first, none, bad, again, offline] = kinds.try_into().unwrap();
    assert_eq!(first.unwrap().url.expose(), again.unwrap().url.expose());
    permanent(none, FailureKind::NotFound);
    permanent(bad, FailureKind::InvalidSerial);
    permanent(offline, FailureKind::Rejected);
    assert_eq!(world.statuses().len(), 3);
}

#[tokio::test]
async fn a_hundred_clips_stay_below_their_rate_limit() {
    let _time = Simulated::time();
    let cameras = cameras(100);
    let world = world(&cameras, Duration::ZERO)
        .await
        .set("MV_CLIP_REQUESTS_PER_SECOND", "9");
    let outcomes = world
        .host
        .get_coverage(world.settings(), &cameras, &ago(9), None)
        .await
        .unwrap();
    assert_eq!(clips(&outcomes).len(), 100);
    assert!(world.statuses().iter().all(|status| *status == Some(200)));
}

#[tokio::test]
async fn a_hundred_clips_succeed_while_another_client_uses_half_of_the_limit() {
    let _time = Simulated::time();
    let cameras = cameras(100);
    let world = world(&cameras, Duration::ZERO)
        .await
        .set("MV_CLIP_REQUESTS_PER_SECOND", "9");
    let (other_host, settings) = (world.host.clone(), world.settings().clone());
    let other = tokio::spawn(async move {
        loop {
            let window = footage("Q2XX-NONE-0000");
            let _ = other_host.request_clip(&settings, &window).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let outcomes = world
        .host
        .get_coverage(world.settings(), &cameras, &ago(9), None)
        .await
        .unwrap();
    other.abort();
    let failed = outcomes.iter().find(|outcome| outcome.outcome.is_err());
    assert!(failed.is_none(), "{failed:?}");
}
