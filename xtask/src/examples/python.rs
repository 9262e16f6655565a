//! Python, with wasmtime's package.

use std::process::Command;

use anyhow::Result;

use super::{About, Host, process_per_clip, size, text};
use crate::process;
use crate::step::Tool;
use crate::venv::{self, Requirements};
use crate::workspace::Workspace;

const REQUIREMENTS: Requirements = Requirements {
    file: "examples/python/requirements.txt",
    asked_for: "wasmtime",
    import: "import wasmtime.component",
};

const VERSION: &str = "import importlib.metadata as m; print(m.version('wasmtime'))";

pub(super) fn install(workspace: &Workspace) -> Result<Tool<Host>> {
    let venv = workspace.target().join("examples/python");
    let python = match venv::install(&venv, &REQUIREMENTS, workspace)? {
        Tool::Ready(python) => python,
        Tool::Unavailable(why) => return Ok(Tool::Unavailable(why)),
    };
    let version = process::read(&mut workspace.command(&python, ["-c", VERSION]))?;
    let script = workspace.root().join("examples/python/incident.py");
    let component = workspace.component();
    let deployed = size(&component)? + size(&script)?;
    Ok(Tool::Ready(Host {
        about: About {
            name: "Python",
            folder: "python",
            version: format!("wasmtime {version}"),
            shown: "python incident.py SERIAL TIME",
            deployed,
        },
        get_clip: process_per_clip(move |window| {
            let mut command = Command::new(&python);
            command
                .arg(&script)
                .args([&window.serial, &text(window.end)]);
            command.arg(&component);
            command
        }),
        also: None,
    }))
}
