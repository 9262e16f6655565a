//! Prints the result or the error of a command.

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use mv_clip_host::{CallError, Clip, ClipError};
use serde_json::{Value, json};

use super::exit;
use super::output::{self, OutputError, print, print_json};
use super::stopped::Stopped;

/// The cases of errors in JSON: see docs/CLI.md.
const PERMANENT: &str = "permanent";
const TRANSIENT: &str = "transient";
const USAGE: &str = "usage";
const STOPPED: &str = "stopped";
const HOST: &str = "host";

/// Prints the result of a call, as text or as JSON.
pub(super) fn show<T>(
    result: anyhow::Result<T>,
    as_json: bool,
    json: impl FnOnce(&T) -> Value,
    text: impl FnOnce(&T) -> String,
) -> ExitCode {
    let printed = result.and_then(|value| {
        if as_json {
            print_json(&json(&value))?;
        } else {
            print(&text(&value))?;
        }
        Ok(())
    });
    end(printed, as_json)
}

/// Whether it is printed why the command stopped: by the command, or by the thread that is about to end the process.
static STOP_IS_PRINTED: Mutex<bool> = Mutex::new(false);

/// Prints the error of a command, if it has one, and chooses the exit code.
pub(super) fn end(result: anyhow::Result<()>, as_json: bool) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    if error.is::<Stopped>() {
        // Held while it is printed, so that the process does not end in the middle.
        let is_printed = STOP_IS_PRINTED.lock();
        let mut is_printed = is_printed.unwrap_or_else(PoisonError::into_inner);
        if !*is_printed {
            print_failure(&error, as_json);
            *is_printed = true;
        }
    } else {
        print_failure(&error, as_json);
    }
    exit::code(&error)
}

fn print_failure(error: &anyhow::Error, as_json: bool) {
    if as_json && !error.is::<OutputError>() {
        if let Err(unprinted) = print_json(&error_json(error)) {
            output::print_error(error.as_ref());
            output::print_error(&unprinted);
        }
    } else {
        output::print_error(error.as_ref());
    }
}

pub(super) fn clip_json(clip: &Clip) -> Value {
    json!({
        "serial": clip.serial,
        "imager_id": clip.imager_id,
        "start": clip.start,
        "end": clip.end,
        "url": clip.url.expose(),
        "expires_at": clip.expires_at,
        "request_id": clip.request_id,
    })
}

fn error_json(error: &anyhow::Error) -> Value {
    let (case, failure) = match error.downcast_ref() {
        Some(CallError::Clip(ClipError::Permanent(failure))) => (PERMANENT, failure),
        Some(CallError::Clip(ClipError::Transient(failure))) => (TRANSIENT, failure),
        _ => {
            let message = mv_clip_core::text::error_chain(error.as_ref());
            let case = match error {
                error if exit::is_usage(error) => USAGE,
                error if error.is::<Stopped>() => STOPPED,
                _ => HOST,
            };
            return json!({ "error": { "case": case, "message": message } });
        }
    };
    json!({
        "error": {
            "case": case,
            "kind": failure.kind.name(),
            "message": failure.message,
            "status": failure.status,
            "request_id": failure.request_id,
            "attempts": failure.attempts,
            "retry_after_seconds": failure.retry_after_seconds,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_of_an_error_has_a_row_in_the_documentation() {
        let page = include_str!("../../../docs/CLI.md");
        let rows: Vec<_> = page
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        for case in [PERMANENT, TRANSIENT, USAGE, STOPPED, HOST] {
            let first = |row: &&str| {
                row.split('|')
                    .nth(1)
                    .is_some_and(|cell| cell.contains(&format!("`{case}`")))
            };
            assert_eq!(rows.iter().filter(|row| first(row)).count(), 1, "{case}");
        }
    }
}
