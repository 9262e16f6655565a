//! What the component exports, and the only code that names WASI. It lends the rest of the crate a clock,
//! randomness, environment variables and HTTP.

mod clips;
mod clock;
mod convert;
mod drive;
mod error_code;
#[cfg(feature = "clip-plugin")]
mod events;
mod http;
mod incoming;
mod outgoing;
#[cfg(feature = "clip-plugin")]
mod transfer;

use dlmalloc::GlobalDlmalloc;

use self::bindings::exports::meraki_mv::clips::types;
use self::clock::Clock;
use crate::api::Clip;
use crate::error::{ClipError, Failure};
use crate::request::ClipRequest;
use crate::settings::Settings;

#[expect(unsafe_code, reason = "generated from wit/")]
mod bindings {
    macro_rules! generate {
        ($world:literal) => {
            wit_bindgen::generate!({
                world: $world,
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
        };
    }
    #[cfg(feature = "clip-plugin")]
    generate!("clip-plugin");
    #[cfg(not(feature = "clip-plugin"))]
    generate!("clips-only");
    export!(Component with_types_in self);
    use super::Component;
}

/// The standard library's allocator, in the version that begins with the memory that the module has
/// from the start. To grow it costs the host two system calls.
#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

struct Component;

fn permanent(failure: Failure) -> types::ClipError {
    ClipError::Permanent(failure).into()
}

fn parsed(request: &types::ClipRequest) -> Result<ClipRequest, Failure> {
    ClipRequest::parse(
        &request.serial,
        &request.start,
        &request.end,
        request.imager_id,
    )
}

/// The call's time runs from here.
fn start() -> Result<(Clock, Settings), types::ClipError> {
    let clock = Clock::start();
    let variables = wasi::cli::environment::get_environment();
    let settings = Settings::from_variables(variables).map_err(permanent)?;
    Ok((clock, settings))
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
