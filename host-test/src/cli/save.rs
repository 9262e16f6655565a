//! `mv-clip save`: a clip, streamed to a URL.

use std::process::ExitCode;

use mv_clip_host::{SavedClip, Settings};
use serde_json::{Value, json};

use super::call::Call;
use super::deadline;
use super::notes::Notes;
use super::outcome::{clip_json, show};
use super::progress::{Footage, Spinner};
use super::settings::{self, Configuration, DESTINATION};
use super::stop::Stop;

/// Stream a recorded clip to a presigned URL
///
/// The URL must accept PUT, such as a presigned URL of S3, Google Cloud Storage, Azure or MinIO. Only a complete
/// MPEG transport stream is stored. Settings are those of `mv-clip get`; MV_CLIP_DEADLINE_SECONDS also covers the
/// transfer.
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_CALL))]
pub(super) struct Args {
    #[command(flatten)]
    call: Call,

    /// The presigned URL: https, or http to a loopback address. It is a secret, so prefer the environment
    /// variable
    #[arg(long, value_name = "URL", env = DESTINATION, hide_env_values = true)]
    to: String,
}

pub(super) async fn run(args: Args, stop: &Stop) -> ExitCode {
    let saved = save(&args, stop).await;
    show(saved, args.call.json, saved_json, |saved| {
        format!("{}  {} bytes", saved.sha256, saved.bytes)
    })
}

async fn save(args: &Args, stop: &Stop) -> anyhow::Result<SavedClip> {
    let call = &args.call;
    let settings = Settings::from_env()?;
    // An invalid URL allows nothing: the component reports what is wrong with it.
    let destination: http::Uri = args.to.parse().unwrap_or_default();
    let host = destination.host().unwrap_or("its destination");
    let base_url = settings::base_url(&settings);
    let text = format!("saving a clip from {base_url} to {host}");
    let limit = call.limit(&settings);
    let request = call.request()?;
    let notes = Notes::default();
    let work = async {
        let _spinner = Spinner::start(&text, Footage::of([&request], &settings));
        let configuration = Configuration::with_key(settings, &call.key).await?;
        let (trust, others) = (&call.key.trust, [destination.clone()]);
        let host = settings::host(&call.component, trust, &configuration, &others).await?;
        let calls = host.call(&configuration.settings);
        let reply = calls.save_clip(&request, &args.to).await;
        Ok(notes.observe(reply, &configuration.key_source)?)
    };
    let saved = stop.bound(limit, work).await;
    notes.print();
    saved
}

fn saved_json(saved: &SavedClip) -> Value {
    json!({
        "clip": clip_json(&saved.clip),
        "bytes": saved.bytes,
        "sha256": saved.sha256,
    })
}
