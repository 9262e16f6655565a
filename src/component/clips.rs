//! One clip at a time.

use super::bindings::exports::meraki_mv::clips::{clips, types};
use super::{Component, one, parsed};
use crate::request::ClipRequest;

impl clips::Guest for Component {
    fn get_clip(serial: String, start: String, end: String) -> Result<String, types::ClipError> {
        let request = ClipRequest::parse(&serial, &start, &end, None);
        Ok(one(request)?.url.into_string())
    }

    fn request_clip(request: types::ClipRequest) -> Result<types::Clip, types::ClipError> {
        Ok(one(parsed(&request))?.into())
    }
}
