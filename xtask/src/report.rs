//! Saves a clip from the mock as files, and plays their report in headless Chromium.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{SecondsFormat, TimeDelta, Utc};

use crate::harness::{COMPONENT_VARIABLE, Harness};
use crate::mock::{KEY, Mock};
use crate::process;
use crate::programs::{self, BROWSER, FFMPEG, NODE, NPM};
use crate::step::Tool;
use crate::workspace::Workspace;

/// The folder of the script's manifest and lock file.
const FOLDER: &str = "host-test/tests/report";
const SCRIPT: &str = "host-test/tests/report/play.mjs";

/// Fails with a Node.js that playwright-core does not run in.
const NODE_CHECK: &str = "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)";

/// Installs what drives the browser beside the script that uses it, and gives the browser. What is
/// there is used again, without a look at the network.
///
/// # Errors
///
/// What drives the browser could be had, but cannot be installed.
pub(crate) fn install(workspace: &Workspace) -> Result<Tool<PathBuf>> {
    if let Some(lack) = programs::lack(&[FFMPEG, BROWSER, NODE, NPM]) {
        return Ok(Tool::Unavailable(lack));
    }
    if process::read(&mut workspace.command("node", ["-e", NODE_CHECK])).is_err() {
        let lack = "node is older than version 20, and playwright-core needs that or later";
        return Ok(Tool::Unavailable(lack.to_owned()));
    }
    let found = BROWSER.find().zip(NPM.find());
    let (browser, npm) = found.context("a program was removed while it was looked for")?;
    let installed = install_into(&workspace.root().join(FOLDER), workspace, npm.as_os_str())?;
    Ok(match installed {
        Tool::Ready(()) => Tool::Ready(browser),
        Tool::Unavailable(lack) => Tool::Unavailable(lack),
    })
}

/// Installs what the lock file in `folder` names.
fn install_into(folder: &Path, workspace: &Workspace, npm: &OsStr) -> Result<Tool<()>> {
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
    let view = ["view", "playwright-core", "version", "--fetch-retries=0"];
    if let Err(error) = process::read(&mut inside(&view)) {
        eprintln!("    {error:#}");
        let lack = "npm finds no registry with playwright-core";
        return Ok(Tool::Unavailable(lack.to_owned()));
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

/// Saves a clip from the mock, stops the mock, and plays the clip's report in `browser`.
///
/// # Errors
///
/// The clip cannot be saved, its folder is not as it was saved, or the report does not play it.
pub(crate) fn check(workspace: &Workspace, browser: &Path) -> Result<()> {
    let harness = Harness::build(workspace)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder for the clip")?;
    save(workspace, &harness, folder.path())?;
    process::run(harness.command(["verify"]).arg(folder.path()))?;
    let report = folder.path().join("report.html");
    process::run(
        workspace
            .command("node", [SCRIPT])
            .arg(report)
            .env("CHROMIUM", browser),
    )
}

/// Fills `folder` from a mock that is gone by the time that the report is played.
fn save(workspace: &Workspace, harness: &Harness<'_>, folder: &Path) -> Result<()> {
    let mock = Mock::start(harness)?;
    // Uploaded long ago, and kept for long yet.
    let at = (Utc::now() - TimeDelta::minutes(10)).to_rfc3339_opts(SecondsFormat::Secs, true);
    process::run(
        harness
            .command(["incident", mock.serial()?, "--at", &at, "--out"])
            .arg(folder)
            .env(COMPONENT_VARIABLE, workspace.component())
            .env("MERAKI_BASE_URL", mock.base_url())
            .env("MERAKI_DASHBOARD_API_KEY", KEY),
    )
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
        let install = || install_into(folder.path(), &workspace, npm.as_os_str());
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
        let lack = installed_with("*view*").unwrap();
        assert!(lack.contains("registry"), "{lack}");
        let error = installed_with("*\\ ci\\ *").unwrap_err().to_string();
        assert!(error.contains("exit status: 1"), "{error}");
    }
}
