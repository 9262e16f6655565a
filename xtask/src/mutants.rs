//! Mutation testing: changes the code one place at a time, and asks the tests whether they notice.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cargo_tool::{self, CargoTool};
use crate::process;
use crate::workspace::{GUEST, Workspace};

const CARGO_MUTANTS: CargoTool = CargoTool {
    subcommand: "mutants",
    package: "cargo-mutants",
};

/// The harness's rules on where a guest may go, which are decisions without input or output.
const POLICY: [&str; 5] = ["address", "destination", "host", "origin", "policy"];

/// Whose mutants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// The guest's: `.cargo/mutants.toml` says which files.
    Guest,
    /// The harness's policy, by its unit tests.
    Policy,
}

/// Makes sure that there is cargo-mutants.
///
/// # Errors
///
/// It cannot be installed.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    cargo_tool::install(workspace, &CARGO_MUTANTS)
}

/// What makes the mutants and tests each.
pub(crate) fn command(workspace: &Workspace, of: Of) -> Command {
    let mut command = workspace.cargo(["mutants", "--no-times", "--output"]);
    command.arg(workspace.target().join("mutants"));
    match of {
        Of::Guest => command.args(["--package", GUEST]),
        Of::Policy => {
            let files = POLICY.map(|name| format!("--file=host-test/src/outbound/{name}.rs"));
            command.args([
                "--config",
                "host-test/mutants.toml",
                "--package",
                "host-test",
            ]);
            command.args(files).args(["--", "--lib", "outbound::"])
        }
    };
    command
}

/// Runs `command`, which [`command`] made, and prints how many mutants the tests caught.
///
/// # Errors
///
/// It does not run, or a mutant survives.
pub(crate) fn run(workspace: &Workspace, command: &mut Command) -> Result<()> {
    let folder = workspace.target().join("mutants");
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let (status, _) = process::watch(command)?;
    // Mutants that survive, and that never end: both are told below.
    ensure!(
        matches!(status.code(), Some(0 | 2 | 3)),
        "`{}` ended with {status}",
        process::line(command)
    );
    report(&folder.join("mutants.out"))
}

/// Reads what cargo-mutants left in `folder`.
fn report(folder: &Path) -> Result<()> {
    let list = |name: &str| {
        let file = folder.join(name);
        let text = fs::read_to_string(&file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        Ok::<_, anyhow::Error>(text.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    // A mutant that never ends is noticed, too.
    let caught = list("caught.txt")?.len() + list("timeout.txt")?.len();
    let survivors = list("missed.txt")?;
    let total = caught + survivors.len();
    eprintln!("\n{caught} of {total} mutants caught");
    for survivor in &survivors {
        eprintln!("    survived: {survivor}");
    }
    ensure!(
        survivors.is_empty(),
        "{} of {total} mutants survived",
        survivors.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survivor_is_a_failure_and_one_that_never_ends_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("caught.txt", "a\nb\n");
        write("timeout.txt", "c\n");
        write("missed.txt", "");
        report(folder.path()).unwrap();
        write("missed.txt", "src/url.rs:1:1: replace + with -\n");
        let error = report(folder.path()).unwrap_err().to_string();
        assert_eq!(error, "1 of 4 mutants survived");
    }

    #[test]
    fn the_policy_is_where_it_is_looked_for() {
        let workspace = Workspace::load().unwrap();
        for name in POLICY {
            let file = format!("host-test/src/outbound/{name}.rs");
            assert!(workspace.root().join(&file).is_file(), "{file}");
        }
    }
}
