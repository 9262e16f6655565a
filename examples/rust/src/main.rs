//! Prints the URL of one clip: `mv-clip-in-wasmtime COMPONENT SERIAL START END`
//!
//! The environment variable `MERAKI_DASHBOARD_API_KEY` is the API key.

use wasmtime::component::{Component, Linker, ResourceTable, bindgen};
use wasmtime::{Engine, Result, Store, bail};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView, default_hooks};

use exports::meraki_mv::clips::types::ClipError;

bindgen!({ path: "../../wit", world: "clips-only" });

struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (ctx, table) = (&mut self.wasi, &mut self.table);
        WasiCtxView { ctx, table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (ctx, table) = (&mut self.http, &mut self.table);
        WasiHttpCtxView {
            ctx,
            table,
            hooks: default_hooks(),
        }
    }
}

/// The settings of the component. It gets no other variable, because it could send it to whoever it may reach.
const SETTINGS: [&str; 8] = [
    "MERAKI_DASHBOARD_API_KEY",
    "MERAKI_BASE_URL",
    "MV_CLIP_DEADLINE_SECONDS",
    "MV_CLIP_ATTEMPT_TIMEOUT_SECONDS",
    "MV_CLIP_MAX_ATTEMPTS",
    "MV_CLIP_REQUESTS_PER_SECOND",
    "MV_CLIP_LAG_SECONDS",
    "MV_CLIP_RETENTION_DAYS",
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [component, serial, start, end] = arguments.as_slice() else {
        bail!("usage: mv-clip-in-wasmtime COMPONENT SERIAL START END");
    };

    // Once per process.
    let engine = Engine::default();
    let component = Component::from_file(&engine, component)?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_sync(&mut linker)?;
    let plugin = ClipsOnlyPre::new(linker.instantiate_pre(&component)?)?;

    // Once per call.
    let mut wasi = WasiCtx::builder();
    for name in SETTINGS {
        if let Ok(value) = std::env::var(name) {
            wasi.env(name, value);
        }
    }
    let state = State {
        wasi: wasi.build(),
        http: WasiHttpCtx::new(),
        table: ResourceTable::new(),
    };
    let mut store = Store::new(&engine, state);
    let clips = plugin.instantiate(&mut store)?;
    let clips = clips.meraki_mv_clips_clips();
    match clips.call_get_clip(&mut store, serial, start, end)? {
        Ok(url) => println!("{url}"),
        Err(ClipError::Permanent(failure)) => bail!("{}", failure.message),
        Err(ClipError::Transient(failure)) => {
            bail!("{} The same call may succeed later.", failure.message)
        }
        Err(ClipError::ExecutionFailed) => bail!("the host lost the call"),
    }
    Ok(())
}
