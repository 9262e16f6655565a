//! The steps of a run: each has a name, a duration and an outcome. A failed step does not end the run.

use std::ffi::OsStr;
use std::fmt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail, ensure};
use xshell::{Cmd, cmd};

use crate::workspace::{Workspace, cleaned};

/// The exit status of a script that cannot run on this machine. Its standard output is the reason.
const SKIPPED: i32 = 77;

#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Step>);

#[derive(Debug)]
struct Step {
    name: String,
    took: Duration,
    /// Why it failed, or was skipped.
    error: Option<Error>,
}

/// The error of a step that cannot run on this machine.
#[derive(Debug)]
pub(crate) struct Skip(pub(crate) String);

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Skip {}

impl Step {
    fn outcome(&self) -> &'static str {
        match &self.error {
            None => "ok",
            Some(error) if error.is::<Skip>() => "skipped",
            Some(_) => "FAILED",
        }
    }
}

impl Steps {
    /// Runs one step. Returns its value if it passes.
    pub(crate) fn run<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        eprintln!("\n==> {name}");
        let start = Instant::now();
        let (value, error) = match work() {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error)),
        };
        let (name, took) = (name.to_owned(), start.elapsed());
        let step = Step { name, took, error };
        if let Some(error) = &step.error {
            eprintln!("{}: {error:#}", step.outcome());
        }
        self.0.push(step);
        value
    }

    /// Runs one command as a step.
    pub(crate) fn command(&mut self, name: &str, command: Cmd<'_>) {
        self.run(name, || run(command));
    }

    /// Runs `ci/NAME.sh` as a step, with these environment variables.
    pub(crate) fn script(
        &mut self,
        workspace: &Workspace,
        name: &str,
        environment: &[(&str, &OsStr)],
    ) {
        self.run(name, || {
            let script = workspace.root.join(format!("ci/{name}.sh"));
            let command = cmd!(workspace.shell, "bash {script}");
            self::script(command.envs(environment.iter().copied())).map(drop)
        });
    }

    pub(crate) fn passed(&self) -> bool {
        self.0.iter().all(|step| step.outcome() != "FAILED")
    }
}

/// Runs a command with the input and output of xtask.
pub(crate) fn run(command: Cmd<'_>) -> Result<()> {
    eprintln!("$ {command}");
    let failed = format!("`{command}`");
    let status = cleaned(command).status();
    let status = status.with_context(|| format!("{failed} does not start"))?;
    ensure!(status.success(), "{failed}: {status}");
    Ok(())
}

/// Runs a command and returns its standard output.
pub(crate) fn read(command: Cmd<'_>) -> Result<String> {
    let failed = format!("`{command}`");
    let output = cleaned(command).output()?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    ensure!(
        output.status.success(),
        "{failed}: {}",
        said(&output.stderr)
    );
    Ok(said(&output.stdout))
}

/// Runs a script of `ci/` and returns its standard output.
///
/// # Errors
///
/// [`Skip`] with the script's reason if it cannot run on this machine.
pub(crate) fn script(command: Cmd<'_>) -> Result<String> {
    eprintln!("$ {command}");
    let failed = format!("`{command}`");
    let output = cleaned(command)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = output.with_context(|| format!("{failed} does not start"))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.code() == Some(SKIPPED) {
        bail!(Skip(said));
    }
    ensure!(output.status.success(), "{failed}: {}", output.status);
    Ok(said)
}

/// The table of the steps, then why steps failed or were skipped.
impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|step| step.name.len()).max();
        let width = width.unwrap_or_default().max("total".len());
        writeln!(f)?;
        for step in &self.0 {
            let (seconds, outcome) = (step.took.as_secs_f64(), step.outcome());
            writeln!(f, "{:width$} {seconds:7.1} s  {outcome}", step.name)?;
        }
        let total: Duration = self.0.iter().map(|step| step.took).sum();
        write!(f, "{:width$} {:7.1} s", "total", total.as_secs_f64())?;
        for step in &self.0 {
            if let Some(error) = &step.error {
                write!(f, "\n{} {}: {error:#}", step.name, step.outcome())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use xshell::Shell;

    use super::*;

    #[test]
    fn a_failure_does_not_end_the_run_and_is_named_at_the_end() {
        let mut steps = Steps::default();
        assert_eq!(
            steps.run("one", || -> Result<()> { bail!("no disk") }),
            None
        );
        assert_eq!(steps.run("two", || Ok(7)), Some(7));
        assert!(!steps.passed());
        let text = steps.to_string();
        assert!(text.ends_with("one FAILED: no disk"), "{text}");
        assert!(text.contains("\ntwo "), "{text}");
    }

    #[test]
    fn a_skipped_step_is_no_failure_and_says_why() {
        let mut steps = Steps::default();
        steps.run("sdk", || -> Result<()> { bail!(Skip("no python3".into())) });
        assert!(steps.passed());
        let text = steps.to_string();
        assert!(text.ends_with("sdk skipped: no python3"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn a_script_passes_fails_or_is_skipped_by_its_status() {
        let shell = Shell::new().unwrap();
        let outcome = |code: &str| script(cmd!(shell, "sh -c {code}"));
        assert_eq!(outcome("echo 1.2.3").unwrap(), "1.2.3");
        let skipped = outcome("echo no skopeo; exit 77").unwrap_err();
        assert_eq!(skipped.downcast::<Skip>().unwrap().0, "no skopeo");
        assert!(outcome("exit 3").unwrap_err().to_string().ends_with("3"));
    }
}
