//! A clip, saved.

mod patience;
mod stream;
mod upload;

use super::bindings::exports::meraki_mv::clips::{transfer, types};
use super::{Component, get, parsed, permanent, start};
use crate::transfer::{Destination, Digest, SavedClip};

impl transfer::Guest for Component {
    fn save_clip(
        request: types::ClipRequest,
        destination: String,
    ) -> Result<transfer::SavedClip, types::ClipError> {
        let request = parsed(&request).map_err(permanent)?;
        let destination = Destination::parse(&destination).map_err(permanent)?;
        let (clock, settings) = start()?;
        let clip = get(&clock, &settings, request)?;
        Ok(stream::run(&clock, &settings, clip, destination)?.into())
    }
}

impl From<SavedClip> for transfer::SavedClip {
    fn from(saved: SavedClip) -> Self {
        let SavedClip {
            clip,
            digest: Digest { bytes, sha256 },
        } = saved;
        Self {
            clip: clip.into(),
            bytes,
            sha256,
        }
    }
}
