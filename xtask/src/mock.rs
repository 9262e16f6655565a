//! The mock of the Meraki API, in a process of its own.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use anyhow::{Context, Result};
use xshell::cmd;

use crate::steps;
use crate::workspace::{CLI, Workspace, cleaned, json_string};

/// Valid only for the mock that is started with it.
const KEY: &str = "mock-key-of-the-examples";

/// A mock that listens until this value is dropped.
pub(crate) struct Mock {
    process: Child,
    program: PathBuf,
    base_url: String,
    /// An online camera with one imager.
    pub(crate) serial: String,
}

impl Mock {
    /// Builds the command line and starts a mock on a free port of 127.0.0.1.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let shell = &workspace.shell;
        let (package, program) = CLI;
        steps::run(cmd!(
            shell,
            "cargo build --package {package} --bin {program}"
        ))?;
        let program = workspace.program(program);
        let mock = cmd!(
            shell,
            "{program} mock --json --listen 127.0.0.1:0 --key {KEY}"
        );
        // When xtask ends, for whatever reason, the pipe closes and the mock ends too.
        let mut process = cleaned(mock.arg("--until-stdin-closes"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.as_mut().context("the mock has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let value = |key| json_string(&line, key).with_context(|| format!("the mock said: {line}"));
        Ok(Self {
            base_url: value("base_url")?,
            serial: value("serials")?,
            process,
            program,
        })
    }

    /// The environment variables that tell scripts where the mock and the command line are.
    pub(crate) fn environment(&self) -> [(&str, &OsStr); 4] {
        [
            ("MERAKI_BASE_URL", self.base_url.as_ref()),
            ("MERAKI_DASHBOARD_API_KEY", KEY.as_ref()),
            ("MOCK_SERIAL", self.serial.as_ref()),
            ("MV_CLIP", self.program.as_ref()),
        ]
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        // Both fail only if the process has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
