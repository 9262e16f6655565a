//! The store of one call: what the guest is given, and what holds it to its limits.

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::limits::{Limits, Meter};
use crate::outbound::OutboundHooks;

pub(crate) struct State {
    /// Before the table: see [`OutboundHooks`].
    hooks: OutboundHooks,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    pub(crate) meter: Meter,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

pub(crate) fn new(
    engine: &Engine,
    limits: &Limits,
    hooks: OutboundHooks,
    variables: &[(String, String)],
) -> Store<State> {
    let state = State {
        hooks,
        wasi: WasiCtx::builder().envs(variables).build(),
        http: WasiHttpCtx::new(),
        table: ResourceTable::new(),
        meter: Meter::new(limits),
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.meter);
    // Yields at each tick, so that a guest that computes for ever can be stopped at the wall time,
    // and keeps no other call waiting.
    store.epoch_deadline_async_yield_and_update(1);
    store
}
