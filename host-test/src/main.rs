//! The command `mv-clip`.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

/// One thread starts faster than many and suffices for I/O. Computations run on blocking threads.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cli::run().await
}
