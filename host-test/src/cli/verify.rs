//! `mv-clip verify`: whether a folder is unchanged.

use std::path::PathBuf;
use std::process::ExitCode;

use mv_clip_footage::{Verified, verify};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::deadline::{self, Deadline};
use super::outcome;
use super::output::{OutputError, print, print_json, print_message};
use super::stop::Stop;
use super::stopped::Limit;

/// Verify the files of a folder against its log
///
/// Compares sizes and SHA-256, and reports files that are missing or not in the log, and clips that were asked for without
/// an outcome. The exit code is 0 if there are no differences, 1 otherwise, also if no clip was saved.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_VERIFY))]
pub(super) struct Args {
    /// A folder filled by `mv-clip incident`, `range` or `coverage`
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Print the differences, or the error, as one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    deadline: Deadline,
}

pub(super) async fn run(args: Args, stop: &Stop) -> ExitCode {
    let verified = bounded(&args, stop).await;
    let is_equal = verified.as_ref().is_ok_and(is_verified);
    let shown = verified.and_then(|verified| Ok(show(&verified, args.json)?));
    let is_shown = shown.is_ok();
    let code = outcome::end(shown, args.json);
    if is_shown && !is_equal {
        ExitCode::FAILURE
    } else {
        code
    }
}

async fn bounded(args: &Args, stop: &Stop) -> anyhow::Result<Verified> {
    let limit = |time| Limit {
        time,
        resumes: false,
        json: args.json,
    };
    let time = match args.deadline.given() {
        Some(time) => time,
        None => {
            let folder = args.folder.clone();
            let sizes = spawn_blocking(move || deadline::of_verify(&folder));
            let first = limit(deadline::of_sizes());
            stop.within(first, async { Ok(sizes.await?) }).await?
        }
    };
    let work = async { Ok(verify(&args.folder).await?) };
    stop.bound(limit(time), work).await
}

/// A log without files says nothing about the folder.
fn is_verified(verified: &Verified) -> bool {
    verified.differences.is_empty() && verified.files > 0
}

fn show(verified: &Verified, json: bool) -> Result<(), OutputError> {
    if json {
        return print_json(&as_json(verified));
    }
    for (name, difference) in &verified.differences {
        print_message("difference", &format!("{name}: {difference}"));
    }
    print(&match (verified.differences.len(), verified.files) {
        (0, 0) => "Nothing to verify: the log has no files".to_owned(),
        (0, 1) => "1 file verified: no differences".to_owned(),
        (0, files) => format!("{files} files verified: no differences"),
        (1, _) => "1 difference from the log".to_owned(),
        (differences, _) => format!("{differences} differences from the log"),
    })
}

fn as_json(verified: &Verified) -> Value {
    let differences = verified.differences.iter();
    let differences: Vec<_> = differences
        .map(|(name, difference)| {
            json!({ "name": name, "kind": difference.kind(), "message": difference.to_string() })
        })
        .collect();
    json!({ "ok": is_verified(verified), "files": verified.files, "differences": differences })
}
