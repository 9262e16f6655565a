//! The interface `clips`: one clip at a time.

use mv_clip_core::request::ClipRequest;

use crate::bindings::Component;
use crate::bindings::exports::meraki_mv::clips::{clips, types};
use crate::call::{get_one, parse};

impl clips::Guest for Component {
    fn get_clip(serial: String, start: String, end: String) -> Result<String, types::ClipError> {
        let request = ClipRequest::parse(&serial, &start, &end, None);
        Ok(get_one(request)?.url.into_string())
    }

    fn request_clip(request: types::ClipRequest) -> Result<types::Clip, types::ClipError> {
        Ok(get_one(parse(&request))?.into())
    }
}
