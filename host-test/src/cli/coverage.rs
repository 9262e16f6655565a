//! `mv-clip coverage`: the footage of many cameras around a time, in a folder.

use std::process::ExitCode;

use mv_clip_core::events;
use mv_clip_host::ClipRequest;

use super::camera::{self, Camera};
use super::collect::{self, Output, Source};
use super::deadline;
use super::exit::Usage;
use super::stop::Stop;
use super::times;

/// Save the footage of up to 100 cameras around a time in a folder
///
/// The folder gets a manifest and a report. Clips that are there are not requested. One camera's failure does not affect
/// others. Run the same command again to resume. The exit code is 75 if every
/// remaining failure is temporary. --sign and --timestamp prove later that nothing was changed: see `mv-clip verify`.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_FOLDER))]
pub(super) struct Args {
    /// The cameras' serial numbers, such as Q2XX-ABCD-1234; Q2XX-ABCD-1234.2 is the second imager of a camera
    #[arg(required = true, value_name = "SERIAL[.IMAGER]")]
    cameras: Vec<Camera>,

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
    fn requests(&self) -> Result<Vec<ClipRequest>, Usage> {
        let serials: Vec<_> = self
            .cameras
            .iter()
            .map(|camera| camera.serial.clone())
            .collect();
        let coverage = events::coverage(&serials, &self.at, Some(self.duration));
        let coverage = coverage.map_err(|failure| Usage(failure.message))?;
        camera::requests(&self.cameras, coverage.window)
    }

    fn event(&self) -> Option<&str> {
        Some(&self.at)
    }
}
