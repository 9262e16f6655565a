//! `mv-clip get`: the URL of a clip.

use std::process::ExitCode;

use mv_clip_host::{Clip, Settings};

use super::call::Call;
use super::notes::Notes;
use super::outcome::{clip_json, show};
use super::progress::{Footage, Spinner};
use super::settings::{self, Configuration};
use super::stop::Stop;
use super::{deadline, output};

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
    output::require_stdout()?;
    let settings = Settings::from_env()?;
    let limit = call.limit(&settings);
    let request = call.request()?;
    let notes = Notes::default();
    let work = async {
        let text = format!("waiting for {}", settings::base_url(&settings));
        let _spinner = Spinner::start(&text, Footage::of([&request], &settings));
        let configuration = Configuration::with_key(settings, &call.key).await?;
        let trust = &call.key.trust;
        let host = settings::host(&call.component, trust, &configuration, &[]).await?;
        let calls = host.call(&configuration.settings);
        let reply = calls.request_clip(&request).await;
        Ok(notes.observe(reply, &configuration.key_source)?)
    };
    let clip = stop.bound(limit, work).await;
    notes.print();
    clip
}
