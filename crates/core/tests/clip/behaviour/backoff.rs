use super::*;

#[test]
fn doubles_from_half_a_second() {
    let call = Simulation::new().random(HALF).run(five(error(500, "x")));
    // 250, 500, 1,000 and 2,000 ms after responses that take 100 ms each.
    assert_eq!(call.times(), [0, 350, 950, 2_050, 4_150]);
}

#[test]
fn doubles_from_a_second_after_429() {
    let call = Simulation::new().random(HALF).run(five(error(429, "x")));
    assert_eq!(call.times(), [0, 600, 1_700, 3_800, 7_900]);
}

#[test]
fn is_at_least_retry_after() {
    let call = Simulation::new().run([retry_after(429, "20"), clip()]);
    assert_eq!(call.times(), [0, 20_100]);
    let call = Simulation::new()
        .random(MOST)
        .run([retry_after(503, "20"), clip()]);
    assert_eq!(call.times(), [0, 22_099]);
}

#[test]
fn takes_a_date() {
    let call = Simulation::new().run([retry_after(429, "Thu, 12 Mar 2026 15:00:20 GMT"), clip()]);
    assert_eq!(call.times(), [0, 20_000]);
}

#[test]
fn ignores_an_invalid_header() {
    let call = Simulation::new()
        .random(HALF)
        .run([retry_after(429, "soon"), clip()]);
    assert_eq!(call.times(), [0, 600]);
}

#[test]
fn past_the_deadline_ends_the_call_now() {
    let call = Simulation::new().run([retry_after(429, "300")]);
    let failure = call.transient();
    assert_eq!(
        (failure.kind, failure.attempts),
        (FailureKind::RateLimited, 1)
    );
    assert_eq!(failure.retry_after_seconds, Some(300));
    assert_eq!(call.took, Duration::from_millis(100));
    assert!(
        failure
            .message
            .contains("after the call's deadline of 120 s"),
        "{failure}"
    );
}

#[test]
fn at_the_deadline_ends_the_call_now() {
    let at_once = Exchange {
        takes: Duration::ZERO,
        ..retry_after(429, "120")
    };
    let call = Simulation::new().run([at_once]);
    assert_eq!(call.transient().retry_after_seconds, Some(120));
    assert_eq!(call.took, Duration::ZERO);
}

#[test]
fn that_is_huge_is_reported() {
    let call = Simulation::new().run([retry_after(503, "99999999999999999999")]);
    assert_eq!(call.transient().retry_after_seconds, Some(u32::MAX));
}

#[test]
fn does_not_follow_the_last_attempt() {
    let call = Simulation::new()
        .set("MV_CLIP_MAX_ATTEMPTS", "2")
        .run([error(429, "x"), retry_after(429, "7")]);
    assert_eq!(call.times(), [0, 200]);
    assert_eq!(call.took, Duration::from_millis(300));
    assert_eq!(call.transient().retry_after_seconds, Some(7));
}

#[test]
fn keeps_the_pace() {
    let call = Simulation::new()
        .set("MV_CLIP_REQUESTS_PER_SECOND", "1")
        .run(five(error(500, "x")));
    assert_eq!(call.times(), [0, 1_000, 2_000, 3_000, 4_000]);
}
