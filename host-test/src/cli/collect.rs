//! Fills a folder with clips: the common part of `incident`, `range` and `coverage`.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use futures_util::{StreamExt, stream};
use mv_clip_core::text::{error_chain, printable};
use mv_clip_footage::{
    Collected, Collector, Order, SavedFile, Signed, Stamped, TimestampError, WhileBusy,
};
use mv_clip_host::{ClipRequest, PostError, Settings};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::deadline::{self, Deadline};
use super::exit::{self, Usage};
use super::notes::Notes;
use super::options::{ComponentFile, KeyHolder};
use super::output::{OutputError, print, print_json, print_message};
use super::progress::{self, Footage, Spinner};
use super::settings::{self, Configuration};
use super::signing::{self, Signing};
use super::stop::Stop;
use super::stopped::{Limit, Stopped};
use super::{failures, outcome, shell, times};

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
    signing: Signing,

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

/// What became of a folder.
struct Filled {
    collected: Collected,
    /// The timestamp, or why there is none; `None` if none was asked for.
    stamped: anyhow::Result<Option<Stamped>>,
}

/// Fills the folder, and prints the result.
pub(super) async fn run(output: &Output, source: &impl Source, stop: &Stop) -> ExitCode {
    let filled = bounded(output, source, stop).await;
    let code = filled.as_ref().map_or(ExitCode::FAILURE, code);
    let shown = filled.and_then(|filled| show(output, filled));
    let is_complete = shown.is_ok();
    let ended = outcome::end(shown, output.json);
    if is_complete { code } else { ended }
}

async fn bounded(output: &Output, source: &impl Source, stop: &Stop) -> anyhow::Result<Filled> {
    let settings = Settings::from_env()?;
    let requests = source.requests()?;
    let time = deadline::of_folder(&settings, requests.len(), longest(&requests));
    let limit = Limit {
        time: output.deadline.or(time + output.signing.time()),
        resumes: true,
        json: output.json,
    };
    let opened = OnceCell::new();
    let filled = fill(output, source, requests, settings, &opened);
    let filled = stop.bound(limit, filled).await;
    let Some(collector) = opened.into_inner() else {
        filled?;
        anyhow::bail!("nothing was opened");
    };
    // Also after an interruption: the report shows what is there, and the signature covers it.
    let finished = collector.finish().await;
    filled?;
    let mut finished = finished?;
    let stamped = stop.rest(async { Ok(finished.timestamp().await?) }).await;
    Ok(Filled {
        collected: finished.collected,
        stamped,
    })
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
    // Before anything is asked for: footage that was to be signed should not be saved without that.
    let signing_key = output.signing.key().await?;
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
    if let Some(key) = signing_key {
        order = order.sign(key);
    }
    if let Some(url) = &output.signing.timestamp {
        let authority = host.post_client(url);
        order = order.timestamp(authority.map_err(|error| match error {
            // The URL may hold a password, so it is not repeated.
            PostError::Url => anyhow!(Usage(format!("--timestamp: {error}"))),
            error => error.into(),
        })?);
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

/// The arguments of this process, without secrets.
fn command_line() -> String {
    let arguments = signing::without_secrets(std::env::args_os().skip(1));
    let quoted = arguments.iter().map(|text| shell::argument(text));
    quoted.collect::<Vec<_>>().join(" ")
}

fn show(output: &Output, filled: Filled) -> Result<(), anyhow::Error> {
    let Filled { collected, stamped } = filled;
    for note in &collected.notes {
        print_message("note", note);
    }
    if output.json {
        print_json(&as_json(&collected, &stamped)?)?;
    } else {
        for line in failures::lines(&collected.failures) {
            print_message("error", &line);
        }
        summarize(&output.out, &collected, &stamped)?;
    }
    if let Err(error) = stamped {
        let kept = match collected.signed {
            Some(_) => "What was saved is there, and signed",
            None => "What was saved is there",
        };
        let cause = cause(&error);
        print_message(
            "error",
            &format!(
                "the log has no new timestamp: {cause}. {kept}; run the same command again to add the timestamp"
            ),
        );
    }
    Ok(())
}

/// Why there is no timestamp.
fn cause(error: &anyhow::Error) -> String {
    match error.is::<Stopped>() {
        true => "the command was stopped".to_owned(),
        false => error_chain(error.as_ref()),
    }
}

/// The manifest, with the proofs that were asked for.
fn as_json(
    collected: &Collected,
    stamped: &anyhow::Result<Option<Stamped>>,
) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(&collected.manifest)?;
    let signature = collected.signed.as_ref().map(|signed| {
        let Signed {
            key, lines, sha256, ..
        } = signed;
        json!({ "key": key.to_string(), "lines": lines, "sha256": sha256 })
    });
    let timestamp = match stamped {
        Ok(stamped) => stamped.as_ref().map(
            |stamped| json!({ "authority": stamped.authority, "at": times::text(stamped.at) }),
        ),
        Err(error) => {
            let transient = error.is::<Stopped>() || is_temporary(error);
            Some(json!({ "error": { "message": cause(error), "transient": transient } }))
        }
    };
    let proofs = [("signature", signature), ("timestamp", timestamp)];
    if let Some(manifest) = value.as_object_mut() {
        let made = proofs.into_iter();
        manifest.extend(made.filter_map(|(name, proof)| Some((name.to_owned(), proof?))));
    }
    Ok(value)
}

fn summarize(
    folder: &Path,
    collected: &Collected,
    stamped: &anyhow::Result<Option<Stamped>>,
) -> Result<(), OutputError> {
    let Collected {
        manifest,
        fetched,
        kept,
        failures,
        set_aside: aside,
        ..
    } = collected;
    let is_there = |file: &&SavedFile| !manifest.is_lost(&file.name);
    let clips = match manifest.files.iter().filter(is_there).count() {
        0 => "No clips".to_owned(),
        1 => "1 clip".to_owned(),
        clips => format!("{clips} clips"),
    };
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
    if let Some(Signed {
        key, lines, sha256, ..
    }) = &collected.signed
    {
        print(&format!(
            "Signed: {lines} lines of log.jsonl with the key {key}; SHA-256 {sha256}"
        ))?;
    }
    if let Ok(Some(stamped)) = stamped {
        let at = times::text(stamped.at);
        print(&format!(
            "Timestamp: {at} by {}, not verified; to verify it, run {}",
            printable(&stamped.authority),
            shell::openssl(folder),
        ))?;
    }
    let key = match collected.signed {
        Some(_) => " --key PUBLIC_KEY",
        None => "",
    };
    print(&format!(
        "Verify: mv-clip verify {}{key}",
        shell::path(folder)
    ))
}

/// A path in one line.
fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

/// Whether the same command may add the timestamp later, without a change.
fn is_temporary(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref();
    error.is_some_and(TimestampError::is_transient)
}

/// The exit code for what is there, and for what is not.
fn code(filled: &Filled) -> ExitCode {
    let Filled { collected, stamped } = filled;
    let failures = &collected.failures;
    if failures.iter().any(|missing| !missing.transient) {
        return ExitCode::FAILURE;
    }
    match stamped {
        Err(error) if is_temporary(error) => exit::temporary(),
        Err(error) => exit::code(error),
        Ok(_) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(_) => exit::temporary(),
    }
}
