//! Runs Meraki's official SDK against the mock: an independent judge of how faithful the mock is.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process::{self, Background};
use crate::workspace::Workspace;

const REQUIREMENTS: &str = "host-test/tests/sdk/requirements.txt";
const SCRIPT: &str = "host-test/tests/sdk/clip.py";

/// Opens nothing but the mock that is started with it.
const KEY: &str = "key-of-the-mock";

/// Meraki's SDK on this machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sdk {
    /// This Python has it.
    In(PathBuf),
    /// It cannot be had here, because of what the machine lacks.
    Unavailable(&'static str),
}

/// Installs the SDK into a virtual environment under cargo's target folder. One that is there is
/// used again, without a look at the network.
///
/// # Errors
///
/// The SDK could be had, but cannot be installed or imported.
pub(crate) fn install(workspace: &Workspace) -> Result<Sdk> {
    let venv = workspace.target().join("sdk-venv");
    install_into(&venv, workspace, OsStr::new("python3"))
}

fn install_into(venv: &Path, workspace: &Workspace, python3: &OsStr) -> Result<Sdk> {
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
        return Ok(Sdk::In(python));
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
            return Ok(Sdk::Unavailable(lack));
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
        return Ok(Sdk::Unavailable("pip finds no package index with the SDK"));
    }
    let pip = ["-m", "pip", "--disable-pip-version-check", "install"];
    process::run(inside(&pip).args(["--quiet", "--requirement", REQUIREMENTS]))?;
    import()?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(Sdk::In(python))
}

/// Starts the mock, gets a clip from it with the SDK of `python`, and stops the mock.
///
/// # Errors
///
/// The mock does not start, or the SDK does not get what it should.
pub(crate) fn check(workspace: &Workspace, python: &Path) -> Result<()> {
    process::run(&mut workspace.cargo(["build", "--package", "host-test"]))?;
    // Not through `cargo run`: the process to end is the mock, not a cargo around it.
    let harness = format!("debug/host-test{}", std::env::consts::EXE_SUFFIX);
    let mut mock = process::start(
        workspace
            .command(workspace.target().join(harness), ["mock", "--json"])
            .args(["--listen", "127.0.0.1:0", "--key", KEY])
            .arg("--until-stdin-closes"),
    )?;
    let address = Address::parse(&first_line(&mut mock)?)?;
    process::run(
        workspace
            .command(python, [SCRIPT, &address.base_url, KEY])
            .arg(address.serial()?),
    )
}

/// What the mock prints when it is ready.
#[derive(Debug, Deserialize)]
struct Address {
    base_url: String,
    serials: Vec<String>,
}

impl Address {
    fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line).with_context(|| {
            format!("the mock should say its base_url and serials as JSON, and said: {line}")
        })
    }

    fn serial(&self) -> Result<&str> {
        self.serials
            .first()
            .map(String::as_str)
            .context("the mock has no camera")
    }
}

fn first_line(program: &mut Background) -> Result<String> {
    let output = program.0.stdout.as_mut();
    let output = output.context("the mock's output was not kept")?;
    let mut line = String::new();
    BufReader::new(output)
        .read_line(&mut line)
        .context("cannot read what the mock says")?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_mock_says_is_understood() {
        let line = r#"{"base_url":"http://127.0.0.1:1/api/v1","serials":["Q","R"]}"#;
        let address = Address::parse(line).unwrap();
        assert_eq!(address.base_url, "http://127.0.0.1:1/api/v1");
        assert_eq!(address.serial().unwrap(), "Q");
    }

    #[test]
    fn what_is_not_understood_is_shown() {
        for line in ["", "listening", r#"{"base_url":"http://127.0.0.1:1"}"#] {
            let error = Address::parse(line).unwrap_err().to_string();
            assert!(error.ends_with(&format!("said: {line}")), "{error}");
        }
        let none = Address::parse(r#"{"base_url":"","serials":[]}"#).unwrap();
        assert!(none.serial().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_first_line_arrives_while_the_program_runs() {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "echo ready; exec cat"]);
        let mut program = process::start(&mut command).unwrap();
        assert_eq!(first_line(&mut program).unwrap(), "ready\n");
        assert!(program.0.try_wait().unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_ends_without_a_word_is_not_waited_for() {
        let mut program = process::start(&mut std::process::Command::new("true")).unwrap();
        assert_eq!(first_line(&mut program).unwrap(), "");
    }

    /// What comes of an installation with a Python that fails when told what matches `refused`.
    #[cfg(unix)]
    fn installed_with(refused: &str) -> Result<&'static str> {
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
            Sdk::Unavailable(lack) => lack,
            Sdk::In(python) => {
                assert_eq!(python, venv.join("bin/python"));
                // The second time without the Python that made it.
                fs::remove_file(&python3).unwrap();
                assert_eq!(install().unwrap(), Sdk::In(python));
                "installed"
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
