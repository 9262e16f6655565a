//! Checks of the code that do not run it.

use xshell::cmd;

use crate::steps::{self, Steps};
use crate::toolchain::{self, CHECKED, SHIPPED};
use crate::workspace::Workspace;

/// Separate workspaces. `clippy` and `fuzz seeds` build them in the target folder of the main workspace, so that they
/// share dependencies.
const OTHERS: [&str; 3] = [
    "fuzz/Cargo.toml",
    "examples/http-handler/Cargo.toml",
    "examples/obelisk/Cargo.toml",
];

/// The runs of clippy: the step, the arguments, and for WebAssembly the target.
const CLIPPY: [(&str, &str, Option<&str>); 7] = [
    ("workspace", "--workspace --all-targets", None),
    (
        "mv-clip",
        "--package mv-clip --package mv-clip-guest --lib",
        Some(SHIPPED),
    ),
    (
        "mv-clip-clips",
        "--package mv-clip --lib --no-default-features",
        Some(SHIPPED),
    ),
    (
        "fuzz",
        "--manifest-path fuzz/Cargo.toml --lib --bins --tests --no-default-features --features targets",
        None,
    ),
    (
        "http-handler",
        "--manifest-path examples/http-handler/Cargo.toml",
        Some(CHECKED),
    ),
    (
        "obelisk",
        "--manifest-path examples/obelisk/Cargo.toml",
        Some(CHECKED),
    ),
    (
        "obelisk-tests",
        "--manifest-path examples/obelisk/Cargo.toml --package obelisk-tests --all-targets",
        None,
    ),
];

/// Checks formatting, lints and documentation.
pub(crate) fn all(steps: &mut Steps, workspace: &Workspace) {
    let (shell, target) = (&workspace.shell, &workspace.target);
    steps.run("fmt", || {
        toolchain::lint_tools(workspace)?;
        for manifest in ["Cargo.toml"].iter().chain(&OTHERS) {
            let fmt = cmd!(shell, "cargo fmt --all --check --manifest-path {manifest}");
            steps::run(fmt)?;
        }
        Ok(())
    });
    for (name, arguments, wasm) in CLIPPY {
        let wasm_target = wasm.map(|target| ["--target", target]);
        let clippy = cmd!(shell, "cargo clippy --locked")
            .env("CARGO_TARGET_DIR", target)
            // As in the root's manifest. Otherwise dependencies are not shared.
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .args(arguments.split_whitespace())
            .args(wasm_target.iter().flatten())
            .args(["--", "-Dwarnings"]);
        let name = format!("clippy {name}");
        match wasm {
            Some(target) => toolchain::step(steps, workspace, &name, target, clippy),
            None => steps.command(&name, clippy),
        }
    }
    let doc = cmd!(shell, "cargo doc --no-deps --workspace");
    steps.command("doc", doc.env("RUSTDOCFLAGS", "-Dwarnings"));
    steps.script(workspace, "api", &[]);
}
