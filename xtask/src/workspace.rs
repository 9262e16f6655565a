//! The workspace that xtask works on: its folders, and the values that its manifests hold.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::process;

/// The package that becomes the component.
pub(crate) const GUEST: &str = "mv-clip";

/// What `cargo metadata` says about the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Workspace(Metadata);

impl Workspace {
    /// Asks cargo about the workspace around the current folder.
    ///
    /// # Errors
    ///
    /// There is no workspace here, or cargo cannot read it.
    pub(crate) fn load() -> Result<Self> {
        Self::at(Path::new("."))
    }

    /// Asks cargo about the workspace around `folder`.
    ///
    /// # Errors
    ///
    /// There is no workspace there, or cargo cannot read it.
    pub(crate) fn at(folder: &Path) -> Result<Self> {
        let mut cargo = command("cargo", ["metadata", "--no-deps", "--format-version", "1"]);
        let json = process::read(cargo.current_dir(folder))?;
        let metadata = MetadataCommand::parse(json)
            .context("cannot make sense of what `cargo metadata` says")?;
        Ok(Self(metadata))
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        self.0.workspace_root.as_std_path()
    }

    /// The folder for everything that is built, wherever cargo was told to have it.
    pub(crate) fn target(&self) -> &Path {
        self.0.target_directory.as_std_path()
    }

    /// The file that `cargo xtask build` makes.
    pub(crate) fn component(&self) -> PathBuf {
        self.target().join("component/mv-clip.wasm")
    }

    /// The guest's manifest.
    ///
    /// # Errors
    ///
    /// The workspace has no package of that name.
    pub(crate) fn guest(&self) -> Result<&Package> {
        let mut packages = self.0.packages.iter();
        packages
            .find(|package| package.name == GUEST)
            .with_context(|| format!("the workspace has no package `{GUEST}`"))
    }

    /// A program to run in the workspace's root.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = command(program, args);
        command.current_dir(self.root());
        command
    }

    /// A cargo command to run in the workspace's root.
    pub(crate) fn cargo<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        self.command("cargo", args)
    }

    /// Asks the compiler that cargo uses here for something that it prints.
    ///
    /// # Errors
    ///
    /// There is no compiler, or it does not know what is asked for.
    pub(crate) fn rustc<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<String> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        process::read(&mut self.command(rustc, args))
    }
}

fn command<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = A>,
) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    for (name, _) in std::env::vars_os() {
        if is_xtasks_own(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether `cargo run` sets the variable to describe xtask itself.
///
/// Build scripts (ring's, for one) ask cargo to run them again whenever such a variable changes:
/// handed on, half of the harness would be built anew each time that a person changes between
/// `cargo xtask test` and `cargo test`.
fn is_xtasks_own(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_this_one() {
        let workspace = Workspace::load().unwrap();
        assert!(workspace.root().join("xtask/Cargo.toml").is_file());
        let guest = workspace.guest().unwrap();
        assert_eq!(guest.version.to_string(), env!("CARGO_PKG_VERSION"));
        assert!(guest.rust_version.is_some() && guest.description.is_some());
    }

    #[test]
    fn commands_do_not_see_what_describes_xtask() {
        // `cargo test` sets these as `cargo run` does.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        let workspace = Workspace::load().unwrap();
        let command = workspace.cargo(["--version"]);
        let removed: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name)
            .collect();
        assert!(
            removed.contains(&OsStr::new("CARGO_PKG_NAME")),
            "{removed:?}"
        );
        assert!(
            removed.contains(&OsStr::new("CARGO_MANIFEST_DIR")),
            "{removed:?}"
        );
        assert!(!is_xtasks_own("CARGO_TARGET_DIR") && !is_xtasks_own("CARGO_HOME"));
    }
}
