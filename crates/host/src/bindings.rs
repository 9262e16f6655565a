//! The host's side of the world `clip-plugin`, generated from `wit/`. The world
//! `clips-only` is a part of it.

wasmtime::component::bindgen!({
    path: "wit",
    world: "clip-plugin",
    exports: { default: async },
    with: {
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        "wasi": wasmtime_wasi::p2::bindings,
    },
});

use wasmtime::component::InstancePre;

use self::exports::meraki_mv::clips::{clips, events, transfer};
use crate::error::CallError;

/// The indices of the world's exports in a component. An instance looks up only the exports that its call needs:
/// looking up all of them takes a third of the time of the rest of a call.
///
/// A component of the world `clips-only` has only the first.
#[derive(Clone)]
pub(crate) struct Exports {
    pub(crate) clips: clips::GuestIndices,
    events: Option<events::GuestIndices>,
    transfer: Option<transfer::GuestIndices>,
}

const EVENTS: &str = "meraki-mv:clips/events@0.1.0";
const TRANSFER: &str = "meraki-mv:clips/transfer@0.1.0";

impl Exports {
    /// Where `events` is.
    ///
    /// # Errors
    ///
    /// The component does not export it.
    pub(crate) fn events(&self) -> Result<&events::GuestIndices, CallError> {
        self.events.as_ref().ok_or(CallError::NotExported("events"))
    }

    /// Where `transfer` is.
    ///
    /// # Errors
    ///
    /// The component does not export it.
    pub(crate) fn transfer(&self) -> Result<&transfer::GuestIndices, CallError> {
        let transfer = self.transfer.as_ref();
        transfer.ok_or(CallError::NotExported("transfer"))
    }

    pub(crate) fn of<T>(component: &InstancePre<T>) -> wasmtime::Result<Self> {
        Ok(Self {
            clips: clips::GuestIndices::new(component)?,
            events: exported(component, EVENTS, events::GuestIndices::new)?,
            transfer: exported(component, TRANSFER, transfer::GuestIndices::new)?,
        })
    }
}

/// The index of an interface, if the component exports it. It is an error if its functions are not the contract's.
fn exported<T, I>(
    component: &InstancePre<T>,
    interface: &str,
    indices: impl FnOnce(&InstancePre<T>) -> wasmtime::Result<I>,
) -> wasmtime::Result<Option<I>> {
    let found = component.component().get_export_index(None, interface);
    found.map(|_| indices(component)).transpose()
}
