//! The component: set-up, build, and what is published of it.

use anyhow::Result;

use super::with_tool;
use crate::component;
use crate::package;
use crate::registry;
use crate::reproducible;
use crate::setup::{self, AskRustup, Compiler, Targets};
use crate::step::{Runner, Step};
use crate::workspace::Workspace;

/// Finds out which wasm targets there are, and makes the component's usable.
///
/// # Errors
///
/// The component's target cannot be made usable.
pub(crate) fn setup(
    runner: &mut Runner,
    workspace: &Workspace,
    ask: AskRustup,
) -> Result<(Targets, Compiler)> {
    runner.work(setup_step(workspace), |_| {
        let targets = setup::targets(workspace, ask)?;
        let compiler = setup::compiler(workspace, &targets)?;
        Ok((targets, compiler))
    })
}

/// [`setup()`] for [`lint()`](super::lint()) alone, which is not worth a second compiler.
///
/// # Errors
///
/// There is no compiler at all.
pub(crate) fn lint_setup(runner: &mut Runner, workspace: &Workspace) -> Result<Targets> {
    runner.work(setup_step(workspace), |_| {
        setup::targets(workspace, AskRustup::WithoutDebian)
    })
}

fn setup_step(workspace: &Workspace) -> Step {
    Step {
        name: "setup",
        reason: "the wasm targets",
        command: workspace.cargo(["xtask", "setup"]),
    }
}

/// Builds the component, and the one with `clips` alone.
///
/// # Errors
///
/// One does not build.
pub(crate) fn build(runner: &mut Runner, workspace: &Workspace, compiler: &Compiler) -> Result<()> {
    let step = Step {
        name: "build",
        reason: "the component, and the one with `clips` alone",
        command: workspace.cargo(["xtask", "build"]),
    };
    runner.work(step, |_| component::build(workspace, compiler))
}

/// Sees that the component can be built again, byte by byte.
///
/// # Errors
///
/// It does not build, or other bytes come out.
pub(crate) fn reproducible(
    runner: &mut Runner,
    workspace: &Workspace,
    compiler: &Compiler,
) -> Result<()> {
    let step = Step {
        name: "reproducible",
        reason: "two builds in two folders give the same bytes",
        command: workspace.cargo(["xtask", "reproducible"]),
    };
    runner.work(step, |_| reproducible::check(workspace, compiler))
}

/// Writes what is published, and sees that it comes out of a registry as it went in; that is skipped
/// where there is none.
///
/// # Errors
///
/// The component is not built, or a file cannot be written, or something else comes out.
pub(crate) fn package(runner: &mut Runner, workspace: &Workspace) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "package"]),
    };
    let reason = "the components and the contract, as artifacts for registries";
    let artifacts = runner.work(step("package", reason), |_| package::write(workspace))?;
    with_tool(
        runner,
        step(
            "registry-setup",
            "a registry, and what copies artifacts to it",
        ),
        || Ok(registry::install(workspace)),
        step("registry", "what is pushed to a registry is pulled from it"),
        |tools| registry::check(workspace, tools, &artifacts),
    )
}
