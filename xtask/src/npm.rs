//! Scripts for Node.js, and what npm installs beside them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;
use crate::programs::{self, NODE, NPM};
use crate::step::Tool;
use crate::workspace::Workspace;

/// What the scripts in one folder need.
#[derive(Debug)]
pub(crate) struct Packages {
    /// The folder, from the workspace's root: it has `package.json` and `package-lock.json`.
    pub(crate) folder: &'static str,
    /// One of them, which a registry of npm packages has, and which needs Node.js 20.
    pub(crate) asked_for: &'static str,
}

/// Fails with a Node.js that these packages do not run in.
const NODE_CHECK: &str = "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)";

/// Installs `packages` beside the scripts that need them, and gives the Node.js to run these with. What
/// is there is used again, without a look at the network.
///
/// # Errors
///
/// They could be had, but cannot be installed.
pub(crate) fn install(packages: &Packages, workspace: &Workspace) -> Result<Tool<PathBuf>> {
    if let Some(lack) = programs::lack(&[NODE, NPM]) {
        return Ok(Tool::Unavailable(lack));
    }
    let found = NODE.find().zip(NPM.find());
    let (node, npm) =
        found.context("node or npm was removed while it was looked for; run again")?;
    if process::read(&mut workspace.command(&node, ["-e", NODE_CHECK])).is_err() {
        let lack = format!(
            "node is older than version 20, and {} needs that or later",
            packages.asked_for
        );
        return Ok(Tool::Unavailable(lack));
    }
    let folder = workspace.root().join(packages.folder);
    let installed = install_with(npm.as_os_str(), &folder, packages.asked_for, workspace)?;
    Ok(installed.map(|()| node))
}

/// Installs what the lock file in `folder` names.
fn install_with(
    npm: &OsStr,
    folder: &Path,
    asked_for: &str,
    workspace: &Workspace,
) -> Result<Tool<()>> {
    let lock = folder.join("package-lock.json");
    let wanted =
        fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let modules = folder.join("node_modules");
    // npm begins with removing the folder that this is in.
    let stamp = modules.join("installed-package-lock.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        eprintln!("    using {}", modules.display());
        return Ok(Tool::Ready(()));
    }

    let inside = |args: &[&str]| {
        let mut command = workspace.command(npm, ["--prefix"]);
        command.arg(folder).args(args);
        command
    };
    // Tells a registry out of reach from a lock file that it cannot meet: `ci` does not.
    let view = ["view", asked_for, "version", "--fetch-retries=0"];
    if let Err(error) = process::read(&mut inside(&view)) {
        eprintln!("    {error:#}");
        let lack = format!("npm finds no registry with {asked_for}");
        return Ok(Tool::Unavailable(lack));
    }
    process::run(&mut inside(&[
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(Tool::Ready(()))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What comes of an installation with an npm that fails when told what matches `refused`, and how
    /// it is when it is repeated.
    fn installed_with(refused: &str) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("package-lock.json");
        fs::write(&lock, "the first").unwrap();
        let npm = folder.path().join("npm");
        let script = format!(
            r#"#!/bin/sh
               case "$*" in {refused}) exit 1;; esac
               case "$3" in ci) rm -rf "$2/node_modules" && mkdir "$2/node_modules" && echo >> "$2/times";; esac"#
        );
        // Written by another process: a test that starts a program while this one has the file
        // open would keep it from being run.
        let mut write = Command::new("sh");
        write.args(["-c", r#"printf %s "$1" > "$0"; chmod +x "$0""#]);
        process::read(write.arg(&npm).arg(script)).unwrap();

        let workspace = Workspace::load().unwrap();
        let install = || install_with(npm.as_os_str(), folder.path(), "a-package", &workspace);
        let times = || fs::read(folder.path().join("times")).unwrap().len();
        if let Tool::Unavailable(lack) = install()? {
            return Ok(lack);
        }
        install().unwrap();
        assert_eq!(times(), 1);
        fs::write(&lock, "the second").unwrap();
        install().unwrap();
        assert_eq!(times(), 2);
        Ok("installed".to_owned())
    }

    #[test]
    fn what_fits_the_lock_file_is_not_installed_again() {
        assert_eq!(installed_with("nothing").unwrap(), "installed");
    }

    #[test]
    fn only_what_the_machine_lacks_is_a_reason_to_skip() {
        let lack = installed_with("*view\\ a-package*").unwrap();
        assert_eq!(lack, "npm finds no registry with a-package");
        let error = installed_with("*\\ ci\\ *").unwrap_err().to_string();
        assert!(error.contains("exit status: 1"), "{error}");
    }
}
