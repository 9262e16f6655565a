//! The host's side of the world `clip-plugin`, generated from `wit/`.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "clip-plugin",
    exports: { default: async },
    with: {
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        "wasi": wasmtime_wasi::p2::bindings,
    },
});

use wasmtime::Result;
use wasmtime::component::InstancePre;

use self::exports::meraki_mv::clips::{clips, events, transfer};

/// Where the world's exports are in a component. An instance then looks up only those that it is called
/// for: to look up all of them takes as long as a third of what a call does otherwise.
#[derive(Clone)]
pub(crate) struct Exports {
    pub(crate) clips: clips::GuestIndices,
    pub(crate) events: events::GuestIndices,
    pub(crate) transfer: transfer::GuestIndices,
}

impl Exports {
    pub(crate) fn of<T>(component: &InstancePre<T>) -> Result<Self> {
        Ok(Self {
            clips: clips::GuestIndices::new(component)?,
            events: events::GuestIndices::new(component)?,
            transfer: transfer::GuestIndices::new(component)?,
        })
    }
}
