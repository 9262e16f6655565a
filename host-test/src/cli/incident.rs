//! `mv-clip incident`: the footage around an event, in a folder.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use mv_clip_footage::Collector;
use mv_clip_host::ClipRequest;

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
    /// The cameras' serial numbers, such as Q2XX-ABCD-1234
    #[arg(required = true)]
    serials: Vec<String>,

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
            calls: self.serials.len(),
            clips: self.serials.len(),
            length: Duration::from_secs(u64::from(self.pre) + u64::from(self.post)),
        }
    }

    async fn collect(&self, calls: &Calls, collector: &Collector<'_>) -> anyhow::Result<()> {
        let (pre, post) = (Some(self.pre), Some(self.post));
        let save = async |request: ClipRequest| {
            let serial = &request.serial;
            let call = calls.host.call(&calls.settings);
            let reply = call.get_incident(serial, &self.at, pre, post).await;
            Ok(collector.save(&request, calls.clock.judged(reply)).await?)
        };
        let requests = requests(&self.serials, &self.at, self.pre, self.post)?;
        let cameras = stream::iter(requests).map(anyhow::Ok);
        cameras.try_for_each_concurrent(None, save).await
    }
}

/// One request per camera.
fn requests(serials: &[String], at: &str, pre: u32, post: u32) -> anyhow::Result<Vec<ClipRequest>> {
    let (start, end) = around(at, pre, post)?;
    let mut requests: Vec<ClipRequest> = Vec::new();
    for serial in serials {
        if requests
            .iter()
            .all(|other| !other.serial.eq_ignore_ascii_case(serial))
        {
            requests.push(ClipRequest {
                serial: serial.clone(),
                start: start.clone(),
                end: end.clone(),
                imager_id: None,
            });
        }
    }
    Ok(requests)
}

fn around(at: &str, pre: u32, post: u32) -> anyhow::Result<(String, String)> {
    let instant = DateTime::parse_from_rfc3339(at)
        .with_context(|| format!("--at {at} is not an RFC 3339 time such as 2026-03-12T14:31:00Z"))?
        .to_utc();
    let start = instant.checked_sub_signed(TimeDelta::seconds(pre.into()));
    let end = instant.checked_add_signed(TimeDelta::seconds(post.into()));
    let (start, end) = start
        .zip(end)
        .context("the window is outside the supported range of dates")?;
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    Ok((text(start), text(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_named_twice_is_requested_once() {
        let serials = ["Q2XX-ABCD-1234", "q2xx-abcd-1234", "Q2XX-ABCD-9999"].map(str::to_owned);
        let requests = requests(&serials, "2026-03-12T14:31:00Z", 30, 45).unwrap();
        let [first, second] = requests.as_slice() else {
            panic!("{requests:?}")
        };
        assert_eq!(
            (&*first.serial, &*second.serial),
            ("Q2XX-ABCD-1234", "Q2XX-ABCD-9999")
        );
        let window = ("2026-03-12T14:30:30.000Z", "2026-03-12T14:31:45.000Z");
        assert_eq!((&*first.start, &*first.end), window);
    }

    #[test]
    fn an_invalid_time_is_named() {
        for at in ["yesterday", "2026-03-12T14:31:00", "2026-02-30T00:00:00Z"] {
            let error = around(at, 30, 30).unwrap_err().to_string();
            assert!(error.contains(at), "{error}");
        }
    }
}
