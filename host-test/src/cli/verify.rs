//! `mv-clip verify`: whether a folder is unchanged.

use std::path::PathBuf;
use std::process::ExitCode;

use mv_clip_footage::{Verified, verify};
use serde_json::{Value, json};

use super::outcome;
use super::output::{OutputError, print, print_json, print_message};

/// Verify the files of a folder against its manifest
///
/// Compares sizes and SHA-256, and reports files that are missing or not in the manifest. The exit code is 0 if there
/// are no differences, 1 otherwise.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A folder filled by `mv-clip incident`, `range` or `coverage`
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Print the differences, or the error, as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> ExitCode {
    let verified = verify(&args.folder).await;
    let is_equal = verified
        .as_ref()
        .is_ok_and(|verified| verified.differences.is_empty());
    let shown = match verified {
        Ok(verified) => show(&verified, args.json).map_err(anyhow::Error::from),
        Err(error) => Err(error.into()),
    };
    let is_shown = shown.is_ok();
    let code = outcome::end(shown, args.json);
    if is_shown && !is_equal {
        ExitCode::FAILURE
    } else {
        code
    }
}

fn show(verified: &Verified, json: bool) -> Result<(), OutputError> {
    if json {
        return print_json(&as_json(verified));
    }
    for (name, difference) in &verified.differences {
        print_message("difference", &format!("{name}: {difference}"));
    }
    print(&match (verified.differences.len(), verified.files) {
        (0, 1) => "1 file verified: no differences".to_owned(),
        (0, files) => format!("{files} files verified: no differences"),
        (1, _) => "1 difference from the manifest".to_owned(),
        (differences, _) => format!("{differences} differences from the manifest"),
    })
}

fn as_json(verified: &Verified) -> Value {
    let differences = verified.differences.iter();
    let differences: Vec<_> = differences
        .map(|(name, difference)| {
            json!({ "name": name, "kind": difference.kind(), "message": difference.to_string() })
        })
        .collect();
    json!({ "ok": differences.is_empty(), "files": verified.files, "differences": differences })
}
