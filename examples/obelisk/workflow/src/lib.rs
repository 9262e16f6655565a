//! A durable workflow that saves the clips of a motion alert in object storage.
//!
//! Obelisk records each step. If a node fails, another node replays the recorded steps and continues from there.

mod engine;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

#[expect(unsafe_code, reason = "generated from wit/")]
mod bindings {
    wit_bindgen::generate!({ generate_all });
    export!(Workflow with_types_in self);
    use super::Workflow;
}

use bindings::example::pace_obelisk_ext::turns::{reserve_get, reserve_submit};
use bindings::example::storage_obelisk_ext::destinations::{presign_get, presign_submit};
use bindings::exports::example::incident::incidents::{CameraClip, Guest, KeptClip, MotionAlert};
use bindings::meraki_mv::clips::transfer::SavedClip;
use bindings::meraki_mv::clips::types::{ClipError, ClipRequest};
use bindings::meraki_mv::clips_obelisk_ext::transfer::{save_clip_get, save_clip_submit};
use bindings::obelisk::workflow::workflow_support::join_set_create;

struct Workflow;

/// The length of the clip before and after the motion.
const ROLL: TimeDelta = TimeDelta::seconds(30);

/// How long after its recording footage becomes available.
const LAG: TimeDelta = TimeDelta::seconds(60);

/// How many times a clip is requested if it may succeed later. With the pauses, this takes about four hours.
const ROUNDS: u32 = 10;

/// The shortest pause before a retry, in seconds. It doubles with each round, up to an hour.
const PAUSE: u32 = 60;
const LONGEST_PAUSE: u32 = 3600;

/// One camera, and the last result for its clip.
struct Camera {
    serial: String,
    object: String,
    outcome: Result<SavedClip, ClipError>,
}

impl Guest for Workflow {
    fn keep(alert: MotionAlert, serials: Vec<String>) -> Result<Vec<CameraClip>, String> {
        let at = DateTime::parse_from_rfc3339(&alert.occurred_at)
            .map_err(|_| {
                format!(
                    "{} is not an RFC 3339 time with an offset or Z",
                    alert.occurred_at
                )
            })?
            .to_utc();
        for name in serials.iter().chain([&alert.id]) {
            check_name(name)?;
        }
        // The workflow waits, and not the component, because a workflow that waits is only a row in the database.
        engine::sleep_until(at + ROLL + LAG)?;

        let camera = |serial| Camera {
            object: format!("{}/{serial}.ts", alert.id),
            serial,
            outcome: Err(ClipError::ExecutionFailed),
        };
        let mut cameras: Vec<_> = serials.into_iter().map(camera).collect();
        for round in 0..ROUNDS {
            let pauses = cameras
                .iter()
                .filter_map(|camera| camera.retry_delay(round));
            let Some(pause) = pauses.max() else { break };
            engine::sleep_for(pause)?;
            let left = cameras.iter_mut();
            let left = left.filter(|camera| camera.retry_delay(round).is_some());
            save(&alert.organisation, at, left.collect())?;
        }
        Ok(cameras.into_iter().map(Camera::kept).collect())
    }
}

/// Saves the clips of `cameras`, each in its own turn.
fn save(organisation: &str, at: DateTime<Utc>, cameras: Vec<&mut Camera>) -> Result<(), String> {
    let count = u32::try_from(cameras.len()).map_err(|error| error.to_string())?;
    let turns = engine::result_of(|set| reserve_submit(set, organisation, count), reserve_get)?;
    let objects: Vec<_> = cameras.iter().map(|camera| camera.object.clone()).collect();
    let destinations = engine::result_of(|set| presign_submit(set, &objects), presign_get)?;
    if turns.len() != cameras.len() || destinations.len() != cameras.len() {
        return Err(
            "the numbers of turns and destinations differ from the number of cameras".to_owned(),
        );
    }

    let set = join_set_create();
    let mut submitted = Vec::new();
    for ((camera, destination), turn) in cameras.into_iter().zip(destinations).zip(turns) {
        engine::sleep_until(time(turn)?)?;
        let request = ClipRequest {
            serial: camera.serial.clone(),
            start: text(at - ROLL),
            end: text(at + ROLL),
            imager_id: None,
        };
        submitted.push((camera, save_clip_submit(&set, &request, &destination)));
    }
    engine::wait_for(&set, submitted.len())?;
    for (camera, id) in submitted {
        camera.outcome = save_clip_get(&id).map_err(engine::lost)?;
    }
    Ok(())
}

impl Camera {
    /// The pause before the clip is requested in this `round`, in seconds. None if a request cannot help.
    fn retry_delay(&self, round: u32) -> Option<u32> {
        match &self.outcome {
            Ok(_) | Err(ClipError::Permanent(_)) => None,
            Err(ClipError::Transient(failure)) => {
                let pause = PAUSE << round.saturating_sub(1);
                let retry_after = failure.retry_after_seconds.unwrap_or_default();
                Some(retry_after.max(pause.min(LONGEST_PAUSE)))
            }
            // The node failed, not the request.
            Err(ClipError::ExecutionFailed) => Some(0),
        }
    }

    /// Converts to the workflow's result. It leaves out the clip's URL, which is a secret.
    fn kept(self) -> CameraClip {
        let outcome = match self.outcome {
            Ok(saved) => Ok(KeptClip {
                object: self.object,
                bytes: saved.bytes,
                sha256: saved.sha256,
            }),
            Err(ClipError::Permanent(failure) | ClipError::Transient(failure)) => {
                Err(failure.message)
            }
            Err(ClipError::ExecutionFailed) => Err("no node completed the call".to_owned()),
        };
        CameraClip {
            serial: self.serial,
            outcome,
        }
    }
}

/// Alerts are untrusted. The name of an object must not lead out of the alert's folder or out of the bucket.
fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(format!(
            "{name:?} cannot be part of an object's name: use letters, digits, - and _"
        ));
    }
    Ok(())
}

fn time(milliseconds: u64) -> Result<DateTime<Utc>, String> {
    i64::try_from(milliseconds)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .ok_or_else(|| format!("{milliseconds} ms since 1970 is not a valid time"))
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
