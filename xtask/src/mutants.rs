//! Mutation testing: changes the code one place at a time, and asks the tests whether they notice.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::cargo_tool::CargoProgram;
use crate::process;
use crate::workspace::{GUEST, Workspace};

const CARGO_MUTANTS: CargoProgram = CargoProgram {
    package: "cargo-mutants",
    version: "27.1.0",
    features: "",
};

/// So many calls of `tests/clip/seeds/` are over in a second.
const SEEDS: &str = "3000";

/// Whose mutants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Of {
    /// The component's rules
    Guest,
    /// The harness's outbound policy
    Policy,
}

impl Of {
    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Policy => "policy",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Guest => "mv-clip-core",
            Self::Policy => "mv-clip-host",
        }
    }

    /// What says which files are changed, and which changes make no difference.
    fn config(self) -> &'static str {
        match self {
            Self::Guest => ".cargo/mutants.toml",
            Self::Policy => "host-test/mutants.toml",
        }
    }

    /// The tests that are asked, one after another: each about the mutants that those before did not
    /// notice.
    fn tests(self) -> &'static [&'static str] {
        match self {
            // Unit tests notice most of them, and build in a third of the time.
            Self::Guest => &["--lib", "--tests"],
            Self::Policy => &["--lib"],
        }
    }
}

/// Gives cargo-mutants.
///
/// # Errors
///
/// It cannot be installed.
pub(crate) fn install(workspace: &Workspace) -> Result<PathBuf> {
    CARGO_MUTANTS.install(workspace).needed()
}

/// Makes the mutants, tests each, and prints how many of them the tests caught.
///
/// # Errors
///
/// cargo-mutants does not run, or a mutant survives.
pub(crate) fn run(workspace: &Workspace, cargo_mutants: &Path, of: Of) -> Result<()> {
    let folder = workspace.target().join("mutants-of").join(of.name());
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let (mut caught, mut last) = (0, Outcome::default());
    for (pass, tests) in of.tests().iter().enumerate() {
        let mut command = command(workspace, cargo_mutants, of, &folder, tests);
        if pass > 0 {
            command.arg("--iterate");
        }
        let (status, _) = process::watch(&mut command)?;
        // Mutants that survive, and that never end: both are told below.
        ensure!(
            matches!(status.code(), Some(0 | 2 | 3)),
            "`{}` ended with {status}",
            process::line(&command)
        );
        last = Outcome::read(&folder.join("mutants.out"))?;
        caught += last.caught;
    }
    report(of, caught, &last.endless, &last.survivors)
}

fn command(
    workspace: &Workspace,
    cargo_mutants: &Path,
    of: Of,
    folder: &Path,
    tests: &str,
) -> Command {
    let args = ["mutants", "--no-times", "--config", of.config()];
    let mut command = workspace.command(cargo_mutants, args);
    command.args(["--package", of.package(), "--cargo-arg", tests]);
    command.arg("--output").arg(folder);
    // The mutants are made in a copy of the workspace, for which wasmtime would be compiled each time. Not
    // the workspace's own folder: cargo could take a mutant for what was built here.
    command.env("CARGO_TARGET_DIR", folder.with_file_name("target"));
    command.env("MV_CLIP_SEEDS", SEEDS);
    command
}

/// What cargo-mutants found. What does not compile is no mutant.
#[derive(Debug, Default)]
struct Outcome {
    caught: usize,
    /// Those that never end. They are noticed, too, but the tests after these are asked about them again.
    endless: Vec<String>,
    survivors: Vec<String>,
}

impl Outcome {
    fn read(folder: &Path) -> Result<Self> {
        let list = |name: &str| {
            let file = folder.join(name);
            let text = fs::read_to_string(&file);
            let text = text.with_context(|| format!("cannot read {}", file.display()))?;
            Ok::<_, anyhow::Error>(text.lines().map(str::to_owned).collect::<Vec<_>>())
        };
        Ok(Self {
            caught: list("caught.txt")?.len(),
            endless: list("timeout.txt")?,
            survivors: list("missed.txt")?,
        })
    }
}

/// A mutant that never ends is caught, too: what waits for it notices. But so would one be that is only slow,
/// so each of them is named.
fn report(of: Of, ended: usize, endless: &[String], survivors: &[String]) -> Result<()> {
    let caught = ended + endless.len();
    let total = caught + survivors.len();
    ensure!(total > 0, "{}: there is no mutant at all", of.name());
    eprintln!(
        "\n{}",
        Table {
            of,
            caught,
            endless,
            survivors
        }
    );
    ensure!(
        survivors.is_empty(),
        "{} of {total} mutants survived",
        survivors.len()
    );
    Ok(())
}

struct Table<'a> {
    of: Of,
    caught: usize,
    endless: &'a [String],
    survivors: &'a [String],
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            of,
            caught,
            endless,
            survivors,
        } = self;
        write!(
            f,
            "{}: {caught} of {} mutants caught, {} of them because they never end",
            of.name(),
            caught + survivors.len(),
            endless.len()
        )?;
        for (word, mutants) in [("never ends", endless), ("survived", survivors)] {
            for mutant in *mutants {
                write!(f, "\n    {word}: {mutant}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_mutants_leaves_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("caught.txt", "a\nb\n");
        write("timeout.txt", "c\n");
        write("missed.txt", "src/url.rs:1:1: replace + with -\n");
        let outcome = Outcome::read(folder.path()).unwrap();
        assert_eq!((outcome.caught, outcome.endless), (2, vec!["c".to_owned()]));
        assert_eq!(outcome.survivors, ["src/url.rs:1:1: replace + with -"]);
    }

    #[test]
    fn a_survivor_is_a_failure() {
        let endless = ["replace < with >".to_owned()];
        report(Of::Guest, 2, &endless, &[]).unwrap();
        let error = report(Of::Guest, 2, &endless, &["replace + with -".to_owned()]);
        assert_eq!(error.unwrap_err().to_string(), "1 of 4 mutants survived");
    }

    #[test]
    fn those_that_never_end_and_those_that_survive_are_named() {
        let table = Table {
            of: Of::Guest,
            caught: 3,
            endless: &["replace < with >".to_owned()],
            survivors: &["replace + with -".to_owned()],
        };
        assert_eq!(
            table.to_string(),
            "guest: 3 of 4 mutants caught, 1 of them because they never end\n\
             \x20   never ends: replace < with >\n\
             \x20   survived: replace + with -"
        );
    }

    #[test]
    fn where_there_are_no_mutants_none_is_caught() {
        let error = report(Of::Policy, 0, &[], &[]).unwrap_err().to_string();
        assert_eq!(error, "policy: there is no mutant at all");
    }

    #[test]
    fn the_settings_are_where_they_are_looked_for() {
        let workspace = Workspace::load().unwrap();
        for of in Of::value_variants() {
            assert!(workspace.root().join(of.config()).is_file(), "{of:?}");
        }
    }
}
