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
