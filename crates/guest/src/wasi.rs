//! The bindings of WASI 0.2 by interface. No other file uses the crates `waki` and `wasi`.
//!
//! HTTP, I/O and the monotonic clock come from waki, whose bindings are hidden from its documentation. The others
//! come from the crate `wasi`. A component that generates bindings for its own world maps the interfaces of WASI
//! to these with the option `with` of `wit_bindgen::generate!`.
pub use waki::bindings::wasi::{http, io};

/// `wasi:cli`.
pub mod cli {
    pub use ::wasi::cli::environment;
}

/// `wasi:clocks`.
pub mod clocks {
    pub use ::wasi::clocks::wall_clock;
    pub use waki::bindings::wasi::clocks::monotonic_clock;
}

/// `wasi:random`.
pub mod random {
    pub use ::wasi::random::random;
}
