//! How a command that calls the component once ends: the result or the error, and the exit code.

use std::process::ExitCode;

use mv_clip_host::{CallError, Clip, ClipError};
use serde_json::{Value, json};

/// The exit code for what may succeed later: EX_TEMPFAIL of sysexits(3).
pub(super) const TEMPORARY: u8 = 75;

/// Prints the result, in one of two forms, or the error in the same.
pub(super) fn tell<T>(
    result: anyhow::Result<T>,
    as_json: bool,
    json: impl FnOnce(&T) -> Value,
    line: impl FnOnce(&T) -> String,
) -> ExitCode {
    match result {
        Ok(value) if as_json => say!("{}", json(&value)),
        Ok(value) => say!("{}", line(&value)),
        Err(error) => {
            if as_json {
                say!("{}", error_json(&error));
            } else {
                eprintln!("error: {error:#}");
            }
            return match error.downcast_ref() {
                Some(error) if CallError::is_transient(error) => TEMPORARY.into(),
                _ => ExitCode::FAILURE,
            };
        }
    }
    ExitCode::SUCCESS
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

pub(super) fn error_json(error: &anyhow::Error) -> Value {
    let (case, failure) = match error.downcast_ref() {
        Some(CallError::Clip(ClipError::Permanent(failure))) => ("permanent", failure),
        Some(CallError::Clip(ClipError::Transient(failure))) => ("transient", failure),
        _ => return json!({ "error": { "case": "host", "message": format!("{error:#}") } }),
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
