//! One clip at a time.

use mv_clip_core::request::ClipRequest;

use crate::bindings::exports::meraki_mv::clips::{clips, types};
use crate::{Component, one, parsed};

impl clips::Guest for Component {
    fn get_clip(serial: String, start: String, end: String) -> Result<String, types::ClipError> {
        let request = ClipRequest::parse(&serial, &start, &end, None);
        Ok(one(request)?.url.into_string())
    }

    fn request_clip(request: types::ClipRequest) -> Result<types::Clip, types::ClipError> {
        Ok(one(parsed(&request))?.into())
    }
}
