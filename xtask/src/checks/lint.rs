//! What reads the code and does not run it.

use std::process::Command;

use anyhow::Result;

use super::{wasm_only, with_tool};
use crate::component::WORLDS;
use crate::deny;
use crate::examples;
use crate::fuzz;
use crate::setup::{self, CHECKED, SHIPPED, Targets};
use crate::step::{Runner, Step, Tool};
use crate::wit_docs;
use crate::workspace::{GUEST, Workspace};

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
                "--locked",
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
    for manifest in examples::COMPONENTS {
        let cargo = |args: &[&str]| {
            let mut cargo = workspace.cargo(args);
            cargo.args(["--manifest-path", manifest]);
            cargo
        };
        runner.run(Step {
            name: "fmt-example",
            reason: "the form of an example",
            command: cargo(&["fmt", "--all", "--check"]),
        })?;
        wasm_only(
            runner,
            Step {
                name: "clippy-example",
                reason: "lints, in an example that is a component",
                command: warnings_denied(cargo(&[
                    "clippy",
                    "--locked",
                    "--workspace",
                    "--target",
                    CHECKED,
                ])),
            },
            targets.refusal(CHECKED),
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

fn warnings_denied(mut clippy: Command) -> Command {
    clippy.args(["--", "-Dwarnings"]);
    clippy
}
