//! Reports a wrong clock of this machine, if it may be why a call failed.

use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use mv_clip_core::text::duration;
use mv_clip_host::{CallError, CallReport, FailureKind};

/// The smallest difference that is reported, in seconds.
const MIN_OFFSET: u64 = 300;

/// The note about a failed call, if the clock may be why it failed.
pub(super) fn note(error: &CallError, report: &CallReport) -> Option<String> {
    if let Some(offset) = report.clock_offset_seconds {
        let seconds = offset.unsigned_abs();
        let side = if offset > 0 { "behind" } else { "ahead of" };
        return (seconds > MIN_OFFSET).then(|| {
            let difference = duration(Duration::from_secs(seconds));
            format!("this machine's clock is {difference} {side} the server's; set it, and run the command again")
        });
    }
    // The component compares the window with the clock before it sends a request.
    let kind = error.failure()?.kind;
    let depends = matches!(kind, FailureKind::TooEarly | FailureKind::OutsideRetention);
    depends.then(|| {
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        format!("this machine's clock says {now}")
    })
}
