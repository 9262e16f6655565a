//! The project's own commands: `cargo xtask help`.

#![forbid(unsafe_code)]

mod component;
mod dependencies;
mod examples;
mod lint;
mod metadata;
mod mock;
mod steps;
mod test;
mod toolchain;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;

use crate::component::WORLDS;
use crate::mock::Mock;
use crate::steps::Steps;
use crate::workspace::Workspace;

mod flags {
    xflags::xflags! {
        /// Build, try and check mv-clip. Every command does its own set-up.
        cmd xtask {
            /// Build both components: target/component/mv-clip.wasm and mv-clip-clips.wasm
            cmd build {}
            /// Build the component and get one clip with it from a mock of the Meraki API
            cmd demo {
                /// A camera of the real API, such as Q2XX-ABCD-1234. Needs MERAKI_DASHBOARD_API_KEY.
                optional serial: String
            }
            /// Build both components and run every test
            cmd test {}
            /// Check formatting, lints and documentation. Warnings are errors.
            cmd lint {}
            /// Run everything that a change must pass
            cmd ci {}
            /// Compare the component with other clients of the API
            cmd bench {}
            /// Run the component in the other hosts of examples/, and print the tables of their READMEs
            cmd examples {
                /// Only the examples that install in seconds
                optional --quick
                /// Only these examples
                repeated names: String
            }
            /// Build the artifacts to publish: target/package
            cmd package {}
        }
    }
}

fn main() -> ExitCode {
    let mut steps = Steps::default();
    let result = run(&mut steps, flags::Xtask::from_env_or_exit());
    eprintln!("{steps}");
    if let Err(error) = &result {
        eprintln!("error: {error:#}");
    }
    if result.is_ok() && steps.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(steps: &mut Steps, flags: flags::Xtask) -> Result<()> {
    let workspace = &Workspace::find()?;
    match flags.subcommand {
        flags::XtaskCmd::Build(_) => _ = component::build(steps, workspace, &WORLDS),
        flags::XtaskCmd::Demo(demo) => test::demo(steps, workspace, demo.serial.as_deref()),
        flags::XtaskCmd::Test(_) => test::all(steps, workspace),
        flags::XtaskCmd::Lint(_) => lint::all(steps, workspace),
        flags::XtaskCmd::Ci(_) => {
            // First, because it fails where a lock file is out of date, and later steps would update it.
            steps.script(workspace, "deny", &[]);
            steps.script(workspace, "features", &[]);
            lint::all(steps, workspace);
            test::all(steps, workspace);
            steps.script(workspace, "reproducible", &[]);
            steps.script(workspace, "crates", &[]);
            test::package(steps, workspace);
        }
        flags::XtaskCmd::Bench(_) => test::bench(steps, workspace),
        flags::XtaskCmd::Examples(flags) => {
            let chosen = examples::chosen(flags.quick, &flags.names)?;
            if component::build(steps, workspace, &WORLDS)
                && let Some(mock) = steps.run("mock", || Mock::start(workspace))
            {
                examples::all(steps, workspace, &mock, &chosen);
            }
        }
        flags::XtaskCmd::Package(_) => test::package(steps, workspace),
    }
    Ok(())
}
