use super::*;

#[test]
fn applies_without_responses() {
    let call = Simulation::new().run(five(silence()).into_iter().take(4));
    // Attempts of 30 s each; the fourth has the rest.
    assert_eq!(call.times(), [0, 30_000, 60_000, 90_000]);
    assert_eq!(call.took, Duration::from_secs(120));
    let failure = call.transient();
    assert_eq!((failure.kind, failure.attempts), (FailureKind::TimedOut, 4));
}

#[test]
fn shortens_the_last_attempt() {
    let call = Simulation::new()
        .set("MV_CLIP_DEADLINE_SECONDS", "40")
        .run([silence(), silence()]);
    assert_eq!(call.sent[1].1.attempt_deadline, Duration::from_secs(40));
    assert_eq!(call.took, Duration::from_secs(40));
}

#[test]
fn counts_the_wait_for_footage() {
    let call = Simulation::new()
        .started("2026-03-12T14:31:10Z")
        .run([silence()]);
    assert_eq!(call.times(), [110_000]);
    assert_eq!(call.took, Duration::from_secs(120));
    assert_eq!(call.transient().kind, FailureKind::TimedOut);
}

#[test]
fn leaves_no_time_for_a_redirect() {
    let late = Exchange {
        takes: Duration::from_millis(1_999),
        ..redirect("/again")
    };
    let settings = || Simulation::new().set("MV_CLIP_DEADLINE_SECONDS", "2");
    let call = settings().run([late.clone(), silence()]);
    assert_eq!(call.took, Duration::from_secs(2));

    // On a busy engine time passes before the next step.
    let mut simulation = settings();
    simulation.late_by = Duration::from_millis(1);
    let call = simulation.run([late]);
    let failure = call.transient();
    assert_eq!((failure.kind, failure.attempts), (FailureKind::TimedOut, 1));
    assert!(
        failure
            .message
            .contains("left no time for a request to api.meraki.com"),
        "{failure}"
    );
}

#[test]
fn that_passes_in_a_wait_reports_the_last_failure() {
    let mut simulation = Simulation::new();
    simulation.late_by = Duration::from_secs(200);
    let failure = simulation.run([retry_after(429, "20")]);
    let failure = failure.transient();
    assert_eq!(
        (failure.kind, failure.status),
        (FailureKind::RateLimited, Some(429))
    );
    assert_eq!((failure.attempts, failure.request_id.is_some()), (1, true));
}

#[test]
fn that_passes_before_the_first_request_is_reported() {
    let mut simulation = Simulation::new().started("2026-03-12T14:32:10Z");
    simulation.late_by = Duration::from_secs(200);
    let failure = simulation.run([]);
    assert_eq!(
        (failure.transient().kind, failure.transient().attempts),
        (FailureKind::TimedOut, 0)
    );
}

#[test]
fn applies_to_redirects() {
    let slow = Exchange {
        takes: Duration::from_secs(25),
        ..redirect("https://n1.meraki.com/x")
    };
    let call = Simulation::new()
        .set("MV_CLIP_DEADLINE_SECONDS", "60")
        .run([slow.clone(), slow.clone(), slow]);
    assert_eq!(call.took, Duration::from_secs(60));
    assert_eq!(call.transient().kind, FailureKind::TimedOut);
}
