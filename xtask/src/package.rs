//! What is published.

use anyhow::Result;
use xshell::cmd;

use crate::component::{self, WORLDS};
use crate::steps::Steps;
use crate::workspace::Workspace;

/// Builds the components, writes the artifacts, and passes them through a registry.
///
/// The artifacts are made by a package of its own: what it depends on is not built for any other command.
pub(crate) fn all(steps: &mut Steps, workspace: &Workspace) -> Result<()> {
    component::build(steps, workspace, &WORLDS)?;
    let shell = &workspace.shell;
    let (from, to) = (
        workspace.target.join("component"),
        workspace.target.join("package"),
    );
    let write = cmd!(shell, "cargo run --package xtask-package -- {from} {to}");
    steps.command(
        "package tests",
        cmd!(shell, "cargo test --package xtask-package"),
    );
    steps.command("package", write);
    steps.script(workspace, "registry", &[]);
    Ok(())
}
