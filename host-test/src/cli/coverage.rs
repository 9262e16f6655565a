//! `mv-clip coverage`: the footage of many cameras around a time, in a folder.

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

/// Save the footage of up to 100 cameras around a time in a folder
///
/// The folder gets a manifest and a report. One call requests all cameras, at most MV_CLIP_REQUESTS_PER_SECOND; each
/// imager of a camera takes a call of its own. One camera's failure does not affect others. Run the same command again
/// to resume. The exit code is 75 if every remaining failure is temporary.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_BATCH))]
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
    fn clips(&self) -> Clips {
        let imagers = self.imagers().len();
        Clips {
            calls: imagers + 1,
            clips: self.cameras.len(),
            length: Duration::from_secs(self.duration.into()),
        }
    }

    async fn collect(&self, calls: &Calls, collector: &Collector<'_>) -> anyhow::Result<()> {
        let half = TimeDelta::milliseconds(i64::from(self.duration) * 500);
        let window = camera::around(&self.at, half, half)?;
        let imagers = async {
            let save = async |camera: &Camera| {
                let request = camera.request(&window);
                let call = calls.host.call(&calls.settings);
                let reply = call.request_clip(&request).await;
                Ok(collector.save(&request, calls.clock.judged(reply)).await?)
            };
            let imagers = stream::iter(self.imagers()).map(anyhow::Ok);
            imagers.try_for_each_concurrent(None, save).await
        };
        let cameras = async {
            let without = self
                .cameras
                .iter()
                .filter(|camera| camera.imager_id.is_none());
            let serials: Vec<_> = without.map(|camera| camera.serial.clone()).collect();
            if serials.is_empty() {
                return Ok(());
            }
            let duration = Some(self.duration);
            let call = calls.host.call(&calls.settings);
            let reply = call.get_coverage(&serials, &self.at, duration).await;
            collect::save_all(collector, calls.clock.judged(reply)?).await
        };
        tokio::try_join!(cameras, imagers)?;
        Ok(())
    }
}

impl Args {
    /// Those with an imager, which the component's function for many cameras does not take.
    fn imagers(&self) -> Vec<&Camera> {
        let mut cameras = camera::distinct(&self.cameras);
        cameras.retain(|camera| camera.imager_id.is_some());
        cameras
    }
}
