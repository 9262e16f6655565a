//! Many clips at once.

use mv_clip_core::api::Clip;
use mv_clip_core::error::{ClipError, Failure};
use mv_clip_core::events::{Coverage, coverage, incident, range};
use mv_clip_core::request::{ClipRequest, Window};

use crate::bindings::exports::meraki_mv::clips::{events, types};
use crate::{Component, one, permanent, start};

impl events::Guest for Component {
    fn get_range(request: types::ClipRequest) -> Result<Vec<types::ClipOutcome>, types::ClipError> {
        let requests = range(
            &request.serial,
            &request.start,
            &request.end,
            request.imager_id,
        );
        let requests = requests.map_err(permanent)?;
        let asked = requests.clone();
        let results = many(requests.into_iter().map(Ok).collect())?;
        let outcome = |(request, result): (&ClipRequest, _)| outcome(request.into(), result);
        Ok(asked.iter().zip(results).map(outcome).collect())
    }

    fn get_incident(
        serial: String,
        at: String,
        pre_roll_seconds: Option<u32>,
        post_roll_seconds: Option<u32>,
    ) -> Result<types::Clip, types::ClipError> {
        let request = incident(&serial, &at, pre_roll_seconds, post_roll_seconds);
        Ok(one(request)?.into())
    }

    fn get_coverage(
        serials: Vec<String>,
        at: String,
        duration_seconds: Option<u32>,
    ) -> Result<Vec<types::ClipOutcome>, types::ClipError> {
        let Coverage {
            window,
            requests,
            answers,
        } = coverage(&serials, &at, duration_seconds).map_err(permanent)?;
        let asked: Vec<_> = requests
            .iter()
            .map(|request| request.as_ref().ok().cloned())
            .collect();
        let results = many(requests)?;
        let answer = |(serial, answer): (String, usize)| {
            let result = results.get(answer)?.clone();
            let request = match asked.get(answer)? {
                Some(request) => request.into(),
                None => refused_request(serial, window),
            };
            Some(outcome(request, result))
        };
        Ok(serials
            .into_iter()
            .zip(answers)
            .filter_map(answer)
            .collect())
    }
}

fn many(
    requests: Vec<Result<ClipRequest, Failure>>,
) -> Result<Vec<Result<Clip, ClipError>>, types::ClipError> {
    Ok(start()?.get_all(requests))
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
            ..refused_request(serial.to_string(), *window)
        }
    }
}

/// A request whose serial was refused, as it was given.
fn refused_request(serial: String, window: Window) -> types::ClipRequest {
    types::ClipRequest {
        serial,
        start: window.start().to_string(),
        end: window.end().to_string(),
        imager_id: None,
    }
}

/// What one of several clips came to, as the contract has it.
fn outcome(request: types::ClipRequest, result: Result<Clip, ClipError>) -> types::ClipOutcome {
    let outcome = result.map(Into::into).map_err(Into::into);
    types::ClipOutcome { request, outcome }
}
