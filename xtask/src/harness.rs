//! The harness, as a program to run.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// Tells the harness and its tests where the component is.
pub(crate) const COMPONENT_VARIABLE: &str = "MV_CLIP_COMPONENT";

/// The harness, built.
#[derive(Debug)]
pub(crate) struct Harness<'a> {
    workspace: &'a Workspace,
    program: PathBuf,
}

impl<'a> Harness<'a> {
    /// Builds the harness.
    ///
    /// # Errors
    ///
    /// It does not build.
    pub(crate) fn build(workspace: &'a Workspace) -> Result<Self> {
        process::run(&mut workspace.cargo(["build", "--package", "mv-clip-cli"]))?;
        let file = format!("debug/mv-clip{}", std::env::consts::EXE_SUFFIX);
        let program = workspace.target().join(file);
        Ok(Self { workspace, program })
    }

    /// A command of the harness. Not through `cargo run`: the process to end is the harness, not a
    /// cargo around it.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        self.workspace.command(&self.program, args)
    }
}
