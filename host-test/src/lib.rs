//! Compiles the Rust examples of the documents. The command line is the program `mv-clip`.

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The examples of the page on keys.
#[cfg(doctest)]
#[doc = include_str!("../../docs/KEYS.md")]
pub struct Keys;
