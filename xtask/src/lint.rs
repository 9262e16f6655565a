//! Checks of the code that do not run it.

use xshell::cmd;

use crate::steps::{self, Steps};
use crate::toolchain;
use crate::workspace::Workspace;

/// Separate workspaces. `clippy` and `fuzz seeds` build them in the target folder of the main workspace, so that they
/// share dependencies.
const OTHERS: [&str; 3] = [
    "fuzz/Cargo.toml",
    "examples/http-handler/Cargo.toml",
    "examples/obelisk/Cargo.toml",
];

/// The runs of clippy: the step and the arguments.
const CLIPPY: &str = "\
workspace: --workspace --all-targets
mv-clip: --target wasm32-unknown-unknown --package mv-clip --package mv-clip-guest --lib
mv-clip-clips: --target wasm32-unknown-unknown --package mv-clip --lib --no-default-features
fuzz: --manifest-path fuzz/Cargo.toml --lib --bins --tests --no-default-features --features targets
http-handler: --target wasm32-wasip2 --manifest-path examples/http-handler/Cargo.toml
obelisk: --target wasm32-wasip2 --manifest-path examples/obelisk/Cargo.toml
obelisk-tests: --manifest-path examples/obelisk/Cargo.toml --package obelisk-tests --all-targets";

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
    for (name, arguments) in CLIPPY.lines().filter_map(|line| line.split_once(": ")) {
        let mut words = arguments.split(' ');
        let clippy = cmd!(shell, "cargo clippy --locked")
            .env("CARGO_TARGET_DIR", target)
            // As in the root's manifest. Otherwise dependencies are not shared.
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .args(words.clone())
            .args(["--", "-Dwarnings"]);
        let name = format!("clippy {name}");
        match words
            .find(|word| *word == "--target")
            .and_then(|_| words.next())
        {
            Some(target) => toolchain::step(steps, workspace, &name, target, clippy),
            None => steps.command(&name, clippy),
        }
    }
    let doc = cmd!(shell, "cargo doc --no-deps --workspace");
    steps.command("doc", doc.env("RUSTDOCFLAGS", "-Dwarnings"));
    steps.script(workspace, "api", &[]);
}
