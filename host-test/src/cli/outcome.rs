//! Prints the result or the error of a command.

use std::process::ExitCode;

use mv_clip_host::{CallError, Clip, ClipError};
use serde_json::{Value, json};

use super::exit::{self, Usage};
use super::output::{self, OutputError, print, print_json};
use super::stopped::Stopped;

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

/// Prints the error of a command, if it has one, and chooses the exit code.
pub(super) fn end(result: anyhow::Result<()>, as_json: bool) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    if as_json && !error.is::<OutputError>() {
        if let Err(unprinted) = print_json(&error_json(&error)) {
            output::print_error(error.as_ref());
            output::print_error(&unprinted);
        }
    } else {
        output::print_error(error.as_ref());
    }
    exit::code(&error)
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
        Some(CallError::Clip(ClipError::Permanent(failure))) => ("permanent", failure),
        Some(CallError::Clip(ClipError::Transient(failure))) => ("transient", failure),
        _ => {
            let message = mv_clip_core::text::error_chain(error.as_ref());
            let case = match error {
                error if error.is::<Usage>() => "usage",
                error if error.is::<Stopped>() => "stopped",
                _ => "host",
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
