//! Waiting in a workflow, with workarounds for Obelisk 0.38.3.

use chrono::{DateTime, Utc};

use crate::bindings::obelisk::types::execution::{ExecutionId, GetExtensionError, ResponseId};
use crate::bindings::obelisk::types::join_set::JoinSet;
use crate::bindings::obelisk::types::time::{Datetime, Duration, ScheduleAt};
use crate::bindings::obelisk::workflow::workflow_support::{
    join_next, join_set_create, sleep, submit_delay,
};

/// Obelisk 0.38.3 may miss a response that arrives while the workflow goes to sleep to wait for it, because two
/// transactions do not see each other. A delay is therefore always pending. It wakes the workflow, which then finds the
/// response.
const RECHECK: ScheduleAt = ScheduleAt::In(Duration::Seconds(10));

/// Obelisk 0.38.3 writes a script to a file each time that it starts the script, and does not retry if the file is busy
/// (ETXTBSY), which sometimes happens. It retries other failures itself.
const TRIES: u32 = 3;

/// Waits until `time`.
pub(crate) fn sleep_until(time: DateTime<Utc>) -> Result<(), String> {
    let seconds = u64::try_from(time.timestamp()).map_err(|_| format!("{time} is before 1970"))?;
    let nanoseconds = time.timestamp_subsec_nanos();
    sleep_as(ScheduleAt::At(Datetime {
        seconds,
        nanoseconds,
    }))
}

/// Waits for `seconds`.
pub(crate) fn sleep_for(seconds: u32) -> Result<(), String> {
    if seconds == 0 {
        return Ok(());
    }
    sleep_as(ScheduleAt::In(Duration::Seconds(seconds.into())))
}

fn sleep_as(schedule: ScheduleAt) -> Result<(), String> {
    sleep(schedule)
        .map(drop)
        .map_err(|()| "the wait was cancelled".to_owned())
}

/// Waits until all `executions` that were submitted to `set` have responded.
pub(crate) fn wait_for(set: &JoinSet, executions: usize) -> Result<(), String> {
    submit_delay(set, RECHECK);
    let mut answered = 0;
    while answered < executions {
        match join_next(set).map_err(|error| format!("nothing is left to wait for: {error:?}"))? {
            (ResponseId::ExecutionId(_), _) => answered += 1,
            (ResponseId::DelayId(_), _) => {
                submit_delay(set, RECHECK);
            }
        }
    }
    Ok(())
}

/// Returns the result of the activity that `submit` submits. Retries an activity that fails.
pub(crate) fn result_of<T>(
    submit: impl Fn(&JoinSet) -> ExecutionId,
    get: fn(&ExecutionId) -> Result<Result<T, String>, GetExtensionError>,
) -> Result<T, String> {
    let mut tried = 0;
    loop {
        let set = join_set_create();
        let id = submit(&set);
        wait_for(&set, 1)?;
        tried += 1;
        match get(&id).map_err(lost)? {
            Err(_) if tried < TRIES => {}
            result => return result,
        }
    }
}

/// The message for a response that arrived and cannot be read.
pub(crate) fn lost(error: GetExtensionError) -> String {
    format!("Obelisk has lost a response: {error:?}")
}
