//! Engines in Rust: wasmtime by itself, and with the library of the harness.

use std::process::Command;

use anyhow::Result;

use super::{About, Host, process_per_clip, size};
use crate::process;
use crate::step::Tool;
use crate::workspace::Workspace;

pub(super) fn alone(workspace: &Workspace) -> Result<Tool<Host>> {
    build(workspace, "mv-clip-in-wasmtime", "Rust", "rust")
}

pub(super) fn with_the_harness(workspace: &Workspace) -> Result<Tool<Host>> {
    let name = "Rust, with the harness";
    build(workspace, "mv-clip-in-the-harness", name, "rust-harness")
}

fn build(
    workspace: &Workspace,
    package: &str,
    name: &'static str,
    folder: &'static str,
) -> Result<Tool<Host>> {
    process::run(&mut workspace.cargo(["build", "--release", "--package", package]))?;
    let file = format!("release/{package}{}", std::env::consts::EXE_SUFFIX);
    let program = workspace.target().join(file);
    // "registry+…#wasmtime@48.0.8"
    let wasmtime = process::read(&mut workspace.cargo(["pkgid", "wasmtime"]))?;
    let version = wasmtime.rsplit('@').next().unwrap_or(&wasmtime);
    let component = workspace.component();
    Ok(Tool::Ready(Host {
        about: About {
            name,
            folder,
            version: format!("wasmtime {version}"),
            shown: "cargo run --release -- COMPONENT SERIAL START END",
            deployed: size(&component)? + size(&program)?,
        },
        get_clip: process_per_clip(move |window| {
            let mut command = Command::new(&program);
            command.arg(&component).args(window.arguments());
            command
        }),
        also: None,
    }))
}
