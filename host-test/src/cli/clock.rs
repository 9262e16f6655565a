//! Says that this machine's clock is off, if a call failed and that may be why.

use std::sync::Mutex;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use mv_clip_core::text::duration;
use mv_clip_host::{CallError, CallReport, FailureKind, Reply};

use super::output::print_message;

/// A smaller difference matters to no call.
const NOTABLE: u64 = 300;

/// What the calls of a command say about the clock.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<Option<String>>);

impl Clock {
    /// Takes the result of a call, and keeps what its report says about the clock.
    pub(super) fn judged<T>(&self, reply: Reply<T>) -> Result<T, CallError> {
        if let Err(error) = &reply.result
            && let Some(note) = note(error, &reply.report)
            && let Ok(mut kept) = self.0.lock()
        {
            *kept = Some(note);
        }
        reply.result
    }

    /// Prints what is known, once.
    pub(super) fn tell(&self) {
        let note = self.0.lock().ok().and_then(|mut note| note.take());
        if let Some(note) = note {
            print_message("note", &note);
        }
    }
}

fn note(error: &CallError, report: &CallReport) -> Option<String> {
    if let Some(offset) = report.clock_offset_seconds {
        let seconds = offset.unsigned_abs();
        let side = if offset > 0 { "behind" } else { "ahead of" };
        return (seconds > NOTABLE).then(|| {
            let difference = duration(Duration::from_secs(seconds));
            format!("this machine's clock is {difference} {side} the server's; set it, and run the command again")
        });
    }
    // The component compares a window with the clock before it asks anybody.
    let kind = error.failure()?.kind;
    let depends = matches!(kind, FailureKind::TooEarly | FailureKind::OutsideRetention);
    depends.then(|| {
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        format!("this machine's clock says {now}")
    })
}
