//! The project's own commands: `cargo xtask --help`.

mod about;
mod apt;
mod bench;
mod cargo_tool;
mod checks;
mod component;
mod contract;
mod debian;
mod deny;
mod examples;
mod fuzz;
mod harness;
mod load;
mod mock;
mod mutants;
mod npm;
mod oci;
mod package;
mod peers;
mod process;
mod programs;
mod registry;
mod report;
mod reproducible;
mod sbom;
mod sdk;
mod setup;
mod step;
mod strip;
mod venv;
mod wit_docs;
mod wit_type;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::mutants::Of;
use crate::setup::AskRustup;
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
    /// Build the component: target/component/mv-clip.wasm, and mv-clip-clips.wasm beside it, which
    /// exports the interface `clips` alone; each with its bill of materials
    Build,
    /// Build the component in another folder too and see that the same bytes come out (a part of `ci`)
    Reproducible,
    /// Build the component and write what is published: target/package, with an OCI image layout for each
    /// component and for the contract
    ///
    /// They are pushed to a registry on this machine and pulled again, where Debian's docker-registry and
    /// skopeo are or can be had (a part of `ci`).
    Package,
    /// Build the component and get one clip with it, from a mock of the Meraki API or the real one
    ///
    /// Without SERIAL the clip comes from a mock in the same process. With SERIAL, and an API key in
    /// MERAKI_DASHBOARD_API_KEY, it comes from the real API.
    Demo {
        /// The serial number of a camera, such as Q2AB-CDEF-GHIJ
        serial: Option<String>,
    },
    /// Build the component and run every test
    Test,
    /// Check form, lints and documentation; warnings are errors
    Lint,
    /// Write docs/WIT.md, the reference page of the contract (`lint` sees that it is up to date)
    WitDocs,
    /// Check what is depended on: licences, versions, sources and known vulnerabilities (a part of `ci`)
    ///
    /// deny.toml says what is allowed, and why.
    Deny,
    /// Everything that a change must pass: deny, lint, reproducible, test and package
    ///
    /// As root where apt-get is, it installs ffmpeg, Chromium and skopeo if they are missing.
    Ci,
    /// Get a clip from the mock with Meraki's official SDK (a part of `test`)
    Sdk,
    /// Build the component, save a clip from the mock and play its report in Chromium (a part of
    /// `test`)
    ///
    /// CHROMIUM names another browser than the first of chromium, chromium-browser and google-chrome
    /// on the PATH.
    Report,
    /// Build the component and compare it with other clients of the API, against a mock
    ///
    /// The others are Meraki's SDK for Python, the samples of Meraki's documentation in Python and
    /// Node.js, and the component itself in Node.js. Those for which Python 3.11 or Node.js 20 is
    /// missing, or a package registry is out of reach, are left out. Each says its version, and all
    /// are pinned in host-test/benches/peers.
    Bench,
    /// Build the component and run it in each host of `examples/`, against a mock
    ///
    /// Prints the tables of the README. Where a host cannot be had it is left out, with the reason.
    Examples {
        /// Only those that install in seconds (a part of `test`)
        #[arg(long)]
        quick: bool,
        /// Their folders: all, where none is named
        #[arg(conflicts_with = "quick")]
        names: Vec<String>,
    },
    /// Build the component and see how many clips nodes of Obelisk carry that are not held back
    ///
    /// Prints the table of docs/SCALE.md. Obelisk is compiled first, which takes a quarter of an hour.
    Scale,
    /// Fuzz what the guest reads, one target after another: needs a nightly toolchain
    ///
    /// An input that contradicts a target is kept in fuzz/artifacts, and the command fails. The inputs
    /// in fuzz/seeds are a part of `test`.
    Fuzz {
        /// For how long each target runs
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
        /// The targets: all, where none is named
        targets: Vec<String>,
    },
    /// Build the component and let it live through simulated traffic, with a fifth of all replies going wrong and a
    /// shutdown in the middle (some minutes of it are a part of `test`)
    ///
    /// An hour takes three minutes: all rates are twenty times as high.
    Load {
        /// For how many simulated minutes
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
    },
    /// Change the code in one place at a time, and ask its tests whether they notice
    ///
    /// It takes an hour. .cargo/mutants.toml and host-test/mutants.toml say which changes make no
    /// difference, and why.
    Mutants {
        /// Whose code: all, where none is named
        of: Vec<Of>,
    },
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
    let setup = |runner: &mut Runner, ask| checks::setup(runner, workspace, ask);
    match task {
        Task::Setup => setup(runner, AskRustup::Always).map(drop),
        Task::Build => {
            let (_, compiler) = setup(runner, AskRustup::WithoutDebian)?;
            checks::build(runner, workspace, &compiler)
        }
        Task::Reproducible => {
            let (_, compiler) = setup(runner, AskRustup::WithoutDebian)?;
            checks::reproducible(runner, workspace, &compiler)
        }
        Task::Package => {
            let (_, compiler) = setup(runner, AskRustup::WithoutDebian)?;
            checks::build(runner, workspace, &compiler)?;
            checks::package(runner, workspace)
        }
        Task::Demo { serial } => {
            let (_, compiler) = setup(runner, AskRustup::WithoutDebian)?;
            checks::build(runner, workspace, &compiler)?;
            checks::demo(runner, workspace, serial.as_deref())
        }
        Task::Test => {
            let (targets, compiler) = setup(runner, AskRustup::WithoutDebian)?;
            checks::test(runner, workspace, &targets, &compiler)
        }
        Task::Lint => {
            let targets = checks::lint_setup(runner, workspace)?;
            checks::lint(runner, workspace, &targets)
        }
        Task::WitDocs => checks::wit_docs(runner, workspace),
        Task::Deny => checks::deny(runner, workspace),
        Task::Ci => {
            let (targets, compiler) = setup(runner, AskRustup::WithoutDebian)?;
            // First, because it does not let a lock file be out of date, and what follows would renew it.
            checks::deny(runner, workspace)?;
            checks::lint(runner, workspace, &targets)?;
            checks::reproducible(runner, workspace, &compiler)?;
            checks::programs(runner, workspace);
            checks::test(runner, workspace, &targets, &compiler)?;
            checks::package(runner, workspace)
        }
        Task::Sdk => checks::sdk(runner, workspace),
        Task::Report => {
            let (_, compiler) = setup(runner, AskRustup::WithoutDebian)?;
            checks::build(runner, workspace, &compiler)?;
            checks::report(runner, workspace)
        }
        Task::Bench => {
            let (_, compiler) = setup(runner, AskRustup::WithoutDebian)?;
            checks::build(runner, workspace, &compiler)?;
            checks::bench(runner, workspace)
        }
        Task::Examples { quick, names } => {
            let chosen = examples::chosen(*quick, names)?;
            let (_, compiler) = setup(runner, AskRustup::WithoutDebian)?;
            checks::build(runner, workspace, &compiler)?;
            checks::examples(runner, workspace, &chosen)
        }
        Task::Fuzz { seconds, targets } => checks::fuzz(runner, workspace, *seconds, targets),
        Task::Scale => {
            let (_, compiler) = setup(runner, AskRustup::WithoutDebian)?;
            checks::build(runner, workspace, &compiler)?;
            checks::scale(runner, workspace)
        }
        Task::Load { minutes } => {
            let (_, compiler) = setup(runner, AskRustup::WithoutDebian)?;
            checks::build(runner, workspace, &compiler)?;
            checks::load(runner, workspace, *minutes)
        }
        Task::Mutants { of } => checks::mutants(runner, workspace, of),
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
}
