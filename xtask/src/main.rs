//! The project's own commands: `cargo xtask --help`.

mod about;
mod checks;
mod component;
mod debian;
mod process;
mod sdk;
mod setup;
mod step;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::step::Runner;
use crate::workspace::Workspace;

/// Builds, shows and checks mv-clip. Every command does its own set-up and says what it does.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make the wasm targets usable: with rustup or, where its server is out of reach, with
    /// Debian's compiler
    Setup,
    /// Build the component: target/component/mv-clip.wasm
    Build,
    /// Build the component and get one clip with it, from a mock of the Meraki API or the real one
    ///
    /// Without SERIAL the clip comes from a mock in the same process. With SERIAL, and an API key in
    /// MERAKI_DASHBOARD_API_KEY, it comes from the real API.
    Demo {
        /// The serial number of a camera, such as Q2AB-CDEF-GHIJ
        serial: Option<String>,
        /// Further arguments for `host-test demo`
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },
    /// Build the component and run every test
    Test,
    /// Check form, lints and documentation; warnings are errors
    Lint,
    /// Everything that a change must pass: lint, then test
    Ci,
    /// Get a clip from the mock with Meraki's official SDK (a part of `test`)
    Sdk,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut runner = Runner::default();
    let result = run(&mut runner, &cli.task);
    eprintln!("\n{runner}");
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(runner: &mut Runner, task: &Task) -> Result<()> {
    let workspace = &Workspace::load()?;
    if let Task::Sdk = task {
        return checks::sdk(runner, workspace);
    }
    let toolchain = &checks::setup(runner, workspace)?;
    match task {
        Task::Setup | Task::Sdk => Ok(()),
        Task::Build => checks::build(runner, workspace, toolchain),
        Task::Demo { serial, args } => {
            checks::build(runner, workspace, toolchain)?;
            checks::demo(runner, workspace, serial.as_deref(), args)
        }
        Task::Test => checks::test(runner, workspace, toolchain),
        Task::Lint => checks::lint(runner, workspace, toolchain),
        Task::Ci => {
            checks::lint(runner, workspace, toolchain)?;
            checks::test(runner, workspace, toolchain)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn demo_hands_on_what_follows_two_dashes() {
        let line = ["xtask", "demo", "Q2AB-CDEF-GHIJ", "--", "--json"];
        let Task::Demo { serial, args } = Cli::try_parse_from(line).unwrap().task else {
            panic!("another command was understood")
        };
        assert_eq!(serial.as_deref(), Some("Q2AB-CDEF-GHIJ"));
        assert_eq!(args, ["--json"]);
    }
}
