//! The mock of the Meraki API, in a process of its own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::harness::Harness;
use crate::process::{self, Background};

/// Opens nothing but the mock that is started with it.
pub(crate) const KEY: &str = "key-of-the-mock";

/// A mock that listens, at the latest until this value ends.
#[derive(Debug)]
pub(crate) struct Mock {
    address: Address,
    _process: Background,
}

impl Mock {
    /// Starts a mock on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub(crate) fn start(harness: &Harness<'_>) -> Result<Self> {
        Self::run(&mut Self::command(harness))
    }

    /// Starts a mock as [`start`](Self::start) does, with further `args`; its requests go to the file `log`.
    ///
    /// # Errors
    ///
    /// It does not start, or the file cannot be made.
    pub(crate) fn with_log(harness: &Harness<'_>, args: &[&str], log: &Path) -> Result<Self> {
        let log = File::create(log).context("cannot make a log for the mock")?;
        Self::run(Self::command(harness).arg("-v").args(args).stderr(log))
    }

    fn command(harness: &Harness<'_>) -> Command {
        let mut command =
            harness.command(["mock", "--json", "--listen", "127.0.0.1:0", "--key", KEY]);
        command.arg("--until-stdin-closes");
        command
    }

    fn run(command: &mut Command) -> Result<Self> {
        let mut mock = process::start(command)?;
        let address = Address::parse(&first_line(&mut mock)?)?;
        Ok(Self {
            address,
            _process: mock,
        })
    }

    /// What takes the place of Meraki's base URL.
    pub(crate) fn base_url(&self) -> &str {
        &self.address.base_url
    }

    /// An online camera with one imager.
    ///
    /// # Errors
    ///
    /// The mock has no camera.
    pub(crate) fn serial(&self) -> Result<&str> {
        self.address.serial()
    }
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
}
