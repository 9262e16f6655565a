//! `mv-clip get`: the URL of a clip.

use std::process::ExitCode;

use mv_clip_host::Clip;

use super::call::Call;
use super::exit;
use super::outcome::{clip_json, show};
use super::output;
use super::progress::Spinner;
use super::settings::{self, Configuration};

/// Print the temporary URL of a recorded clip
///
/// Settings are environment variables: MERAKI_DASHBOARD_API_KEY, MERAKI_BASE_URL, and those that begin with
/// MV_CLIP_. The page docs/SETTINGS.md lists them.
#[derive(clap::Args)]
#[command(after_help = exit::HELP)]
pub(super) struct Args {
    #[command(flatten)]
    call: Call,
}

pub(super) async fn run(args: Args) -> ExitCode {
    let clip = get(&args.call).await;
    show(clip, args.call.json, clip_json, |clip| {
        clip.url.expose().to_owned()
    })
}

async fn get(call: &Call) -> anyhow::Result<Clip> {
    output::require_stdout()?;
    let configuration = Configuration::from_env(&call.key).await?;
    let settings = &configuration.settings;
    let _spinner = Spinner::start(&format!("waiting for {}", settings::base_url(settings)));
    let host = settings::host(&call.component, &call.key.trust, &configuration, &[]).await?;
    Ok(host.request_clip(settings, &call.request()).await?)
}
