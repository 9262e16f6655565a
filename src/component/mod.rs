//! The world `clip-plugin`: the only code that names WASI. It lends the rest of the crate a clock,
//! randomness, environment variables and HTTP.

mod clock;
mod convert;
mod drive;
mod error_code;
mod http;
mod incoming;
mod outgoing;
mod patience;
mod transfer;
mod upload;

use dlmalloc::GlobalDlmalloc;

use self::bindings::exports::meraki_mv::clips::{clips, events, transfer as exported, types};
use self::clock::Clock;
use self::convert::{outcome, refused_request};
use crate::api::Clip;
use crate::error::{ClipError, Failure};
use crate::events::Coverage;
use crate::request::ClipRequest;
use crate::settings::Settings;
use crate::transfer::Destination;

#[expect(unsafe_code, reason = "generated from wit/")]
mod bindings {
    wit_bindgen::generate!({
        world: "clip-plugin",
        path: "wit",
        with: {
            "wasi:cli/environment@0.2.12": wasi::cli::environment,
            "wasi:clocks/monotonic-clock@0.2.12": waki::bindings::wasi::clocks::monotonic_clock,
            "wasi:clocks/wall-clock@0.2.12": wasi::clocks::wall_clock,
            "wasi:http/outgoing-handler@0.2.12": waki::bindings::wasi::http::outgoing_handler,
            "wasi:http/types@0.2.12": waki::bindings::wasi::http::types,
            "wasi:io/error@0.2.12": waki::bindings::wasi::io::error,
            "wasi:io/poll@0.2.12": waki::bindings::wasi::io::poll,
            "wasi:io/streams@0.2.12": waki::bindings::wasi::io::streams,
            "wasi:random/random@0.2.12": wasi::random::random,
        },
    });
    export!(Component with_types_in self);
    use super::Component;
}

/// The standard library's allocator, in the version that begins with the memory that the module has
/// from the start. To grow it costs the host two system calls.
#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

struct Component;

impl clips::Guest for Component {
    fn get_clip(serial: String, start: String, end: String) -> Result<String, types::ClipError> {
        let request = ClipRequest::parse(&serial, &start, &end, None);
        Ok(one(request)?.url.into_string())
    }

    fn request_clip(request: types::ClipRequest) -> Result<types::Clip, types::ClipError> {
        Ok(one(parsed(&request))?.into())
    }
}

impl events::Guest for Component {
    fn get_range(request: types::ClipRequest) -> Result<Vec<types::ClipOutcome>, types::ClipError> {
        let types::ClipRequest {
            serial,
            start,
            end,
            imager_id,
        } = request;
        let requests = crate::events::range(&serial, &start, &end, imager_id).map_err(permanent)?;
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
        let request = crate::events::incident(&serial, &at, pre_roll_seconds, post_roll_seconds);
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
        } = crate::events::coverage(&serials, &at, duration_seconds).map_err(permanent)?;
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

impl exported::Guest for Component {
    fn save_clip(
        request: types::ClipRequest,
        destination: String,
    ) -> Result<exported::SavedClip, types::ClipError> {
        let request = parsed(&request).map_err(permanent)?;
        let destination = Destination::parse(&destination).map_err(permanent)?;
        let (clock, settings) = start()?;
        let clip = get(&clock, &settings, request)?;
        Ok(transfer::run(&clock, &settings, clip, destination)?.into())
    }
}

fn permanent(failure: Failure) -> types::ClipError {
    ClipError::Permanent(failure).into()
}

fn parsed(request: &types::ClipRequest) -> Result<ClipRequest, Failure> {
    let types::ClipRequest {
        serial,
        start,
        end,
        imager_id,
    } = request;
    ClipRequest::parse(serial, start, end, *imager_id)
}

/// The call's time runs from here.
fn start() -> Result<(Clock, Settings), types::ClipError> {
    let clock = Clock::start();
    let variables = wasi::cli::environment::get_environment();
    let settings = Settings::from_variables(variables).map_err(permanent)?;
    Ok((clock, settings))
}

fn many(
    requests: Vec<Result<ClipRequest, Failure>>,
) -> Result<Vec<Result<Clip, ClipError>>, types::ClipError> {
    let (clock, settings) = start()?;
    Ok(drive::run(&clock, &settings, requests))
}

fn one(request: Result<ClipRequest, Failure>) -> Result<Clip, types::ClipError> {
    let request = request.map_err(permanent)?;
    let (clock, settings) = start()?;
    get(&clock, &settings, request)
}

/// Gets one clip: many, of which there is one.
fn get(clock: &Clock, settings: &Settings, request: ClipRequest) -> Result<Clip, types::ClipError> {
    let mut results = drive::run(clock, settings, vec![Ok(request)]);
    let result = results.pop().ok_or(types::ClipError::ExecutionFailed)?;
    Ok(result?)
}
