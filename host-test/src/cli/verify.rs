//! `mv-clip verify`: whether a folder is unchanged.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mv_clip_core::text::error_chain;
use mv_clip_footage::{EarlierTimestamp, SignedLog, StampedLog, Verified, VerifyingKey, verify};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::deadline::{self, Deadline};
use super::exit::Usage;
use super::output::{OutputError, print, print_json, print_message};
use super::stop::Stop;
use super::stopped::Limit;
use super::thread::of_its_own;
use super::unsaved::{self, Unsaved};
use super::{outcome, shell, times};

/// Verify the files of a folder against its log, and the log against its signature
///
/// Compares sizes and SHA-256, and reports files that are missing or not in the log, and clips that were asked for without
/// an outcome. With --key, the log must be signed with that key, to its last line. The exit code is 0 if there are no
/// differences, 1 otherwise, also if no clip was saved.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_VERIFY))]
pub(super) struct Args {
    /// A folder filled by `mv-clip incident`, `range` or `coverage`
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The public key that you trust: a file of minisign's, or the line in it that begins with RW
    #[arg(long, value_name = "PUBLIC_KEY")]
    key: Option<String>,

    /// Print the differences, or the error, as one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    deadline: Deadline,
}

pub(super) async fn run(args: Args, stop: &Stop) -> ExitCode {
    let verified = bounded(&args, stop).await;
    let is_equal = verified.as_ref().is_ok_and(is_verified);
    let shown = verified.and_then(|verified| Ok(show(&verified, &args)?));
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
    let work = async {
        let key = match &args.key {
            Some(key) => Some(public_key(key).await?),
            None => None,
        };
        Ok(verify(&args.folder, key.as_ref()).await?)
    };
    stop.bound(limit(time), work).await
}

/// The key in base64, or in a file, which may be a pipe that stays silent.
async fn public_key(key: &str) -> anyhow::Result<VerifyingKey> {
    if let Ok(key) = VerifyingKey::parse(key) {
        return Ok(key);
    }
    let file = key.to_owned();
    let key = of_its_own(|| VerifyingKey::read(file)).await?;
    key.map_err(|error| Usage(format!("--key: {}", error_chain(&error))).into())
}

/// A log without files says nothing about the folder.
fn is_verified(verified: &Verified) -> bool {
    verified.differences.is_empty() && verified.unsaved.is_empty() && verified.files > 0
}

fn show(verified: &Verified, args: &Args) -> Result<(), OutputError> {
    if args.json {
        return print_json(&as_json(verified, &args.folder));
    }
    for (name, difference) in &verified.differences {
        print_message("difference", &format!("{name}: {difference}"));
    }
    for line in not_saved(verified, &args.folder) {
        print_message("not saved yet", &line);
    }
    if let Some(signature) = &verified.signature {
        print(&signed(signature, verified.lines))?;
    }
    for EarlierTimestamp { stamped, line, .. } in &verified.earlier_timestamps {
        let at = times::text(stamped.at);
        print(&format!(
            "Earlier timestamp: {} lines of the log existed at {at}, if the authority's signature holds; line {line} has it",
            stamped.lines
        ))?;
    }
    if let Some(timestamp) = &verified.timestamp {
        print(&stamped(timestamp, verified.lines, &args.folder))?;
    }
    let unsaved = match verified.unsaved.len() {
        0 => String::new(),
        1 => "; 1 clip is not saved yet".to_owned(),
        clips => format!("; {clips} clips are not saved yet"),
    };
    let found = match (verified.differences.len(), verified.files) {
        (0, 0) => "Nothing to verify: the log has no files".to_owned(),
        (0, 1) => "1 file verified: no differences".to_owned(),
        (0, files) => format!("{files} files verified: no differences"),
        (1, _) => "1 difference from the log".to_owned(),
        (differences, _) => format!("{differences} differences from the log"),
    };
    print(&format!("{found}{unsaved}"))
}

/// One line for each command that gets some of the clips.
fn not_saved(verified: &Verified, folder: &Path) -> Vec<String> {
    let sign = match verified.signature {
        Some(_) => " --sign SECRET_KEY",
        None => "",
    };
    let unsaved = unsaved::commands(&verified.unsaved, folder).into_iter();
    let lines = unsaved.filter_map(|Unsaved { clips, command }| {
        let first = clips.first()?;
        let others = match clips.len() {
            1 => String::new(),
            clips => format!(" and {} more", clips - 1),
        };
        let how = match command {
            Some(command) => format!("to get it, run {command}{sign}"),
            None => "no command gets it: it is not the footage of a camera".to_owned(),
        };
        Some(format!("{first}{others}; {how}"))
    });
    lines.collect()
}

fn signed(signature: &SignedLog, lines: usize) -> String {
    let key = signature.key;
    if !signature.is_verified {
        return format!(
            "Signature: not verified. It names the key {key}; pass the public key with --key to verify it"
        );
    }
    let at = signature.signed_at.map(times::text);
    let at = at.map_or_else(String::new, |at| format!(" at {at}"));
    format!(
        "Signature: {} of {lines} lines of the log are signed with the key {key}{at}",
        signature.lines
    )
}

fn stamped(timestamp: &StampedLog, lines: usize, folder: &Path) -> String {
    let at = times::text(timestamp.at);
    let found = format!(
        "Timestamp: {} of {lines} lines of the log existed at {at}, if the authority's signature holds",
        timestamp.lines
    );
    if timestamp.lines < lines {
        return found;
    }
    format!("{found}; to verify that, run {}", shell::openssl(folder))
}

fn as_json(verified: &Verified, folder: &Path) -> Value {
    let differences = verified.differences.iter();
    let differences: Vec<_> = differences
        .map(|(name, difference)| {
            json!({ "name": name, "kind": difference.kind(), "message": difference.to_string() })
        })
        .collect();
    let unsaved = unsaved::commands(&verified.unsaved, folder).into_iter();
    let unsaved = unsaved.flat_map(|Unsaved { clips, command }| {
        let clips = clips.iter();
        clips.map(move |clip| json!({ "clip": clip.to_string(), "command": command }))
    });
    let unsaved: Vec<_> = unsaved.collect();
    let signature = verified.signature.as_ref().map(|signature| {
        json!({
            "key": signature.key.to_string(),
            "verified": signature.is_verified,
            "signed_at": signature.signed_at.map(times::text),
            "lines": signature.lines,
        })
    });
    let timestamp = verified
        .timestamp
        .as_ref()
        .map(|timestamp| json!({ "at": times::text(timestamp.at), "lines": timestamp.lines }));
    let earlier = verified.earlier_timestamps.iter();
    let earlier: Vec<_> = earlier
        .map(|EarlierTimestamp { stamped, line, .. }| {
            json!({ "at": times::text(stamped.at), "lines": stamped.lines, "line": line })
        })
        .collect();
    json!({
        "ok": is_verified(verified),
        "files": verified.files,
        "lines": verified.lines,
        "differences": differences,
        "unsaved": unsaved,
        "signature": signature,
        "timestamp": timestamp,
        "earlier_timestamps": earlier,
    })
}
