//! `mv-clip get`: one clip's URL.

use std::process::ExitCode;

use mv_clip_host::{Clip, Settings};

use super::call::{Call, waiting_for};
use super::outcome::{clip_json, tell};
use super::settings;

/// Gets the temporary URL of a recorded clip.
///
/// Settings are environment variables: MERAKI_DASHBOARD_API_KEY, MERAKI_BASE_URL and those that
/// begin with MV_CLIP_; the README lists them. The exit code is 0 with a URL, 75 where the same call
/// may succeed later, 2 where this command is used wrongly, and 1 otherwise.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    call: Call,
}

pub(super) async fn run(args: Args) -> ExitCode {
    let clip = get(&args.call).await;
    tell(clip, args.call.json, clip_json, |clip| {
        clip.url.expose().to_owned()
    })
}

async fn get(call: &Call) -> anyhow::Result<Clip> {
    let settings = Settings::from_env()?;
    let waiting = waiting_for(settings::base_url(&settings).to_owned());
    let host = settings::host(&call.component, &call.key, &settings, &[]).await?;
    let result = host.request_clip(&settings, &call.request()).await;
    waiting.finish_and_clear();
    Ok(result?)
}
