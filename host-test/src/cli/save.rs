//! `mv-clip save`: one clip, streamed to where it is kept.

use std::process::ExitCode;

use mv_clip_host::{SavedClip, Settings};
use serde_json::{Value, json};

use super::call::{Call, waiting_for};
use super::outcome::{clip_json, tell};
use super::settings::{self, DESTINATION};

/// Gets a recorded clip and streams it to a URL that takes it by PUT, such as S3, Google Cloud Storage,
/// Azure or MinIO presign.
///
/// Nothing is stored that is not a whole MPEG transport stream. Settings and exit codes are those of
/// `host-test get`; MV_CLIP_DEADLINE_SECONDS is over the transfer too.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    call: Call,

    /// The presigned URL: https, or http to a loopback address. It is a secret, so rather set the
    /// environment variable.
    #[arg(long, value_name = "URL", env = DESTINATION, hide_env_values = true)]
    to: String,
}

pub(super) async fn run(args: Args) -> ExitCode {
    let saved = save(&args).await;
    tell(saved, args.call.json, saved_json, |saved| {
        format!("{}  {} bytes", saved.sha256, saved.bytes)
    })
}

async fn save(args: &Args) -> anyhow::Result<SavedClip> {
    let call = &args.call;
    let settings = Settings::from_env()?;
    // What cannot be read opens nothing: the guest says what is wrong with it.
    let destination: http::Uri = args.to.parse().unwrap_or_default();
    let host = destination.host().unwrap_or("its destination");
    let base_url = settings::base_url(&settings);
    let waiting = waiting_for(format!("a clip from {base_url} to {host}"));
    let host = settings::host(&call.component, &call.key, &settings, &[destination]).await?;
    let result = host.save_clip(&settings, &call.request(), &args.to).await;
    waiting.finish_and_clear();
    Ok(result?)
}

fn saved_json(saved: &SavedClip) -> Value {
    json!({
        "clip": clip_json(&saved.clip),
        "bytes": saved.bytes,
        "sha256": saved.sha256,
    })
}
