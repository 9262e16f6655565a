//! What the commands that fill a folder have in common: progress, Ctrl-C, the last words.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mv_clip_footage::{Collected, Collector, Progress, Watch};
use mv_clip_host::{CallError, ClipHost, ClipOutcome, Settings};

use super::outcome::{TEMPORARY, error_json};
use super::{ComponentFile, KeyHolder, settings};

/// What a shell reports for a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Where clips go, and how that is told.
#[derive(clap::Args)]
pub(super) struct Output {
    /// The folder to fill; made where it is not there. Clips that are in it already, and whole, are
    /// not fetched again.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Print the folder's manifest, or the error, as one JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    component: ComponentFile,

    #[command(flatten)]
    key: KeyHolder,
}

/// What it takes to call the component.
pub(super) struct Calls {
    pub(super) host: ClipHost,
    pub(super) settings: Settings,
}

#[derive(Debug, thiserror::Error)]
#[error("interrupted; run the same command again to continue: what is unfinished ends in .part")]
struct Interrupted;

/// Where the clips come from: one of the commands.
pub(super) trait Source {
    /// Asks for clips, and hands what became of each to the collector.
    async fn collect(&self, calls: &Calls, collector: &Collector<'_>) -> anyhow::Result<()>;
}

/// Fills the folder, and tells what came of it.
pub(super) async fn run(output: &Output, source: &impl Source) -> ExitCode {
    let filled = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(Interrupted.into()),
        filled = fill(output, source) => filled,
    };
    match filled {
        Ok(collected) => tell(output, &collected),
        Err(error) => {
            if output.json {
                say!("{}", error_json(&error));
            } else {
                eprintln!("error: {error:#}");
            }
            match error.downcast_ref() {
                Some(error) if CallError::is_transient(error) => TEMPORARY.into(),
                _ if error.is::<Interrupted>() => INTERRUPTED.into(),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// Saves outcomes that came together; each stands on its own.
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

async fn fill(output: &Output, source: &impl Source) -> anyhow::Result<Collected> {
    let settings = Settings::from_env()?;
    let host = settings::host(&output.component, &output.key, &settings, &[]).await?;
    let calls = Calls { host, settings };
    let (host, settings) = (&calls.host, &calls.settings);
    let bars = bars();
    let waiting = waiting_for(&bars, settings::base_url(settings));
    let collector = Collector::new(&output.out, host, settings, watch(bars)).await?;
    source.collect(&calls, &collector).await?;
    waiting.finish_and_clear();
    Ok(collector.finish().await?)
}

fn tell(output: &Output, collected: &Collected) -> ExitCode {
    let Collected {
        manifest,
        fetched,
        kept,
        failures,
        notes,
    } = collected;
    for note in notes {
        eprintln!("note: {note}");
    }
    if output.json {
        match serde_json::to_string(manifest) {
            Ok(json) => say!("{json}"),
            Err(error) => eprintln!("error: {error}"),
        }
    } else {
        for missing in failures {
            eprintln!("error: {}: {}", missing.footage, missing.message);
        }
        let folder = output.out.display();
        let clips = match fetched + kept {
            0 => "No clip".to_owned(),
            1 => "1 clip".to_owned(),
            clips => format!("{clips} clips"),
        };
        say!(
            "{clips} in {folder}: {fetched} downloaded, {kept} there already, {} failed.",
            failures.len()
        );
        say!("To look at: {}", output.out.join("report.html").display());
        say!("To check later: cargo host-test verify {folder}");
    }
    match failures.as_slice() {
        [] => ExitCode::SUCCESS,
        failures if failures.iter().all(|missing| missing.transient) => TEMPORARY.into(),
        _ => ExitCode::FAILURE,
    }
}

/// Shown where standard error is a terminal that no log is written to.
fn bars() -> MultiProgress {
    MultiProgress::with_draw_target(if tracing::enabled!(tracing::Level::INFO) {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    })
}

/// Footage may have to be waited for.
fn waiting_for(bars: &MultiProgress, base_url: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} clips from {msg} ({elapsed})");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new_spinner().with_style(style);
    let spinner = bars.add(spinner.with_message(base_url.to_owned()));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// A bar for each download.
fn watch(bars: MultiProgress) -> Box<Watch> {
    Box::new(move |footage| {
        let bar = bars.add(ProgressBar::no_length().with_style(style()));
        let start = footage.start.format("%H:%M:%S");
        bar.set_prefix(format!("{} {start}", footage.camera()));
        Box::new(Bar(bar))
    })
}

fn style() -> ProgressStyle {
    let form = "{prefix} {bar:24} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}";
    ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar())
}

struct Bar(ProgressBar);

impl Progress for Bar {
    fn at(&self, bytes: u64, length: Option<u64>) {
        let Self(bar) = self;
        if bar.length() != length {
            if let Some(length) = length {
                bar.set_length(length);
            }
            // What an earlier run left does not count for the rate.
            bar.set_position(bytes);
            bar.reset_eta();
        }
        bar.set_position(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
