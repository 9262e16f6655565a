use super::*;

#[test]
fn are_five() {
    let call = Simulation::new().run(five(error(503, "maintenance")));
    let failure = call.transient();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_eq!((failure.status, failure.attempts), (Some(503), 5));
    assert_eq!(failure.request_id.as_deref(), Some("request-503"));
    assert_eq!(failure.retry_after_seconds, None);
    assert_eq!(
        failure.message,
        "Meraki cannot answer now (503). Try again later. Gave up after 5 attempts. Meraki \
         says: \"maintenance\"."
    );
}

#[test]
fn have_the_limit_of_the_setting() {
    let call = Simulation::new()
        .set("MV_CLIP_MAX_ATTEMPTS", "1")
        .run([error(503, "x")]);
    assert_eq!(call.transient().attempts, 1);
}

#[test]
fn are_repeated_for_these() {
    for exchange in [
        error(408, "x"),
        error(429, "x"),
        error(500, "x"),
        error(502, "x"),
        error(503, "x"),
        reply(504, "<html>gateway</html>"),
        reply(200, ""),
        reply(200, "<html>sign in</html>"),
        reply(200, r#"{"url":"http://spn49.meraki.com/x"}"#),
        fault(TransportError::Connection("refused")),
        fault(TransportError::TimedOut),
        silence(),
    ] {
        let call = Simulation::new().run([exchange.clone(), clip()]);
        assert_eq!(call.url(), MEDIA, "{exchange:?}");
    }
}

#[test]
fn are_not_repeated_for_these() {
    for (exchange, kind) in [
        (
            error(400, "Invalid timestamp format"),
            FailureKind::Rejected,
        ),
        (error(401, "Invalid API key"), FailureKind::Unauthorized),
        (error(403, "x"), FailureKind::Forbidden),
        (error(404, "x"), FailureKind::NotFound),
        (error(405, "x"), FailureKind::Rejected),
        (error(422, "x"), FailureKind::Rejected),
        (error(501, "x"), FailureKind::Unavailable),
        (reply(304, ""), FailureKind::BadResponse),
        (reply(302, ""), FailureKind::BadResponse),
        (redirect("https://evil.com/"), FailureKind::Rejected),
        (
            fault(TransportError::Certificate),
            FailureKind::ConnectionFailed,
        ),
        (fault(TransportError::Denied), FailureKind::Rejected),
    ] {
        let call = Simulation::new().run([exchange]);
        let failure = call.permanent();
        assert_eq!((failure.kind, failure.attempts), (kind, 1));
        assert_eq!(failure.retry_after_seconds, None);
    }
}

#[test]
fn are_not_repeated_for_an_unknown_server_error() {
    let failure = Simulation::new().run([error(522, "x")]);
    assert_eq!(failure.transient().kind, FailureKind::Unavailable);
}

#[test]
fn report_the_last_failure() {
    let faults = [
        error(503, "a"),
        error(429, "b"),
        fault(TransportError::TimedOut),
    ];
    let call = Simulation::new()
        .set("MV_CLIP_MAX_ATTEMPTS", "3")
        .run(faults);
    let failure = call.transient();
    assert_eq!(
        (failure.kind, failure.status),
        (FailureKind::TimedOut, None)
    );
    assert_eq!(failure.request_id, None);
}
