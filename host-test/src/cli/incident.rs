//! `mv-clip incident`: the footage around an event, in a folder.

use std::process::ExitCode;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::{StreamExt, TryStreamExt, stream};
use mv_clip_footage::Collector;

use super::camera::{self, Camera};
use super::collect::{self, Calls, Output, Source};
use super::deadline::{self, Clips};
use super::stop::Stop;
use super::times;

/// Save the footage of cameras before and after an event in a folder
///
/// The folder gets a manifest and a report. The command waits for footage that is not available yet, up to
/// MV_CLIP_DEADLINE_SECONDS. One camera's failure does not affect others. Run the same command again to resume. The
/// exit code is 75 if every remaining failure is temporary.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_INCIDENT))]
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
    fn clips(&self) -> Clips {
        Clips {
            calls: self.cameras.len(),
            clips: self.cameras.len(),
            length: Duration::from_secs(u64::from(self.pre) + u64::from(self.post)),
        }
    }

    async fn collect(&self, calls: &Calls, collector: &Collector<'_>) -> anyhow::Result<()> {
        let (pre, post) = (Some(self.pre), Some(self.post));
        let [before, after] = [self.pre, self.post].map(|roll| TimeDelta::seconds(roll.into()));
        let window = camera::around(&self.at, before, after)?;
        let save = async |camera: &Camera| {
            let request = camera.request(&window);
            let call = calls.host.call(&calls.settings);
            let reply = match camera.imager_id {
                None => call.get_incident(&camera.serial, &self.at, pre, post).await,
                // The function for incidents takes no imager.
                Some(_) => call.request_clip(&request).await,
            };
            Ok(collector.save(&request, calls.clock.judged(reply)).await?)
        };
        let cameras = stream::iter(camera::distinct(&self.cameras)).map(anyhow::Ok);
        cameras.try_for_each_concurrent(None, save).await
    }
}
