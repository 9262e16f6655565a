//! What takes too long for every change: measuring, and looking for what the tests leave out.

use anyhow::Result;
use clap::ValueEnum;

use crate::bench;
use crate::fuzz;
use crate::load;
use crate::mutants;
use crate::peers;
use crate::process;
use crate::step::{Runner, Step, Tool};
use crate::workspace::Workspace;

/// Compares the component with other clients, against the mock; those that cannot be had are skipped.
///
/// # Errors
///
/// What a client needs cannot be installed, jco cannot make JavaScript of the component, or the
/// benchmark fails.
pub(crate) fn bench(runner: &mut Runner, workspace: &Workspace) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "bench"]),
    };
    let reason = "Meraki's SDK and requests, for Python";
    let python = runner.work(step("bench-python", reason), |_| bench::python(workspace))?;
    let reason = "axios and jco's transpiler, for Node.js";
    let node = runner.work(step("bench-node", reason), |_| bench::node(workspace))?;
    if let Tool::Ready(node) = &node {
        runner.run(Step {
            name: "bench-jco",
            reason: "the component, made JavaScript",
            command: bench::transpile(workspace, node),
        })?;
    }
    let peers = bench::peers(workspace, &python, &node);
    for peer in &peers {
        if let Some(why) = peer.missing() {
            runner.skip(peer.name, why);
        }
    }
    let step = Step {
        name: "bench",
        reason: "the component and its peers (the first time wasmtime is compiled: minutes)",
        command: bench::command(workspace),
    };
    runner.work(step, |command| {
        peers::write(&bench::list(workspace), &peers)?;
        process::run(command)
    })
}

/// Fuzzes each of the `chosen` targets, or else all of them, for `seconds`.
///
/// # Errors
///
/// There is no nightly toolchain, a target does not build, or something is found.
pub(crate) fn fuzz(
    runner: &mut Runner,
    workspace: &Workspace,
    seconds: u64,
    chosen: &[String],
) -> Result<()> {
    let step = |name, reason| {
        let mut command = workspace.cargo(["xtask", "fuzz", "--seconds"]);
        command.arg(seconds.to_string()).args(chosen);
        Step {
            name,
            reason,
            command,
        }
    };
    let (targets, cargo_fuzz) = runner.work(
        step("fuzz-setup", "a nightly toolchain and cargo-fuzz"),
        |_| {
            let targets = fuzz::targets(workspace, chosen)?;
            Ok((targets, fuzz::install(workspace)?))
        },
    )?;
    runner.run(Step {
        name: "fuzz-build",
        reason: "the targets",
        command: fuzz::build(workspace, &cargo_fuzz),
    })?;
    runner.work(
        step("fuzz", "inputs without end, as far as time goes"),
        |_| {
            let run = |target: &String| fuzz::run(workspace, &cargo_fuzz, target, seconds);
            let outcomes = targets.iter().map(run).collect::<Result<Vec<_>>>()?;
            fuzz::report(workspace, &cargo_fuzz, &outcomes)
        },
    )
}

/// Lives through so many minutes of simulated traffic.
///
/// # Errors
///
/// A call is lost, the API is asked too fast or for nothing, or something is left behind.
pub(crate) fn load(runner: &mut Runner, workspace: &Workspace, minutes: u64) -> Result<()> {
    runner.run(Step {
        name: "load",
        reason: "simulated traffic, an hour of it in three minutes",
        command: load::command(workspace, minutes),
    })
}

/// Asks the tests whether they notice changes of the `chosen` code, or else of all.
///
/// # Errors
///
/// cargo-mutants cannot be had, or there is a change that they do not notice.
pub(crate) fn mutants(
    runner: &mut Runner,
    workspace: &Workspace,
    chosen: &[mutants::Of],
) -> Result<()> {
    let step = |name, reason, of: &[mutants::Of]| {
        let mut command = workspace.cargo(["xtask", "mutants"]);
        command.args(of.iter().map(|of| of.name()));
        Step {
            name,
            reason,
            command,
        }
    };
    let setup = step("mutants-setup", "cargo-mutants", chosen);
    let cargo_mutants = runner.work(setup, |_| mutants::install(workspace))?;
    let chosen = match chosen {
        [] => mutants::Of::value_variants(),
        _ => chosen,
    };
    for of in chosen {
        let reason = "the tests, once for each change of the code";
        let step = step(of.name(), reason, &[*of]);
        runner.work(step, |_| mutants::run(workspace, &cargo_mutants, *of))?;
    }
    Ok(())
}
