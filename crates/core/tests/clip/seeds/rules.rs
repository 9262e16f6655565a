//! Rules that hold for each call, whatever the server does.

use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use mv_clip_core::api::Clip;
use mv_clip_core::error::{ClipError, FailureKind};
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;

use super::origin::{is_meraki, origin};
use super::server::{Meaning, Seen};
use crate::simulation::KEY;

/// The secrets in these calls: the API key, the path of a clip's URL, a part of the destination's URL.
const SECRETS: &[&str] = &[KEY, "k3y-0f", "t0ken", "s3cret"];

pub type RuleResult = Result<(), String>;

/// Returns the message as an error if the condition is false.
macro_rules! rule {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}
pub(super) use rule;

/// Rules for the requests that a call sent.
pub fn requests(
    settings: &Settings,
    started: Timestamp,
    requests: &[Option<ClipRequest>],
    seen: &[Seen],
) -> RuleResult {
    let attempts: Vec<&Seen> = seen.iter().filter(|seen| !seen.redirected).collect();
    for pair in attempts.windows(2) {
        let interval = pair[1].sent - pair[0].sent;
        rule!(
            interval >= settings.min_interval,
            "pace: {interval:?} between two attempts"
        );
    }
    for (place, one) in seen.iter().enumerate() {
        rule!(
            one.meaning != Meaning::Awaited,
            "a request without an outcome"
        );
        rule!(one.sent < settings.deadline, "sent past the deadline");
        // A late wake-up may exceed a deadline by that time, but by no more.
        let woken_for = one.back - one.late;
        rule!(
            woken_for <= settings.deadline,
            "a request past the deadline"
        );
        rule!(
            woken_for.saturating_sub(one.sent) <= settings.attempt_timeout,
            "a request past its timeout"
        );
        let window = requests[one.index].as_ref().map(|request| request.window);
        let window = window.ok_or("sent for an invalid request")?;
        let at = started + one.sent;
        rule!(
            at >= window.end() + settings.lag,
            "sent at {at}, before footage is available up to {}",
            window.end()
        );
        let retention = settings.retention.unwrap_or(Duration::MAX);
        rule!(
            started.since(window.start()) <= retention,
            "sent at {at} for deleted footage from {}",
            window.start()
        );
        rule!(
            one.has_key == settings.api_key.is_some() && key_may_go(settings, &one.url),
            "key: wrong in a request to {}",
            one.url
        );
        let wait = one.asked_for.unwrap_or_default();
        // A 429 delays all clips, any other error its own.
        let early = seen[place + 1..].iter().find(|later| {
            let held = one.status == Some(429) || later.index == one.index;
            held && !later.redirected && later.sent >= one.back && later.sent - one.back < wait
        });
        let waits = matches!(one.meaning, Meaning::Soon);
        rule!(
            !(waits && early.is_some()),
            "Retry-After: {wait:?} at {:?} was ignored: {early:?}",
            one.back
        );
        let again = seen[place + 1..]
            .iter()
            .any(|later| later.index == one.index);
        let ends = !matches!(one.meaning, Meaning::Soon | Meaning::Redirect);
        rule!(!(ends && again), "another request after {:?}", one.meaning);
    }
    Ok(())
}

/// Whether a URL may get the API key. This compares strings and shares no code with the implementation.
fn key_may_go(settings: &Settings, url: &str) -> bool {
    let base = settings.base_url.expose();
    origin(url) == origin(base) || (is_meraki(base) && is_meraki(url))
}

/// Rules for the results: one for each request, in order, that says what happened.
pub fn outcomes(
    settings: &Settings,
    requests: &[Option<ClipRequest>],
    results: &[Result<Clip, ClipError>],
    seen: &[Seen],
    (took, late): (Duration, Duration),
) -> RuleResult {
    in_time(settings, took, late)?;
    rule!(
        results.len() == requests.len(),
        "{} outcomes of {} requests",
        results.len(),
        requests.len()
    );
    let mut by_clip: HashMap<usize, Vec<&Seen>> = HashMap::new();
    for one in seen {
        by_clip.entry(one.index).or_default().push(one);
    }
    for (index, (request, result)) in requests.iter().zip(results).enumerate() {
        let own = by_clip.remove(&index).unwrap_or_default();
        hides_secrets(result)?;
        let attempts = own.iter().filter(|seen| !seen.redirected).count();
        rule!(
            attempts <= settings.max_attempts as usize,
            "clip {index}: {attempts} attempts"
        );
        let last = own.last();
        let error = match (result, last) {
            (Ok(clip), last) => {
                let url = last.map(|last| &last.meaning);
                let expected = Meaning::Clip(clip.url.expose().to_owned());
                rule!(
                    url == Some(&expected),
                    "clip {index}: not the URL of the server"
                );
                rule!(
                    request.as_ref() == Some(&clip.request),
                    "clip {index}: out of order"
                );
                continue;
            }
            (Err(error), Some(last)) => {
                rule!(
                    !matches!(last.meaning, Meaning::Clip(_)),
                    "clip {index}: its URL is missing"
                );
                error
            }
            (Err(error), None) => error,
        };
        let failure = error.failure();
        let said = failure.attempts as usize;
        rule!(
            said == attempts,
            "clip {index}: {attempts} attempts, but the result says {said}"
        );
        let seconds = failure.retry_after_seconds;
        rule!(seconds != Some(0), "clip {index}: transient without a wait");
        let permanent = matches!(error, ClipError::Permanent(_));
        rule!(
            !(permanent && seconds.is_some()),
            "clip {index}: permanent with a wait"
        );
        let meaning = last.map(|last| &last.meaning);
        match meaning {
            Some(Meaning::Never) => rule!(permanent, "clip {index}: transient by {last:?}"),
            Some(Meaning::Soon | Meaning::Later | Meaning::Redirect) => {
                rule!(
                    !permanent,
                    "clip {index}: permanent after a transient error: {last:?}"
                );
            }
            _ => {}
        }
        // Without a lag, it is not known how long footage takes.
        if failure.kind == FailureKind::TooEarly && !settings.lag.is_zero() {
            rule!(seconds.is_some(), "clip {index}: too early without a wait");
        }
        // The only clip, and out of attempts: the wait is that of the last response.
        if let Some(last) = last
            && meaning == Some(&Meaning::Soon)
            && requests.len() == 1
        {
            let asked = last.asked_for.filter(|wait| !wait.is_zero());
            let left = asked.map(|wait| (last.back + wait).saturating_sub(took));
            // A late wake-up may have covered it already.
            let enough =
                left.is_none_or(|left| Duration::from_secs(seconds.unwrap_or(0).into()) >= left);
            rule!(
                enough,
                "retry-after-seconds: {seconds:?}, but the server sent {asked:?}"
            );
            let most =
                asked.unwrap_or_default().mul_f64(1.1) + settings.lag.max(Duration::from_secs(31));
            let sane = seconds.is_none_or(|seconds| {
                Duration::from_secs(seconds.into())
                    <= most.max(settings.min_interval) + Duration::from_secs(1)
            });
            rule!(sane, "retry-after-seconds: {seconds:?} after {asked:?}");
            let in_time =
                took + Duration::from_secs(seconds.unwrap_or(0).into()) < settings.deadline;
            rule!(
                attempts == settings.max_attempts as usize || !in_time,
                "clip {index}: gave up after {attempts} attempts with time left"
            );
        }
    }
    Ok(())
}

/// A call ends by its deadline, apart from a late wake-up.
pub fn in_time(settings: &Settings, took: Duration, late: Duration) -> RuleResult {
    rule!(
        took - late <= settings.deadline,
        "deadline: {took:?} of {:?}, woke up {late:?} late",
        settings.deadline
    );
    Ok(())
}

pub fn hides_secrets(result: &(impl Debug + ?Sized)) -> RuleResult {
    let printed = format!("{result:?}");
    let shown = SECRETS.iter().find(|secret| printed.contains(**secret));
    rule!(shown.is_none(), "printed: {printed}");
    Ok(())
}
