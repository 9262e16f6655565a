//! What holds of each call, whatever its server did.

use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use mv_clip::api::Clip;
use mv_clip::error::{ClipError, FailureKind};
use mv_clip::request::ClipRequest;
use mv_clip::settings::Settings;

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

pub fn requests(settings: &Settings, seen: &[Seen]) -> Verdict {
    let attempts: Vec<&Seen> = seen.iter().filter(|seen| !seen.redirected).collect();
    for pair in attempts.windows(2) {
        let gap = pair[1].sent - pair[0].sent;
        rule!(gap >= settings.gap, "pace: {gap:?} between two attempts");
    }
    for (place, one) in seen.iter().enumerate() {
        rule!(one.back <= settings.deadline, "a request past the deadline");
        rule!(
            one.back - one.sent <= settings.attempt_timeout,
            "a request past its timeout"
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
    let origin = |url: &str| url.split('/').take(3).collect::<Vec<_>>().join("/");
    let target = origin(url);
    let target = target.split('?').next().unwrap_or_default();
    let host = target.strip_prefix("https://").unwrap_or_default();
    let meraki = |host: &str| {
        ["com", "ca", "cn", "in"]
            .iter()
            .any(|end| host.ends_with(&format!(".meraki.{end}")))
            && !host.contains(['@', ':'])
    };
    target == origin(base) || (meraki(origin(base).trim_start_matches("https://")) && meraki(host))
}

/// One outcome for each request, in order, and what it says is what happened to it.
pub fn outcomes(
    settings: &Settings,
    requests: &[Option<ClipRequest>],
    results: &[Result<Clip, ClipError>],
    seen: &[Seen],
    took: Duration,
) -> Verdict {
    rule!(
        took <= settings.deadline,
        "deadline: {took:?} of {:?}",
        settings.deadline
    );
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
            let enough = left.is_none_or(|left| {
                seconds.is_some_and(|seconds| Duration::from_secs(seconds.into()) >= left)
            });
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

pub fn hides_secrets(result: &(impl Debug + ?Sized)) -> Verdict {
    let printed = format!("{result:?}");
    let shown = SECRETS.iter().find(|secret| printed.contains(**secret));
    rule!(shown.is_none(), "printed: {printed}");
    Ok(())
}
