//! Runs Meraki's official SDK against the mock: an independent judge of how faithful the mock is.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::harness::Harness;
use crate::mock::{KEY, Mock};
use crate::process;
use crate::step::Tool;
use crate::venv::{self, Requirements};
use crate::workspace::Workspace;

const REQUIREMENTS: Requirements = Requirements {
    file: "host-test/tests/sdk/requirements.txt",
    asked_for: "meraki",
    import: "import meraki",
};
const SCRIPT: &str = "host-test/tests/sdk/clip.py";

/// Installs the SDK under cargo's target folder, and gives the Python that has it.
///
/// # Errors
///
/// The SDK could be had, but cannot be installed or imported.
pub(crate) fn install(workspace: &Workspace) -> Result<Tool<PathBuf>> {
    let venv = workspace.target().join("sdk-venv");
    venv::install(&venv, &REQUIREMENTS, workspace)
}

/// Starts the mock, gets a clip from it with the SDK of `python`, and stops the mock.
///
/// # Errors
///
/// The mock does not start, or the SDK does not get what it should.
pub(crate) fn check(workspace: &Workspace, python: &Path) -> Result<()> {
    let harness = Harness::build(workspace)?;
    let mock = Mock::start(&harness)?;
    process::run(
        workspace
            .command(python, [SCRIPT, mock.base_url(), KEY])
            .arg(mock.serial()?),
    )
}
