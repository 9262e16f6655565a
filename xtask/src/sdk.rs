//! Runs Meraki's official SDK against the mock: an independent judge of how faithful the mock is.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::harness::Harness;
use crate::mock::{KEY, Mock};
use crate::process;
use crate::step::Tool;
use crate::workspace::Workspace;

const REQUIREMENTS: &str = "host-test/tests/sdk/requirements.txt";
const SCRIPT: &str = "host-test/tests/sdk/clip.py";

/// Installs the SDK into a virtual environment under cargo's target folder, and gives the Python that
/// has it. One that is there is used again, without a look at the network.
///
/// # Errors
///
/// The SDK could be had, but cannot be installed or imported.
pub(crate) fn install(workspace: &Workspace) -> Result<Tool<PathBuf>> {
    let venv = workspace.target().join("sdk-venv");
    install_into(&venv, workspace, OsStr::new("python3"))
}

fn install_into(venv: &Path, workspace: &Workspace, python3: &OsStr) -> Result<Tool<PathBuf>> {
    let wanted = fs::read_to_string(workspace.root().join(REQUIREMENTS))
        .with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let stamp = venv.join("installed-requirements.txt");
    let python = venv.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let inside = |args: &[&str]| workspace.command(&python, args);
    let import = || process::read(&mut inside(&["-c", "import meraki"]));

    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && import().is_ok() {
        eprintln!("    using {}", venv.display());
        return Ok(Tool::Ready(python));
    }

    for (code, lack) in [
        (
            "import sys; sys.exit(sys.version_info < (3, 11))",
            "there is no python3 of version 3.11 or later",
        ),
        (
            "import ensurepip, venv",
            "python3 cannot make virtual environments (Debian has that in python3-venv)",
        ),
    ] {
        if process::read(&mut workspace.command(python3, ["-c", code])).is_err() {
            return Ok(Tool::Unavailable(lack.to_owned()));
        }
    }
    process::run(
        workspace
            .command(python3, ["-m", "venv", "--clear"])
            .arg(venv),
    )?;
    // Tells an index out of reach from requirements that it cannot meet: `install` does not.
    if let Err(error) = process::read(&mut inside(&["-m", "pip", "index", "versions", "meraki"])) {
        eprintln!("    {error:#}");
        return Ok(Tool::Unavailable(
            "pip finds no package index with the SDK".to_owned(),
        ));
    }
    let pip = ["-m", "pip", "--disable-pip-version-check", "install"];
    process::run(inside(&pip).args(["--quiet", "--requirement", REQUIREMENTS]))?;
    import()?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(Tool::Ready(python))
}

/// Starts the mock, gets a clip from it with the SDK of `python`, and stops the mock.
///
/// # Errors
///
/// The mock does not start, or the SDK does not get what it should.
pub(crate) fn check(workspace: &Workspace, python: &Path) -> Result<()> {
    let harness = Harness::build(workspace)?;
    let mock = Mock::start(&harness)?;
    process::run(
        workspace
            .command(python, [SCRIPT, mock.base_url(), KEY])
            .arg(mock.serial()?),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of an installation with a Python that fails when told what matches `refused`.
    #[cfg(unix)]
    fn installed_with(refused: &str) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let (python3, venv) = (folder.path().join("python3"), folder.path().join("venv"));
        let script = format!(
            r#"#!/bin/sh
               case "$*" in {refused}) exit 1;; esac
               case "$*" in "-m venv --clear "*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python";; esac"#
        );
        // Written by another process: a test that starts a program while this one has the file
        // open would keep it from being run.
        let mut write = std::process::Command::new("sh");
        write.args(["-c", r#"printf %s "$1" > "$0"; chmod +x "$0""#]);
        process::read(write.arg(&python3).arg(script)).unwrap();

        let workspace = Workspace::load().unwrap();
        let install = || install_into(&venv, &workspace, python3.as_os_str());
        Ok(match install()? {
            Tool::Unavailable(lack) => lack,
            Tool::Ready(python) => {
                assert_eq!(python, venv.join("bin/python"));
                // The second time without the Python that made it.
                fs::remove_file(&python3).unwrap();
                assert_eq!(install().unwrap(), Tool::Ready(python));
                "installed".to_owned()
            }
        })
    }

    #[cfg(unix)]
    #[test]
    fn only_what_the_machine_lacks_is_a_reason_to_skip() {
        for (refused, outcome) in [
            ("nothing", "installed"),
            ("*version_info*", "3.11"),
            ("*ensurepip*", "python3-venv"),
            ("*index*", "package index"),
        ] {
            let found = installed_with(refused).unwrap();
            assert!(found.contains(outcome), "{refused}: {found}");
        }
        for refused in ["*venv\\ --clear*", "*pip*install*", "*import\\ meraki*"] {
            let error = installed_with(refused).unwrap_err().to_string();
            assert!(error.contains("exit status: 1"), "{refused}: {error}");
        }
    }
}
