//! `host-test get`: one clip's URL.

use std::process::ExitCode;
use std::time::Duration;

use host_test::clip::kind_name;
use host_test::{CallError, Clip, ClipError, ClipRequest};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{ComponentFile, settings};

/// The exit code for what may succeed later: EX_TEMPFAIL of sysexits(3).
pub(super) const TEMPORARY: u8 = 75;

/// Gets the temporary URL of a recorded clip.
///
/// Settings are environment variables: MERAKI_DASHBOARD_API_KEY, MERAKI_BASE_URL and those that
/// begin with MV_CLIP_; the README lists them. The exit code is 0 with a URL, 75 where the same call
/// may succeed later, 2 where this command is used wrongly, and 1 otherwise.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The camera's serial number, such as Q2XX-ABCD-1234.
    serial: String,

    /// The start of the window: an RFC 3339 time, such as 2026-03-12T14:30:00Z.
    #[arg(long, value_name = "TIME")]
    start: String,

    /// The end of the window, 1 s to 300 s after the start.
    #[arg(long, value_name = "TIME")]
    end: String,

    /// Which imager of a multi-imager camera.
    #[arg(long, value_name = "N")]
    imager_id: Option<u32>,

    /// Print the result, or the error, as one JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    component: ComponentFile,
}

pub(super) async fn run(args: Args) -> ExitCode {
    let json = args.json;
    match get(args).await {
        Ok(clip) if json => print(&clip_json(&clip)),
        Ok(clip) => say!("{}", clip.url.expose()),
        Err(error) => {
            if json {
                print(&error_json(&error));
            } else {
                eprintln!("error: {error:#}");
            }
            return match error.downcast_ref() {
                Some(CallError::Clip(ClipError::Transient(_))) => TEMPORARY.into(),
                _ => ExitCode::FAILURE,
            };
        }
    }
    ExitCode::SUCCESS
}

async fn get(args: Args) -> anyhow::Result<Clip> {
    let variables = settings::from_environment()?;
    let waiting = waiting_for(settings::base_url(&variables));
    let host = settings::host(args.component.component, &variables).await?;
    let request = ClipRequest {
        serial: args.serial,
        start: args.start,
        end: args.end,
        imager_id: args.imager_id,
    };
    let result = host.request_clip(&variables, &request).await;
    waiting.finish_and_clear();
    Ok(result?)
}

/// Shown where standard error is a terminal that no log is written to: footage may have to be waited
/// for.
fn waiting_for(base_url: &str) -> ProgressBar {
    if tracing::enabled!(tracing::Level::INFO) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} waiting for {msg} ({elapsed})");
    let bar = ProgressBar::new_spinner().with_message(base_url.to_owned());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn print(value: &Value) {
    say!("{value}");
}

fn clip_json(clip: &Clip) -> Value {
    json!({
        "serial": clip.serial,
        "imager_id": clip.imager_id,
        "start": clip.start,
        "end": clip.end,
        "url": clip.url.expose(),
        "expires_at": clip.expires_at,
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
            "kind": kind_name(failure.kind),
            "message": failure.message,
            "status": failure.status,
            "request_id": failure.request_id,
            "attempts": failure.attempts,
            "retry_after_seconds": failure.retry_after_seconds,
        }
    })
}
