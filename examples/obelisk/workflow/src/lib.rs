//! A durable workflow: a motion alert in, clips of several cameras in object storage.
//!
//! Obelisk records each step. Where a node ends, for whatever reason, another replays what is recorded and
//! goes on from there.

mod engine;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

wit_bindgen::generate!({ generate_all });

use example::pace_obelisk_ext::turns::{reserve_get, reserve_submit};
use example::storage_obelisk_ext::destinations::{presign_get, presign_submit};
use exports::example::incident::incidents::{CameraClip, Guest, KeptClip, MotionAlert};
use meraki_mv::clips::transfer::SavedClip;
use meraki_mv::clips::types::{ClipError, ClipRequest};
use meraki_mv::clips_obelisk_ext::transfer::{save_clip_get, save_clip_submit};
use obelisk::workflow::workflow_support::join_set_create;

struct Workflow;

export!(Workflow);

/// On either side of the motion.
const ROLL: TimeDelta = TimeDelta::seconds(30);

/// How long after it was recorded footage can be asked for.
const LAG: TimeDelta = TimeDelta::seconds(60);

impl Guest for Workflow {
    fn keep(alert: MotionAlert, serials: Vec<String>) -> Result<Vec<CameraClip>, String> {
        let at = DateTime::parse_from_rfc3339(&alert.occurred_at)
            .map_err(|error| format!("{} is no RFC 3339 time: {error}", alert.occurred_at))?
            .to_utc();
        let (start, end) = (at - ROLL, at + ROLL);
        // Here and not in the component: a workflow that waits is a row of the database, and nothing else.
        engine::sleep_until(end + LAG)?;

        let count = u32::try_from(serials.len()).map_err(|error| error.to_string())?;
        let objects: Vec<_> = serials
            .iter()
            .map(|serial| format!("{}/{serial}.ts", alert.id))
            .collect();
        let reserve = |set: &_| reserve_submit(set, &alert.organisation, count);
        let turns = engine::result_of(reserve, reserve_get)?;
        let destinations = engine::result_of(|set| presign_submit(set, &objects), presign_get)?;

        let clips = join_set_create();
        let mut asked = Vec::new();
        for (((serial, object), destination), turn) in serials
            .into_iter()
            .zip(objects)
            .zip(destinations)
            .zip(turns)
        {
            engine::sleep_until(time(turn)?)?;
            let request = ClipRequest {
                serial: serial.clone(),
                start: text(start),
                end: text(end),
                imager_id: None,
            };
            asked.push((
                serial,
                object,
                save_clip_submit(&clips, &request, &destination),
            ));
        }
        engine::wait_for(&clips, asked.len())?;

        let outcomes = asked.into_iter().map(|(serial, object, id)| {
            let saved = save_clip_get(&id).map_err(engine::lost)?;
            let outcome = saved.map(|clip| kept(object, clip)).map_err(words);
            Ok(CameraClip { serial, outcome })
        });
        outcomes.collect()
    }
}

/// What is kept of a clip: not its URL, which is a secret.
fn kept(object: String, saved: SavedClip) -> KeptClip {
    KeptClip {
        object,
        bytes: saved.bytes,
        sha256: saved.sha256,
    }
}

fn words(error: ClipError) -> String {
    match error {
        ClipError::Permanent(failure) | ClipError::Transient(failure) => failure.message,
        ClipError::ExecutionFailed => "the call ended without an answer".to_owned(),
    }
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
