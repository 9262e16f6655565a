//! Fills a folder with clips: the common part of `incident`, `range` and `coverage`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use futures_util::{StreamExt, TryStreamExt, stream};
use mv_clip_core::text::{is_printable, printable};
use mv_clip_footage::{Collected, Collector};
use mv_clip_host::{CallError, ClipHost, ClipOutcome, Settings};

use super::clock::Clock;
use super::deadline::{self, Clips, Deadline};
use super::exit::{self, Usage};
use super::options::{ComponentFile, KeyHolder};
use super::output::{OutputError, print, print_json, print_message};
use super::progress::{self, Spinner};
use super::settings::{self, Configuration};
use super::stop::{Limit, Stop};
use super::{failures, outcome};

/// The folder, and the output format.
#[derive(clap::Args)]
pub(super) struct Output {
    /// The folder to fill; created if it does not exist. Intact clips in it are not downloaded again
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Print the folder's manifest, or the error, as one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    component: ComponentFile,

    #[command(flatten)]
    key: KeyHolder,

    #[command(flatten)]
    deadline: Deadline,
}

/// The host and the settings of its calls.
pub(super) struct Calls {
    pub(super) host: ClipHost,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
}

/// A command that requests clips.
pub(super) trait Source {
    /// How many clips it may request.
    fn clips(&self) -> Clips;

    /// Requests clips, and passes each outcome to the collector.
    async fn collect(&self, calls: &Calls, collector: &Collector<'_>) -> anyhow::Result<()>;
}

/// Fills the folder, and prints the result.
pub(super) async fn run(output: &Output, source: &impl Source, stop: &Stop) -> ExitCode {
    let filled = bounded(output, source, stop).await;
    let code = filled.as_ref().map_or(ExitCode::FAILURE, code);
    let shown = filled.and_then(|collected| show(output, &collected));
    let is_complete = shown.is_ok();
    let ended = outcome::end(shown, output.json);
    if is_complete { code } else { ended }
}

/// Saves outcomes that arrived together; each is independent of the others.
pub(super) async fn save_all(
    collector: &Collector<'_>,
    outcomes: Vec<ClipOutcome>,
) -> anyhow::Result<()> {
    let save = async |ClipOutcome { request, outcome }| {
        let outcome = outcome.map_err(CallError::Clip);
        Ok(collector.save(&request, outcome).await?)
    };
    let outcomes = stream::iter(outcomes).map(anyhow::Ok);
    outcomes.try_for_each_concurrent(None, save).await
}

async fn bounded(output: &Output, source: &impl Source, stop: &Stop) -> anyhow::Result<Collected> {
    let settings = Settings::from_env()?;
    let is_new = !output.out.exists();
    if !is_new && !output.out.is_dir() {
        let message = format!("--out {} is a file; name a folder", output.out.display());
        return Err(Usage(message).into());
    }
    let limit = Limit {
        time: output
            .deadline
            .or(deadline::of_folder(&settings, source.clips())),
        resumes: true,
        json: output.json,
    };
    let filled = stop.bound(limit, fill(output, source, settings)).await;
    if filled.is_err() && is_new {
        // Only if it is empty.
        let _ = std::fs::remove_dir(&output.out);
    }
    filled
}

async fn fill(
    output: &Output,
    source: &impl Source,
    settings: Settings,
) -> anyhow::Result<Collected> {
    let configuration = Configuration::with_key(settings, &output.key).await?;
    let (component, trust) = (&output.component, &output.key.trust);
    let host = settings::host_for(component, trust, &configuration, &[], deadline::CALLS).await?;
    let calls = Calls {
        host,
        settings: configuration.settings,
        clock: Clock::default(),
    };
    let (host, settings) = (&calls.host, &calls.settings);
    let bars = progress::bars();
    let text = format!("clips from {}", settings::base_url(settings));
    let _spinner = Spinner::within(&bars, &text);
    let downloads = progress::downloads(bars);
    let collector = Collector::new(&output.out, host, settings, downloads).await?;
    let collected = source.collect(&calls, &collector).await;
    calls.clock.tell();
    collected?;
    Ok(collector.finish().await?)
}

fn show(output: &Output, collected: &Collected) -> Result<(), anyhow::Error> {
    for note in &collected.notes {
        print_message("note", note);
    }
    if output.json {
        print_json(&serde_json::to_value(&collected.manifest)?)?;
    } else {
        for line in failures::lines(&collected.failures) {
            print_message("error", &line);
        }
        summarize(&output.out, collected)?;
    }
    Ok(())
}

fn summarize(folder: &Path, collected: &Collected) -> Result<(), OutputError> {
    let Collected {
        fetched,
        kept,
        failures,
        ..
    } = collected;
    let clips = match fetched + kept {
        0 => "No clips".to_owned(),
        1 => "1 clip".to_owned(),
        clips => format!("{clips} clips"),
    };
    print(&format!(
        "{clips} in {}: {fetched} downloaded, {kept} already there, {} failed",
        shown(folder),
        failures.len(),
    ))?;
    print(&format!("Report: {}", shown(&folder.join("report.html"))))?;
    print(&format!("Verify: mv-clip verify {}", quoted(folder)))
}

/// A path in one line.
fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

/// A path as an argument for a shell.
fn quoted(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    if !path
        .to_str()
        .is_some_and(|text| text.chars().all(is_printable))
    {
        return in_ascii(bytes);
    }
    let text = path.to_string_lossy();
    // Not an option.
    let text = match text.starts_with('-') {
        true => format!("./{text}"),
        false => text.into_owned(),
    };
    shlex::try_quote(&text).map_or_else(|_| text.clone(), |quoted| quoted.into_owned())
}

/// Bytes in the quotes `$'…'` of POSIX shells, with escapes for all that is not printable ASCII.
fn in_ascii(bytes: &[u8]) -> String {
    let escaped = bytes.iter().map(|byte| match byte {
        b'\\' | b'\'' => format!("\\{}", char::from(*byte)),
        b' '..=b'~' => char::from(*byte).to_string(),
        byte => format!("\\{byte:03o}"),
    });
    format!("$'{}'", escaped.collect::<String>())
}

fn code(collected: &Collected) -> ExitCode {
    match collected.failures.as_slice() {
        [] => ExitCode::SUCCESS,
        failures if failures.iter().all(|missing| missing.transient) => exit::temporary(),
        _ => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_path_is_one_argument() {
        for (path, expected) in [
            ("evidence", "evidence"),
            ("my evidence", "'my evidence'"),
            ("it's", "\"it's\""),
            ("-v", "./-v"),
            ("$HOME", "'$HOME'"),
        ] {
            assert_eq!(quoted(path.as_ref()), expected);
        }
    }
}
