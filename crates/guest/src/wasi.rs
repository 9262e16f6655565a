//! The bindings of WASI 0.2, by interface. The only file that names `waki` and `wasi`.
//!
//! HTTP, I/O and the monotonic clock come from waki, whose bindings are hidden from its documentation; the
//! others come from the crate `wasi`. A component that generates bindings of a world maps the interfaces of
//! WASI to these with `wit_bindgen::generate!`'s `with`.

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
