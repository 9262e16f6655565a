//! Nodes of Obelisk on one PostgreSQL, with the store and the mock of the API that the example needs.
//!
//! `README.md` beside this package says what has to be installed. The variables `OBELISK`, `S3S_FS`, `MV_CLIP` and
//! `POSTGRES` name programs, and the folder of PostgreSQL's programs, where they are not where they are looked for.

#![forbid(unsafe_code)]

pub mod cluster;
mod cpu;
mod node;
mod postgres;
mod process;
mod programs;
mod store;
