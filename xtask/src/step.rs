//! Steps of a run: what is done, why, how long it took, and how to do it again alone.

use std::fmt;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use crate::process;

/// One step of a run.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its name in the header, the table and the error.
    pub(crate) name: &'static str,
    /// What it is good for, in one line.
    pub(crate) reason: &'static str,
    /// What runs it, and what a person types to repeat it alone.
    pub(crate) command: Command,
}

/// What a step needs beside the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tool<T> {
    /// It is here.
    Ready(T),
    /// It cannot be had here, because of what the machine lacks.
    Unavailable(String),
}

impl<T> Tool<T> {
    /// What `change` makes of the tool, where it is here.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Tool<U> {
        match self {
            Self::Ready(tool) => Tool::Ready(change(tool)),
            Self::Unavailable(why) => Tool::Unavailable(why),
        }
    }

    /// The tool, where nothing goes on without it.
    ///
    /// # Errors
    ///
    /// It cannot be had.
    pub(crate) fn needed(self) -> Result<T> {
        match self {
            Self::Ready(tool) => Ok(tool),
            Self::Unavailable(why) => bail!(why),
        }
    }
}

/// Runs steps in order and keeps their times.
#[derive(Debug, Default)]
pub(crate) struct Runner {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

impl Runner {
    /// Runs the step's command.
    ///
    /// # Errors
    ///
    /// The command failed; the message names the step and the command that repeats it.
    pub(crate) fn run(&mut self, step: Step) -> Result<()> {
        self.work(step, process::run)
    }

    /// Does the step's work here instead of in a process of its own; its command does the same
    /// alone.
    ///
    /// # Errors
    ///
    /// The work failed; the message names the step and the command that repeats it.
    pub(crate) fn work<T>(
        &mut self,
        mut step: Step,
        work: impl FnOnce(&mut Command) -> Result<T>,
    ) -> Result<T> {
        eprintln!("\n==> {}: {}", step.name, step.reason);
        let repeat = process::line(&step.command);
        let start = Instant::now();
        let result = work(&mut step.command);
        let outcome = if result.is_ok() {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        self.rows.push(Row {
            name: step.name,
            took: start.elapsed(),
            outcome,
        });
        result.map_err(|error| {
            anyhow!(
                "step `{}` failed: {error:#}\nTo repeat it alone: {repeat}",
                step.name
            )
        })
    }

    /// Does work that the run can go on without: where it fails, the step counts as skipped.
    pub(crate) fn attempt(
        &mut self,
        name: &'static str,
        reason: &str,
        work: impl FnOnce() -> Result<()>,
    ) {
        eprintln!("\n==> {name}: {reason}");
        let start = Instant::now();
        match work() {
            Ok(()) => self.rows.push(Row {
                name,
                took: start.elapsed(),
                outcome: Outcome::Passed,
            }),
            Err(error) => self.skip(name, &format!("{error:#}")),
        }
    }

    /// Says that a step is left out, and why.
    pub(crate) fn skip(&mut self, name: &'static str, why: &str) {
        eprintln!("\n==> {name}\n    skipped, because {why}");
        self.rows.push(Row {
            name,
            took: Duration::ZERO,
            outcome: Outcome::Skipped(why.to_owned()),
        });
    }
}

/// The table of the steps so far, with their sum; the last line says what was skipped and why.
impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.rows.iter().map(|row| row.name.len());
        let width = names.fold("total".len(), usize::max);
        let mut skipped = Vec::new();
        writeln!(f, "{:width$}  seconds", "step")?;
        for Row {
            name,
            took,
            outcome,
        } in &self.rows
        {
            let seconds = took.as_secs_f64();
            match outcome {
                Outcome::Passed => writeln!(f, "{name:width$}  {seconds:7.1}")?,
                Outcome::Failed => writeln!(f, "{name:width$}  {seconds:7.1}  FAILED")?,
                Outcome::Skipped(why) => {
                    writeln!(f, "{name:width$}        -  skipped")?;
                    skipped.push(format!("{name}, because {}", one_line(why)));
                }
            }
        }
        let total: Duration = self.rows.iter().map(|row| row.took).sum();
        writeln!(f, "{:width$}  {:7.1}", "total", total.as_secs_f64())?;
        write!(f, "skipped: {}", skipped.len())?;
        if !skipped.is_empty() {
            write!(f, " ({})", skipped.join("; "))?;
        }
        Ok(())
    }
}

/// `text` without line breaks: other programs' complaints have them.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str) -> Step {
        let mut command = Command::new("cargo");
        command.args(["xtask", name]);
        Step {
            name,
            reason: "a test",
            command,
        }
    }

    #[test]
    fn a_failure_names_the_step_and_the_command_to_repeat() {
        let mut runner = Runner::default();
        let error = runner
            .work(step("build"), |_| -> Result<()> { bail!("no disk") })
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "step `build` failed: no disk\nTo repeat it alone: cargo xtask build"
        );
        assert!(runner.to_string().contains("FAILED"), "{runner}");
    }

    #[test]
    fn what_the_run_can_go_on_without_is_skipped_where_it_fails() {
        let mut runner = Runner::default();
        runner.attempt("there", "a test", || Ok(()));
        assert!(runner.to_string().ends_with("skipped: 0"), "{runner}");
        runner.attempt("gone", "a test", || bail!("no disk"));
        let last = "skipped: 1 (gone, because no disk)";
        assert!(runner.to_string().ends_with(last), "{runner}");
    }

    #[test]
    fn the_table_has_a_line_for_every_step_and_the_sum() {
        let mut runner = Runner::default();
        assert_eq!(runner.work(step("a-longer-name"), |_| Ok(7)).unwrap(), 7);
        runner.work(step("build"), |_| Ok(())).unwrap();
        for row in &mut runner.rows {
            row.took = Duration::from_millis(1250);
        }
        assert_eq!(
            runner.to_string(),
            "step           seconds\n\
             a-longer-name      1.2\n\
             build              1.2\n\
             total              2.5\n\
             skipped: 0"
        );
    }

    #[test]
    fn the_last_line_says_what_was_skipped_and_why() {
        let mut runner = Runner::default();
        runner.skip("wasip2", "rustup said:\n  no network");
        runner.skip("sdk", "there is no python3");
        assert_eq!(
            runner.to_string(),
            "step    seconds\n\
             wasip2        -  skipped\n\
             sdk           -  skipped\n\
             total       0.0\n\
             skipped: 2 (wasip2, because rustup said: no network; sdk, because there is no python3)"
        );
    }
}
