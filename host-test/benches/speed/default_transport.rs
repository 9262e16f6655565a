//! The component in plain wasmtime: its default transport, no pool of instances, no limits.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

wasmtime::component::bindgen!({
    path: "../wit",
    world: "clip-plugin",
    exports: { default: async },
    with: {
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        "wasi": wasmtime_wasi::p2::bindings,
    },
});

struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
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
            hooks: wasmtime_wasi_http::default_hooks(),
        }
    }
}

#[derive(Clone)]
pub struct Plain {
    engine: Engine,
    pre: Arc<ClipPluginPre<State>>,
}

impl Plain {
    pub fn load(component: &[u8]) -> Result<Self> {
        let engine = Engine::default();
        let component = Component::new(&engine, component)?;
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi_http::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi::p2::bindings::cli::environment::add_to_linker::<State, WasiCli>(
            &mut linker,
            State::cli,
        )?;
        let pre = Arc::new(ClipPluginPre::new(linker.instantiate_pre(&component)?)?);
        Ok(Self { engine, pre })
    }

    pub async fn get_clip(
        &self,
        variables: &[(String, String)],
        serial: &str,
        (start, end): &(String, String),
    ) -> Result<String> {
        let state = State {
            wasi: WasiCtx::builder().envs(variables).build(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, state);
        let plugin = self.pre.instantiate_async(&mut store).await?;
        let clips = plugin.meraki_mv_clips_clips();
        let result = clips.call_get_clip(&mut store, serial, start, end).await?;
        result.map_err(|error| anyhow!("{error:?}"))
    }
}
