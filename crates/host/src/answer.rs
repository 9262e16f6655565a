//! Whether a guest answers what it was asked: a clip has its camera and window in its record.

use mv_clip_core::error::Failure;
use mv_clip_core::events;
use mv_clip_core::request::ClipRequest as Footage;
use mv_clip_core::time::Timestamp;

use crate::clip::{Clip, ClipOutcome, ClipRequest};
use crate::error::CallError;

/// The footage of a request.
pub(crate) fn asked(request: &ClipRequest) -> Result<Footage, Failure> {
    let ClipRequest {
        serial,
        start,
        end,
        imager_id,
    } = request;
    Footage::parse(serial, start, end, *imager_id)
}

/// The clip, if it is of this footage. An argument that means none has no clip.
pub(crate) fn one(asked: Result<Footage, Failure>, clip: Clip) -> Result<Clip, CallError> {
    if asked.is_ok_and(|asked| is_of(&clip, &asked)) {
        Ok(clip)
    } else {
        Err(CallError::OtherClip)
    }
}

/// The outcomes, if their windows follow each other from the start of the range to its end.
pub(crate) fn range(
    request: &ClipRequest,
    outcomes: Vec<ClipOutcome>,
) -> Result<Vec<ClipOutcome>, CallError> {
    let ClipRequest {
        serial,
        start,
        end,
        imager_id,
    } = request;
    let parts = events::range(serial, start, end, *imager_id).unwrap_or_default();
    let [first, ..] = parts.as_slice() else {
        return Err(CallError::OtherClip);
    };
    let mut at = first.window.start();
    for outcome in &outcomes {
        let found = of(outcome).ok_or(CallError::OtherClip)?;
        let is_of_camera = found.serial == first.serial && found.imager_id == first.imager_id;
        if !is_of_camera || found.window.start() != at {
            return Err(CallError::OtherClip);
        }
        at = found.window.end();
    }
    let end = parts.last().map(|part| part.window.end());
    in_full(end == Some(at), outcomes)
}

/// The outcomes, if there is one for each camera, in order.
pub(crate) fn coverage(
    serials: &[String],
    at: &str,
    duration_seconds: Option<u32>,
    outcomes: Vec<ClipOutcome>,
) -> Result<Vec<ClipOutcome>, CallError> {
    let Ok(coverage) = events::coverage(serials, at, duration_seconds) else {
        return Err(CallError::OtherClip);
    };
    let asked = coverage.request_indices.iter();
    let asked = asked.map(|index| coverage.requests.get(*index));
    let answers = asked.zip(&outcomes).all(|(asked, outcome)| match asked {
        Some(Ok(asked)) => of(outcome).is_some_and(|found| found == *asked),
        _ => outcome.outcome.is_err(),
    });
    in_full(answers && outcomes.len() == serials.len(), outcomes)
}

fn in_full(is_full: bool, outcomes: Vec<ClipOutcome>) -> Result<Vec<ClipOutcome>, CallError> {
    is_full.then_some(outcomes).ok_or(CallError::OtherClip)
}

/// The footage of an outcome, if its clip is of that.
fn of(outcome: &ClipOutcome) -> Option<Footage> {
    let footage = asked(&outcome.request).ok()?;
    let clip = outcome.outcome.as_ref();
    clip.map_or(true, |clip| is_of(clip, &footage))
        .then_some(footage)
}

fn is_of(clip: &Clip, footage: &Footage) -> bool {
    let time = |text: &str| Timestamp::parse(text).ok();
    clip.serial == footage.serial.to_string()
        && clip.imager_id == footage.imager_id
        && time(&clip.start) == Some(footage.window.start())
        && time(&clip.end) == Some(footage.window.end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ClipError;

    fn minute(minute: u32) -> String {
        format!("2026-03-12T14:{minute:02}:00.000Z")
    }

    fn request(serial: &str, from: u32, to: u32) -> ClipRequest {
        ClipRequest::new(serial, minute(from), minute(to))
    }

    fn clip(request: &ClipRequest) -> Clip {
        let ClipRequest {
            serial,
            start,
            end,
            imager_id,
        } = request.clone();
        Clip {
            serial,
            imager_id,
            start,
            end,
            url: "https://h/x".to_owned().into(),
            expires_at: None,
            request_id: None,
        }
    }

    fn outcome(request: ClipRequest) -> ClipOutcome {
        let outcome = Ok(clip(&request));
        ClipOutcome { request, outcome }
    }

    const SERIAL: &str = "Q2XX-ABCD-1234";

    #[test]
    fn a_clip_is_of_the_camera_and_the_window_that_were_asked_for() {
        let wanted = ClipRequest::new(
            "q2xx-abcd-1234",
            "2026-03-12T15:10:00+01:00",
            "2026-03-12T14:12:00.0009Z",
        );
        let given = |request: &ClipRequest| one(asked(&wanted), clip(request)).is_ok();
        assert!(given(&request(SERIAL, 10, 12)));
        for other in [
            request("Q2XX-ABCD-5678", 10, 12),
            request(SERIAL, 9, 12),
            request(SERIAL, 10, 13),
            request(SERIAL, 10, 12).imager(1),
            request("", 10, 12),
            ClipRequest::new(SERIAL, "", ""),
        ] {
            assert!(!given(&other), "{other:?}");
        }
        assert!(
            one(
                asked(&request("none", 10, 12)),
                clip(&request("none", 10, 12))
            )
            .is_err()
        );
    }

    #[test]
    fn a_range_is_whole() {
        let whole = |parts: &[(&str, u32, u32)]| {
            let parts = parts.iter();
            let outcomes = parts.map(|(serial, from, to)| outcome(request(serial, *from, *to)));
            range(&request(SERIAL, 10, 20), outcomes.collect()).is_ok()
        };
        assert!(whole(&[(SERIAL, 10, 15), (SERIAL, 15, 20)]));
        // A component may cut a range in another way.
        assert!(whole(&[
            (SERIAL, 10, 13),
            (SERIAL, 13, 17),
            (SERIAL, 17, 20)
        ]));
        for parts in [
            &[][..],
            &[(SERIAL, 10, 15)],
            &[(SERIAL, 15, 20)],
            &[(SERIAL, 10, 14), (SERIAL, 15, 20)],
            &[(SERIAL, 10, 15), ("Q2XX-ABCD-5678", 15, 20)],
            &[(SERIAL, 10, 15), (SERIAL, 15, 20), (SERIAL, 20, 25)],
        ] {
            assert!(!whole(parts), "{parts:?}");
        }
        let mut other = outcome(request(SERIAL, 10, 15));
        other.outcome = Ok(clip(&request(SERIAL, 20, 25)));
        let outcomes = vec![other, outcome(request(SERIAL, 15, 20))];
        assert!(range(&request(SERIAL, 10, 20), outcomes).is_err());
    }

    #[test]
    fn a_coverage_has_an_outcome_for_each_camera() {
        let serials = [SERIAL, "none", "Q2XX-ABCD-5678"].map(str::to_owned);
        let window = |serial: &str| request(serial, 10, 12);
        let failed = ClipOutcome {
            request: window("none"),
            outcome: Err(ClipError::ExecutionFailed),
        };
        let covers = |outcomes: &[ClipOutcome]| {
            coverage(&serials, &minute(11), None, outcomes.to_vec()).is_ok()
        };
        let [first, last] = [SERIAL, "Q2XX-ABCD-5678"].map(|serial| outcome(window(serial)));
        assert!(covers(&[first.clone(), failed.clone(), last.clone()]));
        for outcomes in [
            &[][..],
            &[first.clone(), failed.clone()],
            &[last.clone(), failed.clone(), first.clone()],
            &[first.clone(), outcome(window("none")), last.clone()],
            &[
                first.clone(),
                failed.clone(),
                outcome(request("Q2XX-ABCD-5678", 10, 13)),
            ],
        ] {
            assert!(!covers(outcomes), "{outcomes:?}");
        }
    }
}
