//! The exit codes.

use std::process::ExitCode;

use mv_clip_footage::CollectError;
use mv_clip_host::CallError;

use super::stop::Stopped;

/// The end of each command's help.
pub(super) const HELP: &str = "\
Exit codes:
  0    Success
  1    Failure
  2    Invalid usage
  75   Temporary failure: the same command may succeed later; also at the command's deadline
  130  Ended by Ctrl-C
  143  Ended by SIGTERM";

/// EX_TEMPFAIL of sysexits(3).
const TEMPORARY: u8 = 75;

/// An argument or an environment variable cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

pub(super) fn usage() -> ExitCode {
    ExitCode::from(2)
}

pub(super) fn temporary() -> ExitCode {
    ExitCode::from(TEMPORARY)
}

/// The exit code for an error.
pub(super) fn code(error: &anyhow::Error) -> ExitCode {
    if let Some(stopped) = error.downcast_ref::<Stopped>() {
        return stopped.exit_code().into();
    }
    match error.downcast_ref() {
        Some(error) if CallError::is_transient(error) => temporary(),
        _ if matches!(error.downcast_ref(), Some(CollectError::Busy { .. })) => temporary(),
        _ if error.is::<Usage>() => usage(),
        _ => ExitCode::FAILURE,
    }
}
