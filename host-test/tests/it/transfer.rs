//! Saving clips: `save-clip`, end to end.

pub mod bucket;
pub mod destinations;
mod media;
mod s3;

use std::time::Duration;

use meraki_mock::{CLIP, MockConfig};
use mv_clip_host::{CallError, SavedClip};
use sha2::{Digest, Sha256};

use self::bucket::Bucket;
use crate::support::{SERIAL, World, footage};

/// The timeout of an attempt without progress.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(1);

/// A mock, a bucket, and a host that may reach both.
async fn world(config: MockConfig, bucket: &Bucket) -> World {
    let world = World::with(config).await.also(&bucket.origin());
    world
        .set(
            "MV_CLIP_ATTEMPT_TIMEOUT_SECONDS",
            &PROGRESS_TIMEOUT.as_secs().to_string(),
        )
        .set("MV_CLIP_DEADLINE_SECONDS", "20")
}

async fn save(world: &World, destination: &str) -> Result<SavedClip, CallError> {
    let request = footage(SERIAL);
    world
        .host
        .save_clip(world.settings(), &request, destination)
        .await
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The fixture repeated, which is a valid transport stream too.
pub fn long_clip(times: usize) -> bytes::Bytes {
    CLIP.repeat(times).into()
}
