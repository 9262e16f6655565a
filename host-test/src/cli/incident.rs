//! `mv-clip incident`: the footage around an event, in a folder.

use std::process::ExitCode;
use std::time::Duration;

use mv_clip_core::request::Window;
use mv_clip_host::ClipRequest;

use super::camera::{self, Camera};
use super::collect::{self, Output, Source};
use super::deadline;
use super::exit::Usage;
use super::stop::Stop;
use super::times;

/// Save the footage of cameras before and after an event in a folder
///
/// The folder gets a manifest and a report. The command waits for footage that is not available yet, up to
/// MV_CLIP_DEADLINE_SECONDS. One camera's failure does not affect others. Run the same command again to resume. The
/// exit code is 75 if every remaining failure is temporary. --sign and --timestamp prove later that nothing was changed:
/// see `mv-clip verify`.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_FOLDER))]
pub(super) struct Args {
    /// The cameras' serial numbers, such as Q2XX-ABCD-1234; Q2XX-ABCD-1234.2 is the second imager of a camera
    #[arg(required = true, value_name = "SERIAL[.IMAGER]")]
    cameras: Vec<Camera>,

    /// The time of the event as an RFC 3339 time, such as 2026-03-12T14:31:00Z
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    at: String,

    /// Seconds of footage before the event
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pre: u32,

    /// Seconds of footage after the event
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    post: u32,

    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args, stop: &Stop) -> ExitCode {
    collect::run(&args.output, &args, stop).await
}

impl Source for Args {
    fn requests(&self) -> Result<Vec<ClipRequest>, Usage> {
        let window = around(&self.at, self.pre, self.post)?;
        camera::requests(&self.cameras, window)
    }

    fn event(&self) -> Option<&str> {
        Some(&self.at)
    }
}

fn around(at: &str, pre: u32, post: u32) -> Result<Window, Usage> {
    let at = times::timestamp(at)?;
    let roll = |seconds: u32| Duration::from_secs(seconds.into());
    Window::new(at - roll(pre), at + roll(post)).map_err(|failure| Usage(failure.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_around_the_event() {
        let window = around("2026-03-12T14:31:00Z", 30, 45).unwrap();
        let window = (window.start().to_string(), window.end().to_string());
        assert_eq!(window.0, "2026-03-12T14:30:30.000Z");
        assert_eq!(window.1, "2026-03-12T14:31:45.000Z");
    }

    #[test]
    fn a_window_that_no_clip_can_have_is_a_mistake_in_the_arguments() {
        for (pre, post) in [(0, 0), (200, 101), (u32::MAX, u32::MAX)] {
            assert!(around("2026-03-12T14:31:00Z", pre, post).is_err());
        }
        let error = around("yesterday", 30, 30).unwrap_err().to_string();
        assert!(error.contains("yesterday"), "{error}");
    }
}
