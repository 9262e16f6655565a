use super::*;

#[test]
fn is_waited_for_within_the_deadline() {
    let call = Simulation::new()
        .started("2026-03-12T14:32:10Z")
        .run([clip()]);
    assert_eq!(call.times(), [50_000]);
}

#[test]
fn is_waited_for_if_the_window_ends_in_the_future() {
    let call = Simulation::new()
        .started("2026-03-12T14:31:30Z")
        .run([clip()]);
    assert_eq!(call.times(), [90_000]);
}

#[test]
fn is_not_waited_for_once_the_lag_is_over() {
    let call = Simulation::new()
        .started("2026-03-12T14:33:00Z")
        .run([clip()]);
    assert_eq!(call.times(), [0]);
}

#[test]
fn beyond_the_deadline_is_too_early_and_nothing_is_sent() {
    let call = Simulation::new()
        .started("2026-03-12T14:30:59.500Z")
        .run([]);
    let failure = call.transient();
    assert_eq!(failure.kind, FailureKind::TooEarly);
    assert_eq!(failure.retry_after_seconds, Some(121));
    assert_eq!(failure.attempts, 0);
    assert_eq!(
        failure.message,
        "the window ends at 2026-03-12T14:32:00.000Z, and its footage is available 60 s later \
         (MV_CLIP_LAG_SECONDS): 121 s from now, after the call's deadline of 120 s \
         (MV_CLIP_DEADLINE_SECONDS). Call again then."
    );
}

#[test]
fn at_the_deadline_is_too_early() {
    let call = Simulation::new().started("2026-03-12T14:31:00Z").run([]);
    assert_eq!(call.transient().kind, FailureKind::TooEarly);
}

#[test]
fn has_the_lag_of_the_setting() {
    let simulation = Simulation::new().set("MV_CLIP_LAG_SECONDS", "5");
    assert_eq!(
        simulation
            .started("2026-03-12T14:32:00Z")
            .run([clip()])
            .times(),
        [5_000]
    );
}

#[test]
fn that_is_not_uploaded_yet_is_retried() {
    let call = Simulation::new().started("2026-03-12T14:36:00Z").run([
        error(400, NO_VIDEO),
        error(400, NO_VIDEO),
        clip(),
    ]);
    assert_eq!(call.url(), MEDIA);
}

#[test]
fn that_does_not_arrive_in_five_attempts_is_too_early() {
    let call = Simulation::new()
        .started("2026-03-12T14:36:00Z")
        .run(five(error(400, NO_VIDEO)));
    let failure = call.transient();
    assert_eq!(failure.kind, FailureKind::TooEarly);
    assert_eq!(failure.retry_after_seconds, Some(60));
    assert_eq!((failure.status, failure.attempts), (Some(400), 5));
}

#[test]
fn that_is_not_uploaded_yet_has_a_longer_backoff() {
    let call = Simulation::new()
        .started("2026-03-12T14:36:00Z")
        .random(HALF)
        .run(five(error(400, NO_VIDEO)));
    // 2, 4, 8 and 15 s after responses that take 100 ms each.
    assert_eq!(call.times(), [0, 2_100, 6_200, 14_300, 29_400]);
}

#[test]
fn that_does_not_arrive_by_the_deadline_is_retried_after_the_lag() {
    let call = Simulation::new()
        .started("2026-03-12T14:36:00Z")
        .random(HALF)
        .set("MV_CLIP_DEADLINE_SECONDS", "2")
        .run([error(400, NO_VIDEO)]);
    assert_eq!(call.transient().retry_after_seconds, Some(60));
}

#[test]
fn is_retried_after_an_incomplete_response() {
    let mut broken = error(400, NO_VIDEO);
    broken.outcome.as_mut().unwrap().body = Err(TransportError::TimedOut);
    assert_eq!(Simulation::new().run([broken, clip()]).url(), MEDIA);
}

#[test]
fn that_is_missing_long_after_the_end_is_not_retried() {
    let call = Simulation::new()
        .started("2026-03-12T14:38:00Z")
        .run([error(400, NO_VIDEO)]);
    let failure = call.permanent();
    assert_eq!(
        (failure.kind, failure.status),
        (FailureKind::Rejected, Some(400))
    );
    assert!(
        failure
            .message
            .contains("the window lies outside its retention")
    );
}

#[test]
fn is_retried_for_five_minutes_and_the_lag() {
    let missing = |started| {
        Simulation::new()
            .started(started)
            .set("MV_CLIP_MAX_ATTEMPTS", "1")
            .run([error(400, NO_VIDEO)])
    };
    // The response arrives 100 ms later.
    let recent = missing("2026-03-12T14:37:59.899Z");
    assert_eq!(recent.transient().kind, FailureKind::TooEarly);
    let old = missing("2026-03-12T14:37:59.900Z");
    assert_eq!(old.permanent().kind, FailureKind::Rejected);
}

#[test]
fn before_the_retention_is_rejected_and_nothing_is_sent() {
    let simulation = || Simulation::new().set("MV_CLIP_RETENTION_DAYS", "30");
    assert_eq!(
        simulation()
            .started("2026-04-11T14:30:00Z")
            .run([clip()])
            .times(),
        [0]
    );
    let call = simulation().started("2026-04-11T14:30:00.001Z").run([]);
    let failure = call.permanent();
    assert_eq!(
        (failure.kind, failure.attempts),
        (FailureKind::OutsideRetention, 0)
    );
    assert!(failure.message.contains("before the 30 d"), "{failure}");
}
