//! What a media URL leads to.

use std::ops::RangeInclusive;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};

use crate::footage::{Footage, FootageBody};

/// A small clip that is always the same: four seconds of MPEG-TS with H.264 video and AAC audio. See
/// [`MockConfig::clip`](crate::MockConfig::clip). `fixtures/README.md` says how it was made.
pub static CLIP: &[u8] = include_bytes!("../fixtures/clip.ts");

/// A clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clip {
    /// The same bytes for each request.
    Fixed(Bytes),
    /// The footage that was asked for.
    Recorded(Footage),
}

impl Clip {
    /// The number of bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Fixed(bytes) => bytes.len() as u64,
            Self::Recorded(footage) => footage.len(),
        }
    }

    /// These of its bytes, which must be in it.
    pub(crate) fn part(&self, range: RangeInclusive<u64>) -> Body {
        let (first, length) = (*range.start(), range.end() - range.start() + 1);
        match self {
            Self::Fixed(bytes) => {
                let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                Body::new(Full::new(bytes.slice(index(first)..index(first + length))))
            }
            Self::Recorded(footage) => Body::new(FootageBody::new(footage, first, length)),
        }
    }

    /// All of its bytes.
    pub(crate) fn whole(&self) -> Body {
        match self.len().checked_sub(1) {
            Some(last) => self.part(0..=last),
            None => Body::empty(),
        }
    }

    /// All of its bytes, as a body of unknown length, which is sent in chunks.
    pub(crate) fn without_length(&self) -> Body {
        // A body whose frames are mapped has no known length.
        Body::new(self.whole().map_frame(|frame| frame))
    }
}
