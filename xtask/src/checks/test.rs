//! Every test.

use anyhow::Result;

use super::{build, demo, examples as in_other_hosts, report, sdk, wasm_only};
use crate::examples;
use crate::fuzz;
use crate::harness::COMPONENT_VARIABLE;
use crate::programs;
use crate::setup::{CHECKED, Compiler, Targets};
use crate::step::{Runner, Step};
use crate::workspace::{GUEST, Workspace};

/// Everything that a change must pass beside [`lint()`](super::lint()).
///
/// # Errors
///
/// The first that fails.
pub(crate) fn test(
    runner: &mut Runner,
    workspace: &Workspace,
    targets: &Targets,
    compiler: &Compiler,
) -> Result<()> {
    build(runner, workspace, compiler)?;
    runner.run(Step {
        name: "guest",
        reason: "the guest's rules, natively",
        command: workspace.cargo(["test", "--package", "mv-clip-core"]),
    })?;
    runner.run(Step {
        name: "seeds",
        reason: "what the fuzz targets hold to, for the inputs that are kept",
        command: fuzz::cargo(workspace, ["test", "--no-default-features"]),
    })?;
    wasm_only(
        runner,
        Step {
            name: "wasip2",
            reason: "the guest compiles for the other component target too",
            command: workspace.cargo(["check", "--target", CHECKED, "--package", GUEST, "--lib"]),
        },
        targets.refusal(CHECKED),
    )?;
    runner.run(Step {
        name: "xtask",
        reason: "these commands themselves",
        command: workspace.cargo(["test", "--package", "xtask"]),
    })?;
    let mut harness = workspace.cargo([
        "test",
        "--package",
        "mv-clip-cli",
        "--package",
        "mv-clip-host",
        "--package",
        "mv-clip-footage",
        "--package",
        "mv-clip-mpegts",
        "--package",
        "meraki-mock",
    ]);
    harness.env(COMPONENT_VARIABLE, workspace.component());
    runner.run(Step {
        name: "harness",
        reason: "the component in wasmtime, which is compiled the first time: minutes",
        command: harness,
    })?;
    if let Some(lack) = programs::lack(&programs::MP4) {
        runner.skip("mp4", &lack);
    }
    demo(runner, workspace, None)?;
    report(runner, workspace)?;
    sdk(runner, workspace)?;
    in_other_hosts(runner, workspace, &examples::quick())
}
