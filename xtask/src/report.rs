//! Saves a clip from the mock as files, and plays their report in headless Chromium.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{SecondsFormat, TimeDelta, Utc};

use crate::harness::{COMPONENT_VARIABLE, Harness};
use crate::mock::{KEY, Mock};
use crate::npm::{self, Packages};
use crate::process;
use crate::programs::{self, BROWSER, FFMPEG, NODE, NPM};
use crate::step::Tool;
use crate::workspace::Workspace;

const PACKAGES: Packages = Packages {
    folder: "host-test/tests/report",
    asked_for: "playwright-core",
};
const SCRIPT: &str = "host-test/tests/report/play.mjs";

/// Installs what drives the browser beside the script that uses it, and gives the browser.
///
/// # Errors
///
/// What drives the browser could be had, but cannot be installed.
pub(crate) fn install(workspace: &Workspace) -> Result<Tool<PathBuf>> {
    // All that is missing, in one word to the reader.
    if let Some(lack) = programs::lack(&[FFMPEG, BROWSER, NODE, NPM]) {
        return Ok(Tool::Unavailable(lack));
    }
    let browser = BROWSER.find();
    let browser = browser.context("Chromium was removed while it was looked for; run again")?;
    let node = npm::install(&PACKAGES, workspace)?;
    Ok(node.map(|_| browser))
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
