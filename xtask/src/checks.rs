//! What each command does, step by step.

use std::process::Command;

use anyhow::Result;

use crate::component;
use crate::sdk;
use crate::setup::{self, CHECKED, SHIPPED, Toolchain};
use crate::step::{Runner, Step};
use crate::workspace::{GUEST, Workspace};

/// Tells the harness's tests where the component is.
const COMPONENT_VARIABLE: &str = "MV_CLIP_COMPONENT";

/// Makes the wasm targets usable.
///
/// # Errors
///
/// The shipped target cannot be made usable.
pub(crate) fn setup(runner: &mut Runner, workspace: &Workspace) -> Result<Toolchain> {
    let step = Step {
        name: "setup",
        reason: "the wasm targets",
        command: workspace.cargo(["xtask", "setup"]),
    };
    runner.work(step, |_| setup::wasm(workspace))
}

/// Builds the component.
///
/// # Errors
///
/// It does not build.
pub(crate) fn build(
    runner: &mut Runner,
    workspace: &Workspace,
    toolchain: &Toolchain,
) -> Result<()> {
    let step = Step {
        name: "build",
        reason: "the component",
        command: workspace.cargo(["xtask", "build"]),
    };
    runner.work(step, |_| component::build(workspace, toolchain))
}

/// Gets one clip with the component, with further arguments for the harness.
///
/// # Errors
///
/// The harness does not build, or there is no clip.
pub(crate) fn demo(
    runner: &mut Runner,
    workspace: &Workspace,
    serial: Option<&str>,
    args: &[String],
) -> Result<()> {
    let mut command = workspace.cargo(["run", "--package", "host-test", "--", "demo"]);
    command
        .args(serial)
        .arg("--component")
        .arg(workspace.component())
        .args(args);
    runner.run(Step {
        name: "demo",
        reason: "one clip, end to end (the first time wasmtime is compiled, which takes minutes)",
        command,
    })
}

/// Gets a clip from the mock with Meraki's official SDK; left out where that cannot be had.
///
/// # Errors
///
/// The SDK does not get what it should.
pub(crate) fn sdk(runner: &mut Runner, workspace: &Workspace) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "sdk"]),
    };
    let setup = step("sdk-setup", "Meraki's official SDK for Python");
    match runner.work(setup, |_| Ok(sdk::python(workspace)))? {
        Ok(python) => {
            let check = step("sdk", "the SDK, unchanged, gets a clip from the mock");
            runner.work(check, |_| sdk::check(workspace, &python))
        }
        Err(error) => {
            runner.skip("sdk", &format!("{error:#}"));
            Ok(())
        }
    }
}

/// Form, lints and documentation, warnings denied.
///
/// # Errors
///
/// The first that fails.
pub(crate) fn lint(
    runner: &mut Runner,
    workspace: &Workspace,
    toolchain: &Toolchain,
) -> Result<()> {
    let tools = Step {
        name: "lint-tools",
        reason: "rustfmt and clippy",
        command: workspace.command("rustup", ["component", "add", "rustfmt", "clippy"]),
    };
    runner.work(tools, |_| setup::lint_tools(workspace))?;
    runner.run(Step {
        name: "fmt",
        reason: "the form of the code",
        command: workspace.cargo(["fmt", "--all", "--check"]),
    })?;
    runner.run(Step {
        name: "clippy",
        reason: "lints, in every package and test",
        command: warnings_denied(workspace.cargo(["clippy", "--workspace", "--all-targets"])),
    })?;
    let guest = ["clippy", "--package", GUEST, "--lib", "--target", SHIPPED];
    wasm_only(
        runner,
        Step {
            name: "clippy-wasm",
            reason: "lints, in the code that only the component has",
            command: warnings_denied(workspace.cargo(guest)),
        },
        toolchain.clippy_refusal(),
    )?;
    let mut doc = workspace.cargo(["doc", "--no-deps", "--workspace"]);
    doc.env("RUSTDOCFLAGS", "-Dwarnings");
    runner.run(Step {
        name: "doc",
        reason: "the documentation and its links",
        command: doc,
    })
}

/// Everything that a change must pass beside [`lint`].
///
/// # Errors
///
/// The first that fails.
pub(crate) fn test(
    runner: &mut Runner,
    workspace: &Workspace,
    toolchain: &Toolchain,
) -> Result<()> {
    build(runner, workspace, toolchain)?;
    runner.run(Step {
        name: "guest",
        reason: "the guest's rules, natively",
        command: workspace.cargo(["test", "--package", GUEST]),
    })?;
    wasm_only(
        runner,
        Step {
            name: "wasip2",
            reason: "the guest compiles for the other component target too",
            command: workspace.cargo(["check", "--target", CHECKED, "--package", GUEST, "--lib"]),
        },
        toolchain.unchecked.as_deref(),
    )?;
    runner.run(Step {
        name: "xtask",
        reason: "these commands themselves",
        command: workspace.cargo(["test", "--package", "xtask"]),
    })?;
    let mut harness = workspace.cargo(["test", "--package", "host-test"]);
    harness.env(COMPONENT_VARIABLE, workspace.component());
    runner.run(Step {
        name: "harness",
        reason: "the component in wasmtime, which is compiled the first time: minutes",
        command: harness,
    })?;
    demo(runner, workspace, None, &[])?;
    sdk(runner, workspace)
}

fn warnings_denied(mut clippy: Command) -> Command {
    clippy.args(["--", "-Dwarnings"]);
    clippy
}

/// Runs a step that needs a wasm target, unless there is a reason why it cannot be run here.
fn wasm_only(runner: &mut Runner, step: Step, refusal: Option<&str>) -> Result<()> {
    match refusal {
        None => runner.run(step),
        Some(why) => {
            runner.skip(step.name, why);
            Ok(())
        }
    }
}
