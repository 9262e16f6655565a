//! What the exports have in common: conversion of arguments and errors, and the start of a call.

use mv_clip_core::api::Clip;
use mv_clip_core::error::{ClipError, Failure};
use mv_clip_core::request::ClipRequest;
use mv_clip_guest::Call;

use crate::bindings::exports::meraki_mv::clips::types;

pub(crate) fn permanent(failure: Failure) -> types::ClipError {
    ClipError::Permanent(failure).into()
}

pub(crate) fn parse(request: &types::ClipRequest) -> Result<ClipRequest, Failure> {
    ClipRequest::parse(
        &request.serial,
        &request.start,
        &request.end,
        request.imager_id,
    )
}

/// Starts a call. Its deadline counts from here.
pub(crate) fn start() -> Result<Call, types::ClipError> {
    Call::start().map_err(permanent)
}

/// Gets one clip. An invalid request fails before the settings are read.
pub(crate) fn get_one(request: Result<ClipRequest, Failure>) -> Result<Clip, types::ClipError> {
    let request = request.map_err(permanent)?;
    Ok(start()?.get(request)?)
}
