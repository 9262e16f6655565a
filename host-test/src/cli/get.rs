//! `mv-clip get`: the URL of a clip.

use std::process::ExitCode;

use mv_clip_host::{Clip, Settings};

use super::call::Call;
use super::clock::Clock;
use super::deadline;
use super::outcome::{clip_json, show};
use super::progress::Spinner;
use super::settings::{self, Configuration};
use super::stop::Stop;

/// Print the temporary URL of a recorded clip
///
/// Settings are environment variables: MERAKI_DASHBOARD_API_KEY, MERAKI_BASE_URL, and those that begin with
/// MV_CLIP_. The page docs/SETTINGS.md lists them.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_CALL))]
pub(super) struct Args {
    #[command(flatten)]
    call: Call,
}

pub(super) async fn run(args: Args, stop: &Stop) -> ExitCode {
    let clip = get(&args.call, stop).await;
    show(clip, args.call.json, clip_json, |clip| {
        clip.url.expose().to_owned()
    })
}

async fn get(call: &Call, stop: &Stop) -> anyhow::Result<Clip> {
    let settings = Settings::from_env()?;
    let limit = call.limit(&settings);
    let clock = Clock::default();
    let work = async {
        let _spinner = Spinner::start(&format!("waiting for {}", settings::base_url(&settings)));
        let configuration = Configuration::with_key(settings, &call.key).await?;
        let trust = &call.key.trust;
        let host = settings::host(&call.component, trust, &configuration, &[]).await?;
        let calls = host.call(&configuration.settings);
        let reply = calls.request_clip(&call.request()).await;
        Ok(clock.observe(reply)?)
    };
    let clip = stop.bound(limit, work).await;
    clock.print_note();
    clip
}
