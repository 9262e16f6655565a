//! Subcommands of cargo that come from crates.io: found, or installed.

use std::ffi::OsStr;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// A subcommand that a crate of the name `cargo-…` brings.
#[derive(Debug)]
pub(crate) struct CargoTool {
    /// What stands after `cargo` to run it.
    pub(crate) subcommand: &'static str,
    /// The crate.
    pub(crate) package: &'static str,
}

/// Installs the tool where it is missing, and says so.
///
/// # Errors
///
/// It is missing and cannot be installed.
pub(crate) fn install(workspace: &Workspace, tool: &CargoTool) -> Result<()> {
    let version = process::read(&mut workspace.cargo([tool.subcommand, "--version"]));
    match version {
        Ok(version) => eprintln!("    using {version}"),
        Err(_) => {
            eprintln!(
                "    there is no {}: installing it, which takes minutes",
                tool.package
            );
            let args = ["install", "--locked", tool.package].map(OsStr::new);
            process::run(&mut workspace.cargo(args))?;
        }
    }
    Ok(())
}
