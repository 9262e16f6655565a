//! `mv-clip range`: all that a camera saw from one time to another, in a folder.

use std::process::ExitCode;

use mv_clip_footage::Collector;
use mv_clip_host::ClipRequest;

use super::collect::{self, Calls, Output, Source};

/// Saves all that a camera saw in up to 24 hours, as files of at most five minutes with a manifest
/// and a report.
///
/// A window that fails leaves the others alone. The exit code is 0 with every clip there, 75 where
/// only failures remain that may pass, 130 after Ctrl-C, and 1 otherwise; the same command continues.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The camera's serial number, such as Q2XX-ABCD-1234.
    serial: String,

    /// The start: an RFC 3339 time, such as 2026-03-12T14:30:00Z.
    #[arg(long, value_name = "TIME")]
    start: String,

    /// The end, up to 24 hours later.
    #[arg(long, value_name = "TIME")]
    end: String,

    /// Which imager of a multi-imager camera.
    #[arg(long, value_name = "N")]
    imager_id: Option<u32>,

    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> ExitCode {
    collect::run(&args.output, &args).await
}

impl Source for Args {
    async fn collect(&self, calls: &Calls, collector: &Collector<'_>) -> anyhow::Result<()> {
        let Calls { host, settings } = calls;
        let request = ClipRequest {
            serial: self.serial.clone(),
            start: self.start.clone(),
            end: self.end.clone(),
            imager_id: self.imager_id,
        };
        let outcomes = host.get_range(settings, &request).await?;
        collect::save_all(collector, outcomes).await
    }
}
