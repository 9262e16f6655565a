//! `mv-clip range`: all footage of a camera in a period, in a folder.

use std::process::ExitCode;

use mv_clip_core::events;
use mv_clip_core::request::ClipRequest as Clip;
use mv_clip_host::ClipRequest;

use super::camera::OneCamera;
use super::collect::{self, Output, Source};
use super::deadline;
use super::exit::Usage;
use super::stop::Stop;
use super::times;

/// Save up to 24 hours of a camera's footage in a folder
///
/// The folder gets clips of at most five minutes, a manifest and a report. Clips that are there are not requested. One
/// clip's failure does not affect others. Run the same command again to resume. The exit code is 75 if every remaining
/// failure is temporary. --sign and --timestamp prove later that nothing was changed: see `mv-clip verify`.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_FOLDER))]
pub(super) struct Args {
    #[command(flatten)]
    camera: OneCamera,

    /// The start as an RFC 3339 time, such as 2026-03-12T14:30:00Z
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    start: String,

    /// The end, up to 24 hours after the start
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    end: String,

    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args, stop: &Stop) -> ExitCode {
    collect::run(&args.output, &args, stop).await
}

impl Source for Args {
    fn requests(&self) -> Result<Vec<ClipRequest>, Usage> {
        let camera = self.camera.camera()?;
        let clips = events::range(&camera.serial, &self.start, &self.end, camera.imager_id);
        let clips = clips.map_err(|failure| Usage(failure.message))?;
        let request = |clip: Clip| ClipRequest {
            serial: clip.serial.to_string(),
            start: clip.window.start().to_string(),
            end: clip.window.end().to_string(),
            imager_id: clip.imager_id,
        };
        Ok(clips.into_iter().map(request).collect())
    }
}
