//! Compares the component with other clients: installs these, and runs the benchmark of all.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::harness::COMPONENT_VARIABLE;
use crate::npm::{self, Packages};
use crate::peers::{self, Peer};
use crate::step::Tool;
use crate::venv::{self, Requirements};
use crate::workspace::Workspace;

/// Where the peers' scripts are, from the workspace's root.
const FOLDER: &str = "host-test/benches/peers";

const REQUIREMENTS: Requirements = Requirements {
    file: "host-test/benches/peers/requirements.txt",
    asked_for: "meraki",
    import: "import meraki, requests",
};

const PACKAGES: Packages = Packages {
    folder: FOLDER,
    asked_for: "@bytecodealliance/jco-transpile",
};

/// Installs what the peers in Python need, and gives the Python that has it.
///
/// # Errors
///
/// It could be had, but cannot be installed or imported.
pub(crate) fn python(workspace: &Workspace) -> Result<Tool<PathBuf>> {
    venv::install(&built(workspace, "venv"), &REQUIREMENTS, workspace)
}

/// Installs what the peers in Node.js need, and gives the Node.js to run them with.
///
/// # Errors
///
/// It could be had, but cannot be installed.
pub(crate) fn node(workspace: &Workspace) -> Result<Tool<PathBuf>> {
    npm::install(&PACKAGES, workspace)
}

/// What makes JavaScript of the component.
pub(crate) fn transpile(workspace: &Workspace, node: &Path) -> Command {
    let mut command = workspace.command(node, [scripts(workspace).join("transpile.mjs")]);
    command
        .arg(workspace.component())
        .arg(built(workspace, "jco"));
    command
}

/// The peers, by what [`python`], [`node`] and [`transpile`] made of them.
pub(crate) fn peers(
    workspace: &Workspace,
    python: &Tool<PathBuf>,
    node: &Tool<PathBuf>,
) -> [Peer; 5] {
    let transpiled = built(workspace, "jco/mv-clip.js");
    peers::all(&scripts(workspace), &transpiled, python, node)
}

/// Where the benchmark reads what peers there are.
pub(crate) fn list(workspace: &Workspace) -> PathBuf {
    built(workspace, "peers.json")
}

/// What runs the benchmark, once [`list`] is written.
pub(crate) fn command(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo(["bench", "--package", "mv-clip-cli", "--bench", "speed"]);
    command
        .args(["--", "--peers"])
        .arg(list(workspace))
        .env(COMPONENT_VARIABLE, workspace.component());
    command
}

/// Where the peers' scripts are.
pub(crate) fn scripts(workspace: &Workspace) -> PathBuf {
    workspace.root().join(FOLDER)
}

/// A file or folder that is made for the benchmark.
fn built(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target().join("bench").join(name)
}
