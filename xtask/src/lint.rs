//! Everything that reads the code and does not run it.

use anyhow::Result;
use xshell::cmd;

use crate::steps::{self, Steps};
use crate::toolchain::{self, CHECKED};
use crate::workspace::Workspace;

/// The examples that are components. Each is a workspace of its own.
const COMPONENTS: [&str; 2] = [
    "examples/http-handler/Cargo.toml",
    "examples/obelisk/Cargo.toml",
];

const FUZZ: &str = "fuzz/Cargo.toml";

/// Checks formatting, lints and documentation.
pub(crate) fn all(steps: &mut Steps, workspace: &Workspace) -> Result<()> {
    let shell = &workspace.shell;
    steps.run("fmt", || {
        toolchain::lint_tools(workspace)?;
        for manifest in ["Cargo.toml", FUZZ].iter().chain(&COMPONENTS) {
            steps::run(cmd!(
                shell,
                "cargo fmt --all --check --manifest-path {manifest}"
            ))?;
        }
        Ok(())
    });
    steps.command(
        "clippy",
        cmd!(
            shell,
            "cargo clippy --workspace --all-targets -- -Dwarnings"
        ),
    );
    toolchain::lint_guest(steps, workspace);
    let fuzz = cmd!(
        shell,
        "cargo clippy --locked --manifest-path {FUZZ} --lib --bins --tests --no-default-features"
    );
    let fuzz = fuzz.args(["--features=targets", "--", "-Dwarnings"]);
    steps.command(
        "clippy fuzz",
        fuzz.env("CARGO_TARGET_DIR", workspace.target.join("fuzz")),
    );
    for manifest in COMPONENTS {
        let clippy = cmd!(
            shell,
            "cargo clippy --locked --manifest-path {manifest} --target {CHECKED} -- -Dwarnings"
        );
        let name = format!("clippy {manifest}");
        toolchain::step(steps, workspace, &name, CHECKED, clippy);
    }
    let doc = cmd!(shell, "cargo doc --no-deps --workspace");
    steps.command("doc", doc.env("RUSTDOCFLAGS", "-Dwarnings"));
    Ok(())
}
