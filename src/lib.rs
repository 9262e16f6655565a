//! The component: exports the worlds `clip-plugin` or, without the feature of that name, `clips-only`. The
//! rules are in `mv-clip-core`, what drives them over WASI in `mv-clip-guest`. On other targets than
//! WebAssembly the crate is empty.

#![cfg(target_family = "wasm")]

mod clips;
mod convert;
#[cfg(feature = "clip-plugin")]
mod events;
#[cfg(feature = "clip-plugin")]
mod transfer;

use dlmalloc::GlobalDlmalloc;
use mv_clip_core::api::Clip;
use mv_clip_core::error::{ClipError, Failure};
use mv_clip_core::request::ClipRequest;
use mv_clip_guest::Call;

use self::bindings::exports::meraki_mv::clips::types;

#[expect(unsafe_code, reason = "generated from wit/")]
mod bindings {
    macro_rules! generate {
        ($world:literal) => {
            wit_bindgen::generate!({
                world: $world,
                path: "wit",
                with: {
                    "wasi:cli/environment@0.2.12": mv_clip_guest::wasi::cli::environment,
                    "wasi:clocks/monotonic-clock@0.2.12": mv_clip_guest::wasi::clocks::monotonic_clock,
                    "wasi:clocks/wall-clock@0.2.12": mv_clip_guest::wasi::clocks::wall_clock,
                    "wasi:http/outgoing-handler@0.2.12": mv_clip_guest::wasi::http::outgoing_handler,
                    "wasi:http/types@0.2.12": mv_clip_guest::wasi::http::types,
                    "wasi:io/error@0.2.12": mv_clip_guest::wasi::io::error,
                    "wasi:io/poll@0.2.12": mv_clip_guest::wasi::io::poll,
                    "wasi:io/streams@0.2.12": mv_clip_guest::wasi::io::streams,
                    "wasi:random/random@0.2.12": mv_clip_guest::wasi::random::random,
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
fn start() -> Result<Call, types::ClipError> {
    Call::start().map_err(permanent)
}

/// Gets one clip. A bad request ends the call before its settings are read.
fn one(request: Result<ClipRequest, Failure>) -> Result<Clip, types::ClipError> {
    let request = request.map_err(permanent)?;
    Ok(start()?.get(request)?)
}
