//! What holds of each call, whatever its server did.

use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use mv_clip_core::api::Clip;
use mv_clip_core::error::{ClipError, FailureKind};
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;

use super::server::{Fate, Seen};
use crate::simulation::KEY;

/// What is secret in these calls: the key, the path of a clip's URL, a part of the destination's.
const SECRETS: &[&str] = &[KEY, "k3y-0f", "t0ken", "s3cret"];

pub type Verdict = Result<(), String>;

/// Fails with the words where the condition does not hold.
macro_rules! rule {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err(format!($($words)+));
        }
    };
}
pub(super) use rule;

/// What holds of what was sent, for these requests by a call that started then.
pub fn requests(
    settings: &Settings,
    started: Timestamp,
    requests: &[Option<ClipRequest>],
    seen: &[Seen],
) -> Verdict {
    let attempts: Vec<&Seen> = seen.iter().filter(|seen| !seen.redirected).collect();
    for pair in attempts.windows(2) {
        let gap = pair[1].sent - pair[0].sent;
        rule!(gap >= settings.gap, "pace: {gap:?} between two attempts");
    }
    for (place, one) in seen.iter().enumerate() {
        rule!(one.fate != Fate::Awaited, "a request that nobody awaits");
        rule!(one.sent < settings.deadline, "sent past the deadline");
        // A host that wakes late is late by that, and by no more.
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
        let window = window.ok_or("sent for what is no request")?;
        let at = started + one.sent;
        rule!(
            at >= window.end() + settings.lag,
            "sent at {at}, before there is footage up to {}",
            window.end()
        );
        let retention = settings.retention.unwrap_or(Duration::MAX);
        rule!(
            started.since(window.start()) <= retention,
            "sent at {at} for footage from {} that is gone",
            window.start()
        );
        rule!(
            one.has_key == settings.api_key.is_some() && key_may_go(settings, &one.url),
            "key: it goes to {}",
            one.url
        );
        let wait = one.asked_for.unwrap_or_default();
        // A 429 holds back all, any other refusal its own clip.
        let early = seen[place + 1..].iter().find(|later| {
            let held = one.status == Some(429) || later.index == one.index;
            held && !later.redirected && later.sent >= one.back && later.sent - one.back < wait
        });
        let waits = matches!(one.fate, Fate::Soon);
        rule!(
            !(waits && early.is_some()),
            "Retry-After: asked for {wait:?} at {:?}, and yet {early:?}",
            one.back
        );
        let again = seen[place + 1..]
            .iter()
            .any(|later| later.index == one.index);
        let ends = !matches!(one.fate, Fate::Soon | Fate::Redirect);
        rule!(!(ends && again), "another request after {:?}", one.fate);
    }
    Ok(())
}

/// By the text alone, so that this shares no code with the rule that it checks.
fn key_may_go(settings: &Settings, url: &str) -> bool {
    let base = settings.base_url.expose();
    origin(url) == origin(base) || (is_meraki(base) && is_meraki(url))
}

/// Whether this is https at one of Meraki's five domains or below it.
pub fn is_meraki(url: &str) -> bool {
    const DOMAINS: [&str; 5] = [
        "meraki.com",
        "meraki.ca",
        "meraki.cn",
        "meraki.in",
        "gov-meraki.com",
    ];
    let origin = origin(url);
    let host = origin.strip_prefix("https://").unwrap_or_default();
    DOMAINS
        .iter()
        .any(|domain| host == *domain || host.ends_with(&format!(".{domain}")))
        && !host.contains(['@', ':'])
}

fn origin(url: &str) -> String {
    let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
    let origin = origin.split('?').next().unwrap_or_default();
    origin.to_ascii_lowercase()
}

/// One outcome for each request, in order, and what it says is what happened to it.
pub fn outcomes(
    settings: &Settings,
    requests: &[Option<ClipRequest>],
    results: &[Result<Clip, ClipError>],
    seen: &[Seen],
    (took, late): (Duration, Duration),
) -> Verdict {
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
                let url = last.map(|last| &last.fate);
                let expected = Fate::Clip(clip.url.expose().to_owned());
                rule!(
                    url == Some(&expected),
                    "clip {index}: another URL than was given"
                );
                rule!(
                    request.as_ref() == Some(&clip.request),
                    "clip {index}: out of order"
                );
                continue;
            }
            (Err(error), Some(last)) => {
                rule!(
                    !matches!(last.fate, Fate::Clip(_)),
                    "clip {index}: its URL is lost"
                );
                error
            }
            (Err(error), None) => error,
        };
        let failure = error.failure();
        let said = failure.attempts as usize;
        rule!(
            said == attempts,
            "clip {index}: {attempts} attempts, and it says {said}"
        );
        let seconds = failure.retry_after_seconds;
        rule!(
            seconds != Some(0),
            "clip {index}: to be tried again at once"
        );
        let permanent = matches!(error, ClipError::Permanent(_));
        rule!(
            !(permanent && seconds.is_some()),
            "clip {index}: permanent, and yet a wait"
        );
        let fate = last.map(|last| &last.fate);
        match fate {
            Some(Fate::Never) => rule!(permanent, "clip {index}: transient by {last:?}"),
            Some(Fate::Soon | Fate::Later | Fate::Redirect) => {
                rule!(
                    !permanent,
                    "clip {index}: permanent, but to be tried again: {last:?}"
                );
            }
            _ => {}
        }
        // Without a lag, nothing says how long footage takes.
        if failure.kind == FailureKind::TooEarly && !settings.lag.is_zero() {
            rule!(
                seconds.is_some(),
                "clip {index}: too early, until nobody knows when"
            );
        }
        // Alone, and out of attempts: nobody waited since, so the wait is the one asked for.
        if let Some(last) = last
            && fate == Some(&Fate::Soon)
            && requests.len() == 1
        {
            let asked = last.asked_for.filter(|wait| !wait.is_zero());
            let left = asked.map(|wait| (last.back + wait).saturating_sub(took));
            // A host that wakes late may have waited for it already.
            let enough =
                left.is_none_or(|left| Duration::from_secs(seconds.unwrap_or(0).into()) >= left);
            rule!(
                enough,
                "retry-after-seconds: {seconds:?}, but the server asks for {asked:?}"
            );
            let most =
                asked.unwrap_or_default().mul_f64(1.1) + settings.lag.max(Duration::from_secs(31));
            let sane = seconds.is_none_or(|seconds| {
                Duration::from_secs(seconds.into())
                    <= most.max(settings.gap) + Duration::from_secs(1)
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

/// A call is over by its deadline; where its host wakes late, by no more than that.
pub fn in_time(settings: &Settings, took: Duration, late: Duration) -> Verdict {
    rule!(
        took - late <= settings.deadline,
        "deadline: {took:?} of {:?}, of which {late:?} late",
        settings.deadline
    );
    Ok(())
}

pub fn hides_secrets(result: &(impl Debug + ?Sized)) -> Verdict {
    let printed = format!("{result:?}");
    let shown = SECRETS.iter().find(|secret| printed.contains(**secret));
    rule!(shown.is_none(), "printed: {printed}");
    Ok(())
}
