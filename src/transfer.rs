//! The interface `transfer`: one clip, saved at a destination.

use mv_clip_core::transfer::{Destination, Digest, SavedClip};

use crate::bindings::Component;
use crate::bindings::exports::meraki_mv::clips::{transfer, types};
use crate::call::{parse, permanent, start};

impl transfer::Guest for Component {
    fn save_clip(
        request: types::ClipRequest,
        destination: String,
    ) -> Result<transfer::SavedClip, types::ClipError> {
        let request = parse(&request).map_err(permanent)?;
        let destination = Destination::parse(&destination).map_err(permanent)?;
        let call = start()?;
        let clip = call.get(request)?;
        Ok(call.save(clip, destination)?.into())
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
