//! Nodes of Obelisk on one PostgreSQL, with the store and the mock of the API that the example needs.
//!
//! The README of the example lists what has to be installed. If programs are not found, set `OBELISK`, `S3S_FS` and
//! `MV_CLIP` to their paths, and `POSTGRES` to the folder of PostgreSQL's programs.

#![forbid(unsafe_code)]

pub mod cluster;
mod cpu;
mod node;
mod postgres;
mod process;
mod programs;
mod store;
