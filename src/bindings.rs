//! The bindings of the component's world, generated from `wit/`, and the type that implements its exports.
#![expect(unsafe_code, reason = "generated")]

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

/// Implements the exported interfaces, each in its own module.
pub(crate) struct Component;

export!(Component with_types_in self);
