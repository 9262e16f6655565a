//! `mv-clip range`: all footage of a camera in a period, in a folder.

use std::process::ExitCode;
use std::time::Duration;

use mv_clip_footage::Collector;
use mv_clip_host::ClipRequest;

use super::collect::{self, Calls, Output, Source};
use super::deadline::{self, Clips};
use super::stop::Stop;
use super::times;

/// Save up to 24 hours of a camera's footage in a folder
///
/// The folder gets clips of at most five minutes, a manifest and a report. One clip's failure does not affect
/// others. Run the same command again to resume. The exit code is 75 if every remaining failure is temporary.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_BATCH))]
pub(super) struct Args {
    /// The camera's serial number, such as Q2XX-ABCD-1234
    serial: String,

    /// The start as an RFC 3339 time, such as 2026-03-12T14:30:00Z
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    start: String,

    /// The end, up to 24 hours after the start
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    end: String,

    /// The imager of a multi-imager camera
    #[arg(long, value_name = "N")]
    imager_id: Option<u32>,

    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args, stop: &Stop) -> ExitCode {
    collect::run(&args.output, &args, stop).await
}

/// The longest clip.
const LONGEST: u64 = 300;

impl Source for Args {
    fn clips(&self) -> Clips {
        let seconds = times::length(&self.start, &self.end).as_secs();
        Clips {
            calls: 1,
            clips: usize::try_from(seconds.div_ceil(LONGEST)).unwrap_or(usize::MAX),
            length: Duration::from_secs(seconds.min(LONGEST)),
        }
    }

    async fn collect(&self, calls: &Calls, collector: &Collector<'_>) -> anyhow::Result<()> {
        let request = ClipRequest {
            serial: self.serial.clone(),
            start: self.start.clone(),
            end: self.end.clone(),
            imager_id: self.imager_id,
        };
        let reply = calls.host.call(&calls.settings).get_range(&request).await;
        collect::save_all(collector, calls.clock.judged(reply)?).await
    }
}
