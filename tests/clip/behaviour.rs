//! Each rule of "behaviour of one clip", once.

use std::time::Duration;

use mv_clip::api::TransportError;
use mv_clip::error::FailureKind;

use crate::simulation::*;

/// The largest jitter.
const MOST: u64 = u64::MAX;
/// Half of the largest jitter.
const HALF: u64 = 1 << 63;

const NO_VIDEO: &str = "No video for specified timestamp";

fn five(exchange: Exchange) -> [Exchange; 5] {
    std::array::from_fn(|_| exchange.clone())
}

#[test]
fn a_clip_at_the_first_attempt() {
    let call = Simulation::new().run([clip()]);
    assert_eq!(call.url(), MEDIA);
    assert_eq!(call.times(), [0]);
    let request = &call.sent[0].1;
    assert_eq!(
        request.url.expose(),
        "https://api.meraki.com/api/v1/devices/Q2XX-ABCD-1234/camera/clip\
         ?startTimestamp=2026-03-12T14:30:00.000Z&endTimestamp=2026-03-12T14:32:00.000Z"
    );
    assert_eq!(
        request.api_key.as_ref().unwrap().authorization(),
        format!("Bearer {KEY}")
    );
}

#[test]
fn without_a_key_the_host_adds_it() {
    let mut simulation = Simulation::new();
    simulation.variables.clear();
    assert_eq!(simulation.run([clip()]).sent[0].1.api_key, None);
}

#[test]
fn the_expiry_is_handed_on() {
    let body = format!(r#"{{"url":"{MEDIA}","expiry":"until 2026-03-12T16:00:00Z."}}"#);
    let call = Simulation::new().run([reply(202, &body)]);
    let expires_at = call.result.unwrap().expires_at.unwrap();
    assert_eq!(expires_at.to_string(), "2026-03-12T16:00:00.000Z");
}

mod footage {
    use super::*;

    #[test]
    fn is_waited_for_within_the_deadline() {
        let call = Simulation::new()
            .started("2026-03-12T14:32:10Z")
            .run([clip()]);
        assert_eq!(call.times(), [50_000]);
    }

    #[test]
    fn is_waited_for_by_an_alert_with_post_roll() {
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
    fn that_is_not_uploaded_yet_is_asked_for_again() {
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
    fn that_is_not_uploaded_yet_is_given_time() {
        let call = Simulation::new()
            .started("2026-03-12T14:36:00Z")
            .random(HALF)
            .run(five(error(400, NO_VIDEO)));
        // 2, 4, 8 and 15 s after replies that take 100 ms each.
        assert_eq!(call.times(), [0, 2_100, 6_200, 14_300, 29_400]);
    }

    #[test]
    fn that_does_not_arrive_by_the_deadline_is_worth_another_try_after_the_lag() {
        let call = Simulation::new()
            .started("2026-03-12T14:36:00Z")
            .random(HALF)
            .set("MV_CLIP_DEADLINE_SECONDS", "2")
            .run([error(400, NO_VIDEO)]);
        assert_eq!(call.transient().retry_after_seconds, Some(60));
    }

    #[test]
    fn that_may_be_missing_in_a_reply_that_broke_off_is_asked_for_again() {
        let mut broken = error(400, NO_VIDEO);
        broken.outcome.as_mut().unwrap().body = Err(TransportError::TimedOut);
        assert_eq!(Simulation::new().run([broken, clip()]).url(), MEDIA);
    }

    #[test]
    fn that_is_missing_long_after_the_end_is_missing_for_good() {
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
    fn before_the_retention_is_refused_and_nothing_is_sent() {
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
        assert!(failure.message.contains("before the 30 days"), "{failure}");
    }
}

mod attempts {
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
    fn are_as_many_as_the_setting_says() {
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
    fn are_not_repeated_for_an_unknown_server_error_that_may_pass_later() {
        let failure = Simulation::new().run([error(522, "x")]);
        assert_eq!(failure.transient().kind, FailureKind::Unavailable);
    }

    #[test]
    fn tell_the_last_failure() {
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
}

mod backoff {
    use super::*;

    #[test]
    fn doubles_from_half_a_second() {
        let call = Simulation::new().random(HALF).run(five(error(500, "x")));
        // 250, 500, 1,000 and 2,000 ms after replies that take 100 ms each.
        assert_eq!(call.times(), [0, 350, 950, 2_050, 4_150]);
    }

    #[test]
    fn doubles_from_a_second_after_429() {
        let call = Simulation::new().random(HALF).run(five(error(429, "x")));
        assert_eq!(call.times(), [0, 600, 1_700, 3_800, 7_900]);
    }

    #[test]
    fn is_the_least_that_the_server_asks_for() {
        let call = Simulation::new().run([retry_after(429, "20"), clip()]);
        assert_eq!(call.times(), [0, 20_100]);
        let call = Simulation::new()
            .random(MOST)
            .run([retry_after(503, "20"), clip()]);
        assert_eq!(call.times(), [0, 22_099]);
    }

    #[test]
    fn takes_a_date() {
        let call =
            Simulation::new().run([retry_after(429, "Thu, 12 Mar 2026 15:00:20 GMT"), clip()]);
        assert_eq!(call.times(), [0, 20_000]);
    }

    #[test]
    fn passes_over_a_malformed_header() {
        let call = Simulation::new()
            .random(HALF)
            .run([retry_after(429, "soon"), clip()]);
        assert_eq!(call.times(), [0, 600]);
    }

    #[test]
    fn that_does_not_fit_ends_the_call_now() {
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
    fn that_is_absurd_is_told_as_it_is() {
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
}

mod deadline {
    use super::*;

    #[test]
    fn holds_against_silence() {
        let call = Simulation::new().run(five(silence()).into_iter().take(4));
        // Attempts of 30 s each, and the least pause between them; the fourth gets what is left.
        assert_eq!(call.times(), [0, 30_000, 60_000, 90_000]);
        assert_eq!(call.took, Duration::from_secs(120));
        let failure = call.transient();
        assert_eq!((failure.kind, failure.attempts), (FailureKind::TimedOut, 4));
    }

    #[test]
    fn cuts_the_last_attempt_short() {
        let call = Simulation::new()
            .set("MV_CLIP_DEADLINE_SECONDS", "40")
            .run([silence(), silence()]);
        assert_eq!(call.sent[1].1.give_up_at, Duration::from_secs(40));
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

        // The clock of a busy engine goes on by itself.
        let mut simulation = settings();
        simulation.late_by = Duration::from_millis(1);
        let call = simulation.run([late]);
        let failure = call.transient();
        assert_eq!((failure.kind, failure.attempts), (FailureKind::TimedOut, 1));
        assert!(
            failure
                .message
                .contains("left no time to ask api.meraki.com"),
            "{failure}"
        );
    }

    #[test]
    fn that_passes_in_a_wait_leaves_the_last_failure_as_it_was() {
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
    fn that_passes_before_the_first_request_says_so() {
        let mut simulation = Simulation::new().started("2026-03-12T14:32:10Z");
        simulation.late_by = Duration::from_secs(200);
        let failure = simulation.run([]);
        assert_eq!(
            (failure.transient().kind, failure.transient().attempts),
            (FailureKind::TimedOut, 0)
        );
    }

    #[test]
    fn holds_on_redirects() {
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
}

mod redirects {
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
    fn are_counted_anew_by_each_attempt_which_starts_at_the_base_url() {
        let hop = || redirect("https://n7.meraki.com/x");
        let call =
            Simulation::new().run([hop(), hop(), error(503, "x"), hop(), hop(), hop(), clip()]);
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
    fn are_named_where_their_target_fails() {
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
    fn to_a_foreign_host_are_refused_by_its_name() {
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
}

mod words {
    use super::*;

    #[test]
    fn never_hold_the_key() {
        let echo = format!("bad header: Bearer {KEY}");
        let call = Simulation::new().run([error(401, &echo)]);
        let failure = call.permanent();
        assert!(
            !format!("{call:?}").contains(KEY) || failure.message.contains(KEY),
            "{call:?}"
        );
        assert!(
            failure
                .message
                .ends_with("Meraki says: \"bad header: Bearer (API key)\".")
        );
    }

    #[test]
    fn never_hold_the_key_of_a_host_that_is_named_after_it() {
        let shard = format!("https://{KEY}.meraki.com/x");
        let call = Simulation::new().run([redirect(&shard), reply(404, "")]);
        let message = &call.permanent().message;
        assert!(
            message.contains("that (API key).meraki.com is its region"),
            "{message}"
        );
    }

    #[test]
    fn never_hold_the_clip_url() {
        let call = Simulation::new().run([clip()]);
        assert!(!format!("{:?}", call.result).contains("t0ken"));
    }

    #[test]
    fn survive_any_body() {
        for body in ["<html>\u{0}</html>", "{\"errors\":7}", "", "\u{202e}"] {
            let call = Simulation::new().run([reply(404, body)]);
            assert!(
                call.permanent().message.ends_with("is its region."),
                "{body}"
            );
        }
    }
}
