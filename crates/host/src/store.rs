//! The store of one call: what the guest gets, and what enforces its limits.

use std::sync::Arc;

use tokio::task::yield_now;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{HostMonotonicClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bounds::{Bounds, Meter};
use crate::outbound::{NamedUrls, Outbound, OutboundHooks};
use crate::settings::Settings;

/// How many random bytes a guest can get at once. The component takes eight.
const RANDOM_BYTES: u64 = 4 << 10;

pub(crate) struct State {
    /// Before the table: see [`OutboundHooks`].
    hooks: OutboundHooks,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    pub(crate) meter: Meter,
}

impl State {
    /// The URLs of clips that the API named in this call.
    pub(crate) fn named(&self) -> &NamedUrls {
        self.hooks.named()
    }
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

/// tokio's clock, which tests can stop. wasmtime's own clock would go on.
struct Uptime(Instant);

impl HostMonotonicClock for Uptime {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

pub(crate) fn new(
    engine: &Engine,
    bounds: &Arc<Bounds>,
    outbound: &Outbound,
    settings: &Settings,
) -> Store<State> {
    let limits = bounds.limits();
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.resources);
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(limits.header_bytes);
    let (in_flight, traffic) = (Arc::clone(&bounds.in_flight), Arc::clone(&bounds.traffic));
    let hooks = OutboundHooks::new(outbound, in_flight, traffic, settings);
    let mut wasi = WasiCtx::builder();
    hooks.variables(settings, |setting, value| {
        wasi.env(setting.name(), value);
    });
    wasi.max_random_size(RANDOM_BYTES);
    wasi.monotonic_clock(Uptime(Instant::now()));
    let state = State {
        hooks,
        wasi: wasi.build(),
        http,
        table,
        meter: Meter::new(Arc::clone(bounds)),
    };
    let mut store = Store::new(engine, state);
    store.set_hostcall_fuel(limits.hostcall_bytes);
    // The guest's own resources count too. A handle that is lent to the host counts twice.
    store.set_max_component_handles(limits.resources.saturating_mul(2));
    store.limiter(|state| &mut state.meter);
    // Yields at each tick, so that a guest that computes forever is stopped at the wall time and delays no other
    // call. tokio's own yield also lets the runtime poll sockets and timers.
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::YieldCustom(1, Box::pin(yield_now()))));
    store.set_epoch_deadline(1);
    store
}
