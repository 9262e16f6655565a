use super::*;

fn hosts(call: &Call) -> Vec<&str> {
    call.sent
        .iter()
        .map(|(_, request)| request.url.host())
        .collect()
}

#[test]
fn lead_to_the_shard_with_the_key() {
    let call = Simulation::new().run([redirect("https://n7.meraki.com/api/v1/x?y"), clip()]);
    assert_eq!(call.url(), MEDIA);
    assert_eq!(hosts(&call), ["api.meraki.com", "n7.meraki.com"]);
    assert_eq!(call.sent[1].1.url.path_and_query(), "/api/v1/x?y");
    assert!(call.sent[1].1.api_key.is_some());
}

#[test]
fn are_resolved_against_the_url_that_answered() {
    let call =
        Simulation::new().run([redirect("https://n7.meraki.com/a/b"), redirect("c"), clip()]);
    assert_eq!(call.sent[2].1.url.expose(), "https://n7.meraki.com/a/c");
}

#[test]
fn are_three_at_most() {
    let hop = || redirect("/again");
    let call = Simulation::new().run([hop(), hop(), hop(), clip()]);
    assert_eq!(call.url(), MEDIA);
    let call = Simulation::new().run([hop(), hop(), hop(), hop()]);
    let failure = call.permanent();
    assert_eq!((failure.kind, failure.attempts), (FailureKind::Rejected, 1));
    assert!(
        failure.message.contains("redirects more than 3 times"),
        "{failure}"
    );
}

#[test]
fn are_counted_per_attempt() {
    let hop = || redirect("https://n7.meraki.com/x");
    let call = Simulation::new().run([hop(), hop(), error(503, "x"), hop(), hop(), hop(), clip()]);
    assert_eq!(call.url(), MEDIA);
    assert_eq!(hosts(&call)[3], "api.meraki.com");
}

#[test]
fn do_not_wait_for_the_pace() {
    let hop = || redirect("/again");
    let call = Simulation::new().run([hop(), hop(), clip()]);
    assert_eq!(call.times(), [0, 100, 200]);
}

#[test]
fn are_named_if_their_target_fails() {
    for (error, words) in [
        (
            TransportError::Denied,
            "does not let it send to n7.meraki.com",
        ),
        (TransportError::Certificate, "certificate of n7.meraki.com"),
    ] {
        let call = Simulation::new().run([redirect("https://n7.meraki.com/x"), fault(error)]);
        assert!(
            call.permanent().message.contains(words),
            "{}",
            call.permanent()
        );
    }
}

#[test]
fn to_a_foreign_host_are_rejected() {
    let call = Simulation::new().run([redirect("https://evil.com/steal?k3y")]);
    let failure = call.permanent();
    assert_eq!(
        (failure.kind, failure.status),
        (FailureKind::Rejected, Some(302))
    );
    assert_eq!(
        failure.message,
        "api.meraki.com redirects to evil.com, and the API key must not go there. Check \
         MERAKI_BASE_URL."
    );
}
