//! Commands that run the code: tests, demo, benchmark.

use xshell::cmd;

use crate::component::{self, WORLDS};
use crate::examples;
use crate::mock::Mock;
use crate::steps::{self, Steps};
use crate::toolchain::{self, CHECKED};
use crate::workspace::{CLI, COMPONENT_VARIABLE, GUEST, Workspace};

/// Builds the components and runs every test.
pub(crate) fn all(steps: &mut Steps, workspace: &Workspace) {
    let shell = &workspace.shell;
    let built = component::build(steps, workspace, &WORLDS);
    // One command, so that cargo selects the features of all dependencies once. The excluded packages need other
    // features, or are built below.
    let tests = cmd!(shell, "cargo test --workspace --no-fail-fast");
    let others = "xtask xtask-package mv-clip-in-wasmtime mv-clip-in-the-harness";
    let others = others.split(' ').flat_map(|package| ["--exclude", package]);
    let tests = tests.args(others);
    steps.command(
        "tests",
        tests.env(COMPONENT_VARIABLE, workspace.component()),
    );
    steps.command("xtask", cmd!(shell, "cargo test --package xtask"));
    let seeds = cmd!(
        shell,
        "cargo test --manifest-path fuzz/Cargo.toml --no-default-features"
    );
    steps.command(
        "fuzz seeds",
        seeds.env("CARGO_TARGET_DIR", &workspace.target),
    );
    let wasip2 = cmd!(
        shell,
        "cargo check --package {GUEST} --lib --target {CHECKED}"
    );
    toolchain::step(steps, workspace, CHECKED, CHECKED, wasip2);
    if !built {
        return;
    }
    run_demo(steps, workspace, None);
    if let Some(mock) = steps.run("mock", || Mock::start(workspace)) {
        steps.script(workspace, "report", &mock.environment());
        steps.script(workspace, "sdk", &mock.environment());
        examples::all(steps, workspace, &mock, &examples::QUICK);
    }
}

/// Builds the component and gets one clip with it: from the camera `serial`, or from a mock.
pub(crate) fn demo(steps: &mut Steps, workspace: &Workspace, serial: Option<&str>) {
    let [main, _] = WORLDS;
    if component::build(steps, workspace, &[main]) {
        run_demo(steps, workspace, serial);
    }
}

fn run_demo(steps: &mut Steps, workspace: &Workspace, serial: Option<&str>) {
    let (package, program) = CLI;
    let demo = cmd!(
        workspace.shell,
        "cargo run --package {package} --bin {program} -- demo"
    );
    // A real camera needs the developer's own key and settings.
    let settings = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        serial.is_some() && (name.starts_with("MERAKI_") || name.starts_with("MV_CLIP_"))
    });
    let demo = demo
        .envs(settings)
        .args(serial)
        .arg("--component")
        .arg(workspace.component());
    steps.run("demo", || steps::run(demo));
}

/// Builds the components and compares them with other clients. Skips clients that cannot be installed.
pub(crate) fn bench(steps: &mut Steps, workspace: &Workspace) {
    if !component::build(steps, workspace, &WORLDS) {
        return;
    }
    let (shell, script) = (&workspace.shell, workspace.root.join("ci/bench.sh"));
    let (component, list) = (
        workspace.component(),
        workspace.target.join("bench/peers.json"),
    );
    let setup = cmd!(shell, "bash {script} {component} {list}");
    steps.run("set-up of the other clients", || steps::script(setup));
    let (package, _) = CLI;
    let bench = cmd!(
        shell,
        "cargo bench --package {package} --bench speed -- --peers {list}"
    );
    steps.command("bench", bench.env(COMPONENT_VARIABLE, component));
}

/// Builds the components, writes the artifacts that are published, and passes them through a registry.
pub(crate) fn package(steps: &mut Steps, workspace: &Workspace) {
    if !component::build(steps, workspace, &WORLDS) {
        return;
    }
    let (shell, target) = (&workspace.shell, &workspace.target);
    // A separate package, so that other commands do not build its dependencies.
    steps.command(
        "package tests",
        cmd!(shell, "cargo test --package xtask-package"),
    );
    let (from, to) = (target.join("component"), target.join("package"));
    let package = cmd!(shell, "cargo run --package xtask-package -- {from} {to}");
    steps.command("package", package);
    steps.script(workspace, "registry", &[]);
}
