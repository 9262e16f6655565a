//! What each command does, step by step.

use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::bench;
use crate::component::{self, WORLDS};
use crate::deny;
use crate::examples;
use crate::fuzz;
use crate::harness::COMPONENT_VARIABLE;
use crate::load;
use crate::mutants;
use crate::package;
use crate::peers;
use crate::process;
use crate::programs;
use crate::registry;
use crate::report;
use crate::reproducible;
use crate::sdk;
use crate::setup::{self, AskRustup, CHECKED, Compiler, SHIPPED, Targets};
use crate::step::{Runner, Step, Tool};
use crate::wit_docs;
use crate::workspace::{GUEST, Workspace};

/// Finds out which wasm targets there are, and makes the component's usable.
///
/// # Errors
///
/// The component's target cannot be made usable.
pub(crate) fn setup(
    runner: &mut Runner,
    workspace: &Workspace,
    ask: AskRustup,
) -> Result<(Targets, Compiler)> {
    runner.work(setup_step(workspace), |_| {
        let targets = setup::targets(workspace, ask)?;
        let compiler = setup::compiler(workspace, &targets)?;
        Ok((targets, compiler))
    })
}

/// [`setup()`] for [`lint`] alone, which is not worth a second compiler.
///
/// # Errors
///
/// There is no compiler at all.
pub(crate) fn lint_setup(runner: &mut Runner, workspace: &Workspace) -> Result<Targets> {
    runner.work(setup_step(workspace), |_| {
        setup::targets(workspace, AskRustup::WithoutDebian)
    })
}

fn setup_step(workspace: &Workspace) -> Step {
    Step {
        name: "setup",
        reason: "the wasm targets",
        command: workspace.cargo(["xtask", "setup"]),
    }
}

/// Builds the component, and the one with `clips` alone.
///
/// # Errors
///
/// One does not build.
pub(crate) fn build(runner: &mut Runner, workspace: &Workspace, compiler: &Compiler) -> Result<()> {
    let step = Step {
        name: "build",
        reason: "the component, and the one with `clips` alone",
        command: workspace.cargo(["xtask", "build"]),
    };
    runner.work(step, |_| component::build(workspace, compiler))
}

/// Sees that the component can be built again, byte by byte.
///
/// # Errors
///
/// It does not build, or other bytes come out.
pub(crate) fn reproducible(
    runner: &mut Runner,
    workspace: &Workspace,
    compiler: &Compiler,
) -> Result<()> {
    let step = Step {
        name: "reproducible",
        reason: "two builds in two folders give the same bytes",
        command: workspace.cargo(["xtask", "reproducible"]),
    };
    runner.work(step, |_| reproducible::check(workspace, compiler))
}

/// Writes what is published, and sees that it comes out of a registry as it went in; that is skipped
/// where there is none.
///
/// # Errors
///
/// The component is not built, or a file cannot be written, or something else comes out.
pub(crate) fn package(runner: &mut Runner, workspace: &Workspace) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "package"]),
    };
    let reason = "the components and the contract, as artifacts for registries";
    let artifacts = runner.work(step("package", reason), |_| package::write(workspace))?;
    with_tool(
        runner,
        step(
            "registry-setup",
            "a registry, and what copies artifacts to it",
        ),
        || Ok(registry::install(workspace)),
        step("registry", "what is pushed to a registry is pulled from it"),
        |tools| registry::check(workspace, tools, &artifacts),
    )
}

/// Gets one clip with the component: from the camera `serial`, or from a mock.
///
/// # Errors
///
/// The harness does not build, or there is no clip.
pub(crate) fn demo(runner: &mut Runner, workspace: &Workspace, serial: Option<&str>) -> Result<()> {
    let mut command = workspace.cargo(["run", "--package", "host-test", "--", "demo"]);
    command
        .args(serial)
        .arg("--component")
        .arg(workspace.component());
    runner.run(Step {
        name: "demo",
        reason: "one clip, end to end (the first time wasmtime is compiled, which takes minutes)",
        command,
    })
}

/// Gets a clip from the mock with Meraki's official SDK; skipped where that cannot be had.
///
/// # Errors
///
/// The SDK cannot be installed, or does not get what it should.
pub(crate) fn sdk(runner: &mut Runner, workspace: &Workspace) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "sdk"]),
    };
    with_tool(
        runner,
        step("sdk-setup", "Meraki's official SDK for Python"),
        || sdk::install(workspace),
        step("sdk", "the SDK, unchanged, gets a clip from the mock"),
        |python| sdk::check(workspace, python),
    )
}

/// Saves a clip from the mock with the component and plays its report in headless Chromium; skipped
/// where that cannot be had.
///
/// # Errors
///
/// What drives the browser cannot be installed, or the clip cannot be saved or does not play.
pub(crate) fn report(runner: &mut Runner, workspace: &Workspace) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "report"]),
    };
    with_tool(
        runner,
        step("report-setup", "playwright-core, which drives Chromium"),
        || report::install(workspace),
        step("report", "headless Chromium plays the report of a clip"),
        |browser| report::check(workspace, browser),
    )
}

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

/// Runs the component in each host of `examples/`, or only in the `quick` ones, against a mock; those that
/// cannot be had are skipped.
///
/// # Errors
///
/// A host cannot be installed, or the component does not do there what it should.
pub(crate) fn examples(runner: &mut Runner, workspace: &Workspace, quick: bool) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "examples"]),
    };
    let mock = runner.work(
        step("examples-mock", "the API that they are run against"),
        |_| examples::mock(workspace),
    )?;
    let mut rows = Vec::new();
    for example in examples::ALL {
        if quick && !example.is_quick {
            continue;
        }
        let row =
            runner.work(
                step(example.name, "the component in another host"),
                |_| match (example.install)(workspace)? {
                    Tool::Ready(host) => examples::check(workspace, &mock, host).map(Tool::Ready),
                    Tool::Unavailable(why) => Ok(Tool::Unavailable(why)),
                },
            )?;
        match row {
            Tool::Ready(row) => rows.push(row),
            Tool::Unavailable(why) => runner.skip(example.name, &why),
        }
    }
    eprintln!("\n{}", examples::Report(&rows));
    Ok(())
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
    let targets = runner.work(
        step("fuzz-setup", "a nightly toolchain and cargo-fuzz"),
        |_| {
            let targets = fuzz::targets(workspace, chosen)?;
            fuzz::install(workspace)?;
            Ok(targets)
        },
    )?;
    runner.run(Step {
        name: "fuzz-build",
        reason: "the targets",
        command: fuzz::build(workspace),
    })?;
    runner.work(
        step("fuzz", "inputs without end, as far as time goes"),
        |_| {
            let run = |target: &String| fuzz::run(workspace, target, seconds);
            let outcomes = targets.iter().map(run).collect::<Result<Vec<_>>>()?;
            fuzz::report(workspace, &outcomes)
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
    runner.work(setup, |_| mutants::install(workspace))?;
    let chosen = match chosen {
        [] => mutants::Of::value_variants(),
        _ => chosen,
    };
    for of in chosen {
        let reason = "the tests, once for each change of the code";
        let step = step(of.name(), reason, &[*of]);
        runner.work(step, |_| mutants::run(workspace, *of))?;
    }
    Ok(())
}

/// Installs the programs of others that the tests of saved footage use, where apt-get may; skipped
/// elsewhere.
pub(crate) fn programs(runner: &mut Runner, workspace: &Workspace) {
    let reason = "ffmpeg, Chromium and skopeo, for the tests of saved footage and of artifacts";
    runner.attempt("programs", reason, || programs::install(workspace));
}

/// Writes the reference page of the contract.
///
/// # Errors
///
/// The contract has something that the page has no form for, or the page cannot be written.
pub(crate) fn wit_docs(runner: &mut Runner, workspace: &Workspace) -> Result<()> {
    let step = Step {
        name: "wit-docs",
        reason: "the contract as a page",
        command: workspace.cargo(["xtask", "wit-docs"]),
    };
    runner.work(step, |_| wit_docs::write(workspace))
}

/// Form, lints and documentation, warnings denied.
///
/// # Errors
///
/// The first that fails.
pub(crate) fn lint(runner: &mut Runner, workspace: &Workspace, targets: &Targets) -> Result<()> {
    let tools = Step {
        name: "lint-tools",
        reason: "rustfmt and clippy",
        command: workspace.command("rustup", ["component", "add", "rustfmt", "clippy"]),
    };
    runner.work(tools, |_| setup::lint_tools(workspace))?;
    runner.run(Step {
        name: "fmt",
        reason: "the form of the code",
        command: workspace.cargo(["fmt", "--all", "--check"]),
    })?;
    runner.run(Step {
        name: "clippy",
        reason: "lints, in every package and test",
        command: warnings_denied(workspace.cargo(["clippy", "--workspace", "--all-targets"])),
    })?;
    runner.run(Step {
        name: "fmt-fuzz",
        reason: "the form of the fuzz targets",
        command: fuzz::cargo(workspace, ["fmt", "--check"]),
    })?;
    runner.run(Step {
        name: "clippy-fuzz",
        reason: "lints, in the fuzz targets",
        command: warnings_denied(fuzz::cargo(
            workspace,
            [
                "clippy",
                "--lib",
                "--bins",
                "--tests",
                "--no-default-features",
                "--features=targets",
            ],
        )),
    })?;
    for world in WORLDS {
        let mut guest = workspace.cargo(["clippy", "--package", GUEST, "--lib"]);
        guest.args(["--target", SHIPPED]).args(world.options);
        wasm_only(
            runner,
            Step {
                name: "clippy-wasm",
                reason: "lints, in the code that only the component has",
                command: warnings_denied(guest),
            },
            targets.refusal(SHIPPED),
        )?;
    }
    let step = Step {
        name: "wit-docs",
        reason: "the page of the contract is up to date",
        command: workspace.cargo(["xtask", "lint"]),
    };
    runner.work(step, |_| wit_docs::check(workspace))?;
    let mut doc = workspace.cargo(["doc", "--no-deps", "--workspace"]);
    doc.env("RUSTDOCFLAGS", "-Dwarnings");
    runner.run(Step {
        name: "doc",
        reason: "the documentation and its links",
        command: doc,
    })
}

/// What is depended on: its licences, versions and sources, and its known vulnerabilities; each skipped
/// where what it needs cannot be had.
///
/// # Errors
///
/// cargo-deny cannot be installed, or it finds something that `deny.toml` does not allow.
pub(crate) fn deny(runner: &mut Runner, workspace: &Workspace) -> Result<()> {
    let step = |name, reason| Step {
        name,
        reason,
        command: workspace.cargo(["xtask", "deny"]),
    };
    let setup = step("deny-setup", "cargo-deny");
    let cargo_deny = match runner.work(setup, |_| deny::install(workspace))? {
        Tool::Ready(cargo_deny) => cargo_deny,
        Tool::Unavailable(why) => {
            runner.skip("deny", &why);
            return Ok(());
        }
    };
    let reason = "licences, versions and sources of all dependencies";
    runner.work(step("deny", reason), |_| {
        deny::check(workspace, &cargo_deny, &["licenses", "bans", "sources"])
    })?;
    with_tool(
        runner,
        step("advisories-setup", "RustSec's database of advisories"),
        || Ok(deny::advisories(workspace, &cargo_deny)),
        step("advisories", "known vulnerabilities of all dependencies"),
        |()| deny::check(workspace, &cargo_deny, &["advisories"]),
    )
}

/// Everything that a change must pass beside [`lint`].
///
/// # Errors
///
/// The first that fails.
pub(crate) fn test(
    runner: &mut Runner,
    workspace: &Workspace,
    targets: &Targets,
    compiler: &Compiler,
) -> Result<()> {
    build(runner, workspace, compiler)?;
    runner.run(Step {
        name: "guest",
        reason: "the guest's rules, natively",
        command: workspace.cargo(["test", "--package", GUEST]),
    })?;
    runner.run(Step {
        name: "seeds",
        reason: "what the fuzz targets hold to, for the inputs that are kept",
        command: fuzz::cargo(workspace, ["test", "--no-default-features"]),
    })?;
    wasm_only(
        runner,
        Step {
            name: "wasip2",
            reason: "the guest compiles for the other component target too",
            command: workspace.cargo(["check", "--target", CHECKED, "--package", GUEST, "--lib"]),
        },
        targets.refusal(CHECKED),
    )?;
    runner.run(Step {
        name: "xtask",
        reason: "these commands themselves",
        command: workspace.cargo(["test", "--package", "xtask"]),
    })?;
    let mut harness = workspace.cargo(["test", "--package", "host-test"]);
    harness.env(COMPONENT_VARIABLE, workspace.component());
    runner.run(Step {
        name: "harness",
        reason: "the component in wasmtime, which is compiled the first time: minutes",
        command: harness,
    })?;
    if let Some(lack) = programs::lack(&programs::MP4) {
        runner.skip("mp4", &lack);
    }
    demo(runner, workspace, None)?;
    report(runner, workspace)?;
    sdk(runner, workspace)?;
    examples(runner, workspace, true)
}

fn warnings_denied(mut clippy: Command) -> Command {
    clippy.args(["--", "-Dwarnings"]);
    clippy
}

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
