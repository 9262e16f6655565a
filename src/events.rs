//! The interface `events`: many clips at once.

use mv_clip_core::api::Clip;
use mv_clip_core::error::ClipError;
use mv_clip_core::events::{Coverage, coverage, incident, range};
use mv_clip_core::request::{ClipRequest, Window};

use crate::bindings::Component;
use crate::bindings::exports::meraki_mv::clips::{events, types};
use crate::call::{get_one, permanent, start};

impl events::Guest for Component {
    fn get_range(request: types::ClipRequest) -> Result<Vec<types::ClipOutcome>, types::ClipError> {
        let requests = range(
            &request.serial,
            &request.start,
            &request.end,
            request.imager_id,
        );
        let requests = requests.map_err(permanent)?;
        let results = start()?.get_all(requests.iter().cloned().map(Ok).collect());
        let outcome = |(request, result): (&ClipRequest, _)| outcome(request.into(), result);
        Ok(requests.iter().zip(results).map(outcome).collect())
    }

    fn get_incident(
        serial: String,
        at: String,
        pre_roll_seconds: Option<u32>,
        post_roll_seconds: Option<u32>,
    ) -> Result<types::Clip, types::ClipError> {
        let request = incident(&serial, &at, pre_roll_seconds, post_roll_seconds);
        Ok(get_one(request)?.into())
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "each index is that of a request, and each request has a result"
    )]
    fn get_coverage(
        serials: Vec<String>,
        at: String,
        duration_seconds: Option<u32>,
    ) -> Result<Vec<types::ClipOutcome>, types::ClipError> {
        let Coverage {
            window,
            requests,
            request_indices,
        } = coverage(&serials, &at, duration_seconds).map_err(permanent)?;
        let results = start()?.get_all(requests.clone());
        let outcome = |(serial, index): (String, usize)| {
            let request = match &requests[index] {
                Ok(request) => request.into(),
                Err(_) => request_as_given(serial, window),
            };
            outcome(request, results[index].clone())
        };
        Ok(serials
            .into_iter()
            .zip(request_indices)
            .map(outcome)
            .collect())
    }
}

impl From<&ClipRequest> for types::ClipRequest {
    fn from(request: &ClipRequest) -> Self {
        let ClipRequest {
            serial,
            window,
            imager_id,
        } = request;
        Self {
            imager_id: *imager_id,
            ..request_as_given(serial.to_string(), *window)
        }
    }
}

/// A request with a serial number that may be invalid.
fn request_as_given(serial: String, window: Window) -> types::ClipRequest {
    types::ClipRequest {
        serial,
        start: window.start().to_rfc3339(),
        end: window.end().to_rfc3339(),
        imager_id: None,
    }
}

fn outcome(request: types::ClipRequest, result: Result<Clip, ClipError>) -> types::ClipOutcome {
    let outcome = result.map(Into::into).map_err(Into::into);
    types::ClipOutcome { request, outcome }
}
