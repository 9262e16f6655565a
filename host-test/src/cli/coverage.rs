//! `mv-clip coverage`: the footage of many cameras around a time, in a folder.

use std::process::ExitCode;
use std::time::Duration;

use mv_clip_footage::Collector;

use super::collect::{self, Calls, Output, Source};
use super::deadline::{self, Clips};
use super::stop::Stop;
use super::times;

/// Save the footage of up to 100 cameras around a time in a folder
///
/// The folder gets a manifest and a report. One call requests all cameras, at most MV_CLIP_REQUESTS_PER_SECOND. One
/// camera's failure does not affect others. Run the same command again to resume. The exit code is 75 if every
/// remaining failure is temporary.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_BATCH))]
pub(super) struct Args {
    /// The cameras' serial numbers, such as Q2XX-ABCD-1234
    #[arg(required = true)]
    serials: Vec<String>,

    /// The middle of the window as an RFC 3339 time, such as 2026-03-12T14:31:00Z
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    at: String,

    /// The length of the window, up to 300 seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    duration: u32,

    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args, stop: &Stop) -> ExitCode {
    collect::run(&args.output, &args, stop).await
}

impl Source for Args {
    fn clips(&self) -> Clips {
        Clips {
            calls: 1,
            clips: self.serials.len(),
            length: Duration::from_secs(self.duration.into()),
        }
    }

    async fn collect(&self, calls: &Calls, collector: &Collector<'_>) -> anyhow::Result<()> {
        let duration = Some(self.duration);
        let call = calls.host.call(&calls.settings);
        let reply = call.get_coverage(&self.serials, &self.at, duration).await;
        collect::save_all(collector, calls.clock.judged(reply)?).await
    }
}
