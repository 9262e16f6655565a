//! Debian's packages, installed with apt-get.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::process;
use crate::workspace::Workspace;

/// What installs `packages`, as a line for root's shell.
pub(crate) fn line(packages: &[&str]) -> String {
    format!(
        "apt-get update && apt-get install --no-install-recommends {}",
        packages.join(" ")
    )
}

/// Makes sure that packages can be installed here at all.
///
/// # Errors
///
/// There is no apt-get, or only root may use it; the message says what to run instead.
pub(crate) fn allowed(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    let apt_get = which::which("apt-get").is_ok();
    let root = process::read(&mut workspace.command("id", ["-u"])).is_ok_and(|id| id == "0");
    refusal(apt_get, root, packages).map_or(Ok(()), |why| Err(anyhow!(why)))
}

/// Why `packages` cannot be installed, if so.
fn refusal(apt_get: bool, root: bool, packages: &[&str]) -> Option<String> {
    if !apt_get {
        Some("there is no apt-get".to_owned())
    } else if !root {
        let line = line(packages);
        Some(format!("only root may install; run: sudo sh -c '{line}'"))
    } else {
        None
    }
}

/// Installs `packages`, and leaves them installed.
///
/// # Errors
///
/// Nothing may be installed here, or apt-get fails.
pub(crate) fn install(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    allowed(workspace, packages)?;
    process::run(&mut apt_get(workspace, &["update"]))?;
    process::run(apt_get(workspace, &["install", "--no-install-recommends"]).args(packages))
}

/// Unpacks `package` into `folder` without installing it: a service among it is not started, and no root is
/// needed.
///
/// # Errors
///
/// apt-get does not know the package, or it cannot be unpacked.
pub(crate) fn unpack(workspace: &Workspace, package: &str, folder: &Path) -> Result<()> {
    if allowed(workspace, &[package]).is_ok() {
        process::run(&mut apt_get(workspace, &["update"]))?;
    }
    let download = tempfile::tempdir().context("cannot make a folder for a package")?;
    process::run(apt_get(workspace, &["download", package]).current_dir(&download))?;
    for file in fs::read_dir(&download)? {
        let mut unpack = workspace.command("dpkg-deb", ["--extract"]);
        process::run(unpack.arg(file?.path()).arg(folder))?;
    }
    Ok(())
}

fn apt_get(workspace: &Workspace, args: &[&str]) -> Command {
    let mut command = workspace.command("apt-get", ["--yes", "--quiet=2"]);
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_every_package() {
        assert_eq!(
            line(&["ffmpeg", "chromium"]),
            "apt-get update && apt-get install --no-install-recommends ffmpeg chromium"
        );
    }

    #[test]
    fn root_with_apt_get_installs() {
        assert_eq!(refusal(true, true, &["ffmpeg"]), None);
    }

    #[test]
    fn others_are_told_what_to_run() {
        let why = refusal(true, false, &["ffmpeg"]).unwrap();
        assert!(
            why.contains("sudo") && why.contains(&line(&["ffmpeg"])),
            "{why}"
        );
    }

    #[test]
    fn nothing_is_installed_without_apt_get() {
        for root in [true, false] {
            let why = refusal(false, root, &["ffmpeg"]);
            assert_eq!(why.as_deref(), Some("there is no apt-get"));
        }
    }
}
