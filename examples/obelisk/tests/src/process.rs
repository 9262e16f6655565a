//! How other programs are run.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Runs `command` and gives its standard output, without white space at the ends.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command.output();
    let output = output.with_context(|| format!("{command:?} does not start"))?;
    ensure!(
        output.status.success(),
        "{:?}: {}: {}",
        command.get_program(),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Starts `command`, and gives the first line of its standard output. Its standard error goes to the file `log`.
///
/// Its standard input closes when this process ends, for whatever reason.
pub(crate) fn start(command: &mut Command, log: &Path) -> Result<(Background, String)> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let child = command.stderr(File::create(log)?).spawn();
    let mut process = Background(child.with_context(|| format!("{command:?} does not start"))?);
    let mut line = String::new();
    let stdout = process.0.stdout.as_mut().context("there is no output")?;
    BufReader::new(stdout).read_line(&mut line)?;
    Ok((process, line))
}

/// Starts `command` with its output in the file `log`. It ends with this process, for whatever reason (Linux).
pub(crate) fn start_with_log(command: &Command, log: &Path) -> Result<Background> {
    let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut setpriv = Command::new("setpriv");
    setpriv
        .args(["--pdeathsig", "KILL", "--"])
        .arg(command.get_program())
        .args(command.get_args())
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null())
        .stderr(log.try_clone()?)
        .stdout(log);
    if let Some(folder) = command.get_current_dir() {
        setpriv.current_dir(folder);
    }
    let child = setpriv.spawn();
    Ok(Background(
        child.with_context(|| format!("{command:?} does not start"))?,
    ))
}

/// A running program. It ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct Background(pub(crate) Child);

impl Drop for Background {
    fn drop(&mut self) {
        // Both fail only for a process that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
