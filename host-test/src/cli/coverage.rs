//! `mv-clip coverage`: what cameras saw in a window around an instant, in a folder.

use std::process::ExitCode;

use mv_clip_footage::Collector;

use super::collect::{self, Calls, Output, Source};

/// Saves what up to 100 cameras saw in a window around an instant, as files with a manifest and a
/// report.
///
/// One call asks for all of them, paced to MV_CLIP_REQUESTS_PER_SECOND. A camera that fails leaves the
/// others alone. The exit code is 0 with every clip there, 75 where only failures remain that may
/// pass, 130 after Ctrl-C, and 1 otherwise; the same command continues.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The cameras' serial numbers, such as Q2XX-ABCD-1234.
    #[arg(required = true)]
    serials: Vec<String>,

    /// The middle of the window: an RFC 3339 time, such as 2026-03-12T14:31:00Z.
    #[arg(long, value_name = "TIME")]
    at: String,

    /// How long the window is, up to 300 s.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    duration: u32,

    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> ExitCode {
    collect::run(&args.output, &args).await
}

impl Source for Args {
    async fn collect(&self, calls: &Calls, collector: &Collector<'_>) -> anyhow::Result<()> {
        let Calls { host, settings } = calls;
        let duration = Some(self.duration);
        let outcomes = host
            .get_coverage(settings, &self.serials, &self.at, duration)
            .await?;
        collect::save_all(collector, outcomes).await
    }
}
