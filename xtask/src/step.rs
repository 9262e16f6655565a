//! Steps of a run: what is done, why, how long it took, and how to do it again alone.

use std::fmt;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

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

    /// Says that a step is left out, and why.
    pub(crate) fn skip(&mut self, name: &'static str, why: &str) {
        eprintln!("\n==> {name}\n    skipped: {name}, because {why}");
        self.rows.push(Row {
            name,
            took: Duration::ZERO,
            outcome: Outcome::Skipped(why.to_owned()),
        });
    }
}

/// The table of the steps so far, one line each and one for their sum.
impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = "step";
        let width = self
            .rows
            .iter()
            .map(|row| row.name.len())
            .chain([5])
            .max()
            .unwrap_or(5);
        writeln!(f, "{name:width$}  seconds")?;
        for Row {
            name,
            took,
            outcome,
        } in &self.rows
        {
            match outcome {
                Outcome::Passed => writeln!(f, "{name:width$}  {:7.1}", took.as_secs_f64())?,
                Outcome::Failed => {
                    writeln!(f, "{name:width$}  {:7.1}  FAILED", took.as_secs_f64())?;
                }
                Outcome::Skipped(why) => writeln!(f, "{name:width$}        -  skipped: {why}")?,
            }
        }
        let total: Duration = self.rows.iter().map(|row| row.took).sum();
        write!(f, "{:width$}  {:7.1}", "total", total.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

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
    fn the_table_has_a_line_for_every_step_and_the_sum() {
        let mut runner = Runner::default();
        assert_eq!(runner.work(step("setup"), |_| Ok(7)).unwrap(), 7);
        runner.skip("a-longer-name", "there is no python3");
        for row in &mut runner.rows {
            row.took = Duration::from_millis(1250);
        }
        assert_eq!(
            runner.to_string(),
            "step           seconds\n\
             setup              1.2\n\
             a-longer-name        -  skipped: there is no python3\n\
             total              2.5"
        );
    }
}
