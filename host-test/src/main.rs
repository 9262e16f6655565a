//! The command line: what it does with the library, an engine can do too.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// One thread is enough to wait on, and the sooner there; what computes for long has threads of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cli::run(cli::Cli::parse()).await
}
