//! What each command does, step by step.

mod build;
mod lint;
mod search;
mod show;
mod test;

use anyhow::Result;

use crate::step::{Runner, Step, Tool};

pub(crate) use build::{build, lint_setup, package, reproducible, setup};
pub(crate) use lint::{deny, lint, wit_docs};
pub(crate) use search::{bench, fuzz, load, mutants};
pub(crate) use show::{demo, examples, programs, report, scale, sdk};
pub(crate) use test::test;

/// Runs a step that needs a wasm target, unless there is a reason why it cannot be run here.
fn wasm_only(runner: &mut Runner, step: Step, refusal: Option<String>) -> Result<()> {
    match refusal {
        None => runner.run(step),
        Some(why) => {
            runner.skip(step.name, &why);
            Ok(())
        }
    }
}

/// Runs the step `check` with the tool that the step `setup` gives, unless it cannot be had here.
fn with_tool<T>(
    runner: &mut Runner,
    setup: Step,
    install: impl FnOnce() -> Result<Tool<T>>,
    check: Step,
    work: impl FnOnce(&T) -> Result<()>,
) -> Result<()> {
    match runner.work(setup, |_| install())? {
        Tool::Ready(tool) => runner.work(check, |_| work(&tool)),
        Tool::Unavailable(why) => {
            runner.skip(check.name, &why);
            Ok(())
        }
    }
}
