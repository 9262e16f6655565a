//! Runs Meraki's official SDK against the mock: an independent judge of how faithful the mock is.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process::{self, Background};
use crate::workspace::Workspace;

/// The mock needs milliseconds to start; this only ends a run that would otherwise hang.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens nothing but the mock that is started with it.
const KEY: &str = "key-of-the-mock";

/// A Python that has the SDK, in a virtual environment under cargo's target folder. One that is
/// there is used again, without a look at the network.
///
/// # Errors
///
/// There is no Python, or the packages cannot be had.
pub(crate) fn python(workspace: &Workspace) -> Result<PathBuf> {
    let wanted = fs::read_to_string(workspace.root().join(requirements()))
        .with_context(|| format!("cannot read {}", requirements().display()))?;
    let venv = workspace.target().join("sdk-venv");
    let python = venv.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let stamp = venv.join("installed-requirements.txt");

    let import = ["-c", "import meraki"];
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted)
        && process::read(&mut workspace.command(&python, import)).is_ok()
    {
        eprintln!("    using {}", venv.display());
        return Ok(python);
    }

    process::run(
        workspace
            .command("python3", ["-m", "venv", "--clear"])
            .arg(&venv),
    )?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ];
    process::run(workspace.command(&python, pip).arg(requirements()))?;
    process::read(&mut workspace.command(&python, import))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
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
    let mut mock = process::start(&mut workspace.command(
        workspace.target().join(harness),
        ["mock", "--listen", "127.0.0.1:0", "--key", KEY, "--json"],
    ))?;
    let address = Address::parse(&first_line(&mut mock)?)?;
    process::run(
        workspace
            .command(python, ["host-test/tests/sdk/clip.py"])
            .args([&address.base_url, KEY, address.serial()?]),
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
    let output = program
        .0
        .stdout
        .take()
        .context("the mock's output was not kept")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = String::new();
        // The receiver is gone only if it gave up waiting.
        let _ = sender.send(output.read_line(&mut line).map(|_| line));
        // Read to the end, so that the program never has to wait to be read.
        let _ = std::io::copy(&mut output, &mut std::io::sink());
    });
    let line = receiver
        .recv_timeout(START_TIMEOUT)
        .context("the mock did not say within 30 s that it is ready")?;
    line.context("cannot read what the mock says")
}

fn requirements() -> &'static Path {
    Path::new("host-test/tests/sdk/requirements.txt")
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
        command.args(["-c", "echo ready; exec sleep 60"]);
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
}
