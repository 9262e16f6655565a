//! The exit codes.

use std::process::ExitCode;

use mv_clip_footage::CollectError;
use mv_clip_host::{CallError, SettingsError};

use super::stopped::{Reason, Stopped};

/// The end of each command's help.
pub(super) const HELP: &str = "\
Exit codes:
  0    Success
  1    Failure
  2    Invalid usage
  75   Temporary failure: the same command may succeed later; also at the command's deadline, if the folder is in use,
       or if the authority of the timestamp cannot be reached
  130  Ended by Ctrl-C
  143  Ended by SIGTERM";

/// EX_TEMPFAIL of sysexits(3).
const TEMPORARY: u8 = 75;

/// 128 and the number of the signal, as shells report it.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

/// An argument or an environment variable cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

pub(super) fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<Usage>() || error.is::<SettingsError>()
}

pub(super) fn usage() -> ExitCode {
    ExitCode::from(2)
}

pub(super) fn temporary() -> ExitCode {
    ExitCode::from(TEMPORARY)
}

/// The exit code of a command that stopped for this reason.
pub(super) fn of_stop(reason: Reason) -> u8 {
    match reason {
        Reason::Interrupt => INTERRUPTED,
        Reason::Terminate => TERMINATED,
        Reason::Deadline => TEMPORARY,
    }
}

/// The exit code for an error.
pub(super) fn code(error: &anyhow::Error) -> ExitCode {
    if let Some(stopped) = error.downcast_ref::<Stopped>() {
        return of_stop(stopped.reason).into();
    }
    match error.downcast_ref() {
        Some(error) if CallError::is_transient(error) => temporary(),
        _ if matches!(error.downcast_ref(), Some(CollectError::Busy { .. })) => temporary(),
        _ if is_usage(error) => usage(),
        _ => ExitCode::FAILURE,
    }
}
