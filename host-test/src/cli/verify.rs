//! `mv-clip verify`: whether a folder still holds what was saved.

use std::path::PathBuf;
use std::process::ExitCode;

use mv_clip_footage::{Verified, verify};
use serde_json::{Value, json};

/// Checks the files of a folder that `incident`, `range` or `coverage` filled against its manifest.
///
/// It compares sizes and SHA-256, and finds files that are missing or were added. The exit code is 0
/// if all is as it was saved, and 1 otherwise.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Print what was found, or the error, as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> ExitCode {
    let Args { folder, json } = args;
    let verified = match verify(&folder).await {
        Ok(verified) => verified,
        Err(error) => {
            if json {
                say!("{}", json!({ "error": { "message": error.to_string() } }));
            } else {
                eprintln!("error: {error}");
            }
            return ExitCode::FAILURE;
        }
    };
    let Verified { files, differences } = &verified;
    let ok = differences.is_empty();
    if json {
        say!("{}", found(&verified));
    } else {
        for (name, difference) in differences {
            eprintln!("{name}: {difference}");
        }
        match (differences.len(), files) {
            (0, 1) => say!("1 file is as it was saved."),
            (0, files) => say!("{files} files are as they were saved."),
            (1, _) => say!("1 difference from the manifest."),
            (found, _) => say!("{found} differences from the manifest."),
        }
    }
    if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn found(verified: &Verified) -> Value {
    let Verified { files, differences } = verified;
    let differences: Vec<_> = differences
        .iter()
        .map(|(name, difference)| {
            json!({ "name": name, "kind": difference.name(), "message": difference.to_string() })
        })
        .collect();
    json!({ "ok": differences.is_empty(), "files": files, "differences": differences })
}
