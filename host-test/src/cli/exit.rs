//! The exit codes.

use std::process::ExitCode;

use mv_clip_host::CallError;

/// The end of each command's help.
pub(super) const HELP: &str = "\
Exit codes:
  0    Success
  1    Failure
  2    Invalid usage
  75   Temporary failure: the same command may succeed later
  130  Interrupted by Ctrl-C";

/// EX_TEMPFAIL of sysexits(3).
const TEMPORARY: u8 = 75;

/// 128 + SIGINT, as shells report it.
const INTERRUPTED: u8 = 130;

/// The command was interrupted by Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; run the same command again to resume from the files that end in .part")]
pub(super) struct Interrupted;

pub(super) fn usage() -> ExitCode {
    ExitCode::from(2)
}

pub(super) fn temporary() -> ExitCode {
    ExitCode::from(TEMPORARY)
}

/// The exit code for an error.
pub(super) fn code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref() {
        Some(error) if CallError::is_transient(error) => temporary(),
        _ if error.is::<Interrupted>() => INTERRUPTED.into(),
        _ => ExitCode::FAILURE,
    }
}
