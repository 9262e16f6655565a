//! Other clients, each in its own process, which makes a batch of calls on request.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use meraki_mock::DEFAULT_KEY;
use serde::Deserialize;

use super::arm::{Arm, Batch, Sample};
use super::site::{MockThread, SERIAL};

/// The peers that are installed, and those that are missing.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub struct Peers {
    peers: Vec<Peer>,
}

/// One peer, as `cargo xtask bench` found it.
#[derive(Clone, Deserialize)]
pub struct Peer {
    pub name: String,
    #[serde(default)]
    program: PathBuf,
    #[serde(default)]
    arguments: Vec<String>,
    /// Why it is missing.
    pub missing: Option<String>,
}

pub fn read(file: Option<&Path>) -> Result<Peers> {
    let Some(file) = file else {
        return Ok(Peers::default());
    };
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(serde_json::from_slice(&text)?)
}

impl Peers {
    pub fn all(&self) -> &[Peer] {
        &self.peers
    }

    fn present(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(|peer| peer.missing.is_none())
    }

    /// Starts the installed peers.
    pub fn start(&self, mock: &MockThread) -> Result<Vec<Running>> {
        self.present()
            .map(|peer| Running::start(peer, mock))
            .collect()
    }

    /// For each installed peer, the time from the start of its process to its first URL, in seconds.
    pub fn cold<'a>(&'a self, mock: &MockThread) -> impl Iterator<Item = (&'a str, Result<f64>)> {
        let present = self.present();
        present.map(|peer| (peer.name.as_str(), peer.once(mock)))
    }
}

impl Peer {
    fn command(&self, mock: &MockThread, once: Option<&str>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .args([&mock.base_url, SERIAL])
            .args(once)
            .env("MERAKI_DASHBOARD_API_KEY", DEFAULT_KEY)
            // No proxy for the mock.
            .env("NO_PROXY", "*");
        command
    }

    /// From the start of its process to its first URL, in seconds.
    fn once(&self, mock: &MockThread) -> Result<f64> {
        let (took, line) = cold(&mut self.command(mock, Some("--once")))?;
        match serde_json::from_str(&line)? {
            Answer::Sample { failed: 0, .. } => Ok(took),
            _ => bail!("{}: {line}", self.name),
        }
    }

    /// Limits itself to a few calls a second.
    pub fn is_paced(&self) -> bool {
        self.name == "sdk-smart-flow"
    }
}

/// Starts a program that makes one call and ends, and waits for its first line.
pub fn cold(command: &mut Command) -> Result<(f64, String)> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let output = child.stdout.take().context("there is no output")?;
    BufReader::new(output).read_line(&mut line)?;
    let took = started.elapsed().as_secs_f64();
    let status = child.wait()?;
    ensure!(
        status.success() && !line.is_empty(),
        "{command:?}: {status}"
    );
    Ok((took, line))
}

/// A peer that waits for requests.
pub struct Running {
    pub is_paced: bool,
    name: String,
    child: Child,
    tell: ChildStdin,
    answers: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Sample {
        #[serde(flatten)]
        sample: Sample,
        failed: usize,
    },
    Unsupported {
        unsupported: String,
    },
}

impl Running {
    fn start(peer: &Peer, mock: &MockThread) -> Result<Self> {
        let mut command = peer.command(mock, None);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", peer.name))?;
        let tell = child.stdin.take().context("there is no input")?;
        let output = child.stdout.take().context("there is no output")?;
        let mut running = Self {
            is_paced: peer.is_paced(),
            name: peer.name.clone(),
            child,
            tell,
            answers: BufReader::new(output),
        };
        running.line()?;
        Ok(running)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "{} has ended", self.name);
        Ok(line)
    }
}

impl Arm for Running {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&mut self, batch: Batch) -> Result<Sample> {
        writeln!(self.tell, "{}", serde_json::to_string(&batch)?)?;
        self.tell.flush()?;
        let line = self.line()?;
        match serde_json::from_str(&line).with_context(|| format!("{}: {line}", self.name))? {
            Answer::Sample { sample, failed: 0 } => Ok(sample),
            Answer::Sample { failed, .. } => bail!("{}: {failed} calls failed", self.name),
            Answer::Unsupported { unsupported } => bail!("{}: {unsupported}", self.name),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A peer ends with its input. This is for one that hangs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
