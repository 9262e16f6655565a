//! The world `clip-plugin`: the only code that names WASI. It lends the rest of the crate a clock,
//! randomness, environment variables and HTTP, and does the steps that [`Fetch`] asks for.

mod clock;
mod convert;
mod http;

use std::time::Duration;

use self::bindings::exports::meraki_mv::clips::{clips, types};
use self::clock::Clock;
use crate::api::Clip;
use crate::error::ClipError;
use crate::fetch::{Fetch, Step};
use crate::request::ClipRequest;
use crate::settings::Settings;

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

struct Component;

impl clips::Guest for Component {
    fn get_clip(serial: String, start: String, end: String) -> Result<String, types::ClipError> {
        let clip = run(&serial, &start, &end, None)?;
        Ok(clip.url.into_string())
    }

    fn request_clip(request: types::ClipRequest) -> Result<types::Clip, types::ClipError> {
        let types::ClipRequest {
            serial,
            start,
            end,
            imager_id,
        } = request;
        Ok(run(&serial, &start, &end, imager_id)?.into())
    }
}

fn run(serial: &str, start: &str, end: &str, imager_id: Option<u32>) -> Result<Clip, ClipError> {
    let clock = Clock::start();
    let request =
        ClipRequest::parse(serial, start, end, imager_id).map_err(ClipError::Permanent)?;
    let settings = Settings::from_variables(wasi::cli::environment::get_environment())
        .map_err(ClipError::Permanent)?;
    let mut fetch = Fetch::new(&settings, request, clock.started())?;
    let mut step = fetch.resume(Duration::ZERO);
    loop {
        step = match step {
            Step::Wait(until) => {
                clock.wait_until(until);
                fetch.resume(clock.elapsed())
            }
            Step::Send(request) => {
                let outcome = http::exchange(&clock, &request);
                fetch.receive(
                    clock.elapsed(),
                    outcome,
                    wasi::random::random::get_random_u64,
                )
            }
            Step::Done(result) => return result,
        }
    }
}
