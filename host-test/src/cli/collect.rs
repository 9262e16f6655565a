//! Fills a folder with clips: the common part of `incident`, `range` and `coverage`.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, stream};
use mv_clip_core::text::{is_printable, printable};
use mv_clip_footage::{Collected, Collector, Order, SavedFile, WhileBusy};
use mv_clip_host::{ClipRequest, Settings};
use tokio::task::spawn_blocking;

use super::deadline::{self, Deadline};
use super::exit::{self, Usage};
use super::notes::Notes;
use super::options::{ComponentFile, KeyHolder};
use super::output::{OutputError, print, print_json, print_message};
use super::progress::{self, Footage, Spinner};
use super::settings::{self, Configuration};
use super::stop::Stop;
use super::stopped::Limit;
use super::{failures, outcome, times};

/// The folder, and the output format.
#[derive(clap::Args)]
pub(super) struct Output {
    /// The folder to fill; created if it does not exist. Intact clips in it are not downloaded again
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Print the folder's manifest, or the error, as one JSON object
    #[arg(long)]
    json: bool,

    /// End at once if another run writes to the folder, instead of waiting for it
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    component: ComponentFile,

    #[command(flatten)]
    key: KeyHolder,

    #[command(flatten)]
    deadline: Deadline,
}

/// A command that requests clips.
pub(super) trait Source {
    /// The clips that it asks for. They are worked out before anything is written or sent.
    fn requests(&self) -> Result<Vec<ClipRequest>, Usage>;

    /// The time of the event, if the footage is that of one.
    fn event(&self) -> Option<&str> {
        None
    }
}

fn longest(requests: &[ClipRequest]) -> Duration {
    let lengths = requests
        .iter()
        .map(|request| times::length(&request.start, &request.end));
    lengths.max().unwrap_or_default()
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

async fn bounded(output: &Output, source: &impl Source, stop: &Stop) -> anyhow::Result<Collected> {
    let settings = Settings::from_env()?;
    let requests = source.requests()?;
    let limit = Limit {
        time: output.deadline.or(deadline::of_folder(
            &settings,
            requests.len(),
            longest(&requests),
        )),
        resumes: true,
        json: output.json,
    };
    let opened = OnceCell::new();
    let filled = fill(output, source, requests, settings, &opened);
    let filled = stop.bound(limit, filled).await;
    let finished = match opened.into_inner() {
        // Also after an interruption: the report shows what is there.
        Some(collector) => Some(collector.finish().await),
        None => None,
    };
    filled?;
    Ok(finished.context("nothing was opened")??)
}

/// Opens the folder, and saves what is missing in it. Up to eight clips are requested at once, and four download.
async fn fill(
    output: &Output,
    source: &impl Source,
    requests: Vec<ClipRequest>,
    settings: Settings,
    opened: &OnceCell<Collector>,
) -> anyhow::Result<()> {
    let out = output.out.clone();
    if spawn_blocking(move || out.exists() && !out.is_dir()).await? {
        let message = format!("--out {} is a file; name a folder", output.out.display());
        return Err(Usage(message).into());
    }
    let configuration = Configuration::with_key(settings, &output.key).await?;
    let (component, trust) = (&output.component, &output.key.trust);
    let host = settings::host_for(component, trust, &configuration, &[], deadline::CALLS).await?;
    let settings = &configuration.settings;
    let bars = progress::bars();
    let from = format!("clips from {}", settings::base_url(settings));
    let spinner = Spinner::within(&bars, &from, Footage::of(&requests, settings));
    let downloads = progress::downloads(bars);
    let tool = concat!("mv-clip ", env!("CARGO_PKG_VERSION"));
    let mut order = Order::new(tool, &command_line(), requests.clone());
    if let Some(event) = source.event() {
        order = order.event(event)?;
    }
    let collector = Collector::new(
        &output.out,
        while_busy(output),
        order,
        &host,
        settings,
        downloads,
    )
    .await?;
    let collector = opened.get_or_init(|| collector);

    let notes = Notes::default();
    let (all, mut done) = (requests.len(), 0);
    let show_progress = |done| spinner.set_text(&format!("{done} of {all} {from}"));
    show_progress(done);
    let save = async |request: ClipRequest| {
        let ask = async {
            let reply = host.call(settings).request_clip(&request).await;
            notes.observe(reply, &configuration.key_source)
        };
        collector.save(&request, ask).await
    };
    let mut saved = stream::iter(requests)
        .map(save)
        .buffer_unordered(deadline::calls_at_once(settings));
    let mut filled = Ok(());
    while let Some(result) = saved.next().await {
        if result.is_err() {
            filled = result;
            break;
        }
        done += 1;
        show_progress(done);
    }
    drop(saved);
    notes.print();
    Ok(filled?)
}

fn while_busy(output: &Output) -> WhileBusy {
    if output.no_wait {
        return WhileBusy::End;
    }
    WhileBusy::Wait(Box::new(|who| {
        let text =
            format!("waiting for the folder, which is in use by {who} (--no-wait: do not wait)");
        print_message("note", &text);
    }))
}

/// The arguments of this process. None of them is a secret.
fn command_line() -> String {
    let arguments = std::env::args_os().skip(1);
    let quoted = arguments.map(|text| argument(&text));
    quoted.collect::<Vec<_>>().join(" ")
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
        manifest,
        fetched,
        kept,
        failures,
        ..
    } = collected;
    let is_there = |file: &&SavedFile| !manifest.is_lost(&file.name);
    let clips = match manifest.files.iter().filter(is_there).count() {
        0 => "No clips".to_owned(),
        1 => "1 clip".to_owned(),
        clips => format!("{clips} clips"),
    };
    let aside = manifest.set_aside();
    let missing = match manifest.failures.len() - aside.len() + manifest.pending.len() {
        0 => String::new(),
        missing => format!(", {missing} missing"),
    };
    print(&format!(
        "{clips} in {}{missing}. This run: {fetched} downloaded, {kept} already there, {} failed",
        shown(folder),
        failures.len(),
    ))?;
    if !aside.is_empty() {
        let cameras: BTreeSet<_> = aside
            .iter()
            .map(|missing| missing.footage.camera())
            .collect();
        let cameras: Vec<_> = cameras.into_iter().collect();
        let cameras = cameras.join("; ");
        print(&format!(
            "Nothing is saved of {cameras}, which an earlier run asked for"
        ))?;
    }
    print(&format!("Report: {}", shown(&folder.join("report.html"))))?;
    print(&format!("Verify: mv-clip verify {}", quoted(folder)))
}

/// A path in one line.
fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

/// A path as an argument for a shell.
fn quoted(path: &Path) -> String {
    let text = argument(path.as_os_str());
    // Not an option.
    match text.starts_with('-') {
        true => format!("./{text}"),
        false => text,
    }
}

/// An argument for a shell.
fn argument(argument: &OsStr) -> String {
    match argument.to_str() {
        Some(text) if text.chars().all(is_printable) => {
            shlex::try_quote(text).map_or_else(|_| text.to_owned(), |quoted| quoted.into_owned())
        }
        _ => in_ascii(argument.as_encoded_bytes()),
    }
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
        assert_eq!(argument("--out".as_ref()), "--out");
    }
}
