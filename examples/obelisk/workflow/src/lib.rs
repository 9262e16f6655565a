//! A durable workflow: a motion alert in, clips of several cameras in object storage.
//!
//! Obelisk records each step. Where a node ends, for whatever reason, another replays what is recorded and
//! goes on from there.

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

/// On either side of the motion.
const ROLL: TimeDelta = TimeDelta::seconds(30);

/// How long after it was recorded footage can be asked for.
const LAG: TimeDelta = TimeDelta::seconds(60);

/// How often a clip is asked for: for about four hours, where it may succeed later.
const ROUNDS: u32 = 10;

/// For how many seconds a clip that may succeed later is left alone at least: each time twice as long, up to an hour.
const PAUSE: u32 = 60;
const LONGEST_PAUSE: u32 = 3600;

/// One camera, and the last that was heard of its clip.
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
                    "{} is no RFC 3339 time with an offset or Z",
                    alert.occurred_at
                )
            })?
            .to_utc();
        for name in serials.iter().chain([&alert.id]) {
            check_name(name)?;
        }
        // Here and not in the component: a workflow that waits is a row of the database, and nothing else.
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
                .filter_map(|camera| camera.again_after(round));
            let Some(pause) = pauses.max() else { break };
            engine::sleep_for(pause)?;
            let left = cameras.iter_mut();
            let left = left.filter(|camera| camera.again_after(round).is_some());
            save(&alert.organisation, at, left.collect())?;
        }
        Ok(cameras.into_iter().map(Camera::kept).collect())
    }
}

/// Has the clips of `cameras` saved, each in a turn of its own.
fn save(organisation: &str, at: DateTime<Utc>, cameras: Vec<&mut Camera>) -> Result<(), String> {
    let count = u32::try_from(cameras.len()).map_err(|error| error.to_string())?;
    let turns = engine::result_of(|set| reserve_submit(set, organisation, count), reserve_get)?;
    let objects: Vec<_> = cameras.iter().map(|camera| camera.object.clone()).collect();
    let destinations = engine::result_of(|set| presign_submit(set, &objects), presign_get)?;
    if turns.len() != cameras.len() || destinations.len() != cameras.len() {
        return Err("there is not a turn and a destination for each camera".to_owned());
    }

    let set = join_set_create();
    let mut asked = Vec::new();
    for ((camera, destination), turn) in cameras.into_iter().zip(destinations).zip(turns) {
        engine::sleep_until(time(turn)?)?;
        let request = ClipRequest {
            serial: camera.serial.clone(),
            start: text(at - ROLL),
            end: text(at + ROLL),
            imager_id: None,
        };
        asked.push((camera, save_clip_submit(&set, &request, &destination)));
    }
    engine::wait_for(&set, asked.len())?;
    for (camera, id) in asked {
        camera.outcome = save_clip_get(&id).map_err(engine::lost)?;
    }
    Ok(())
}

impl Camera {
    /// After how many seconds the clip may be asked for in this `round`, where that can help.
    fn again_after(&self, round: u32) -> Option<u32> {
        match &self.outcome {
            Ok(_) | Err(ClipError::Permanent(_)) => None,
            Err(ClipError::Transient(failure)) => {
                let pause = PAUSE << round.saturating_sub(1);
                let asked = failure.retry_after_seconds.unwrap_or_default();
                Some(asked.max(pause.min(LONGEST_PAUSE)))
            }
            // The node has ended, and not the clip.
            Err(ClipError::ExecutionFailed) => Some(0),
        }
    }

    /// What the workflow gives: not the clip's URL, which is a secret.
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
            Err(ClipError::ExecutionFailed) => Err("no node came to an end with it".to_owned()),
        };
        CameraClip {
            serial: self.serial,
            outcome,
        }
    }
}

/// An alert comes from outside: what names an object must not lead out of the alert's folder, or out of the bucket.
fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(format!(
            "{name:?} cannot be part of an object's name: letters, digits, - and _ can"
        ));
    }
    Ok(())
}

fn time(milliseconds: u64) -> Result<DateTime<Utc>, String> {
    i64::try_from(milliseconds)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .ok_or_else(|| format!("{milliseconds} ms since 1970 is no time"))
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
