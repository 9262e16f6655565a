//! Fuzzes what the guest reads: each target of `fuzz/` for a while.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::MetadataCommand;

use crate::cargo_tool::CargoProgram;
use crate::process;
use crate::workspace::Workspace;

/// The manifest of the targets, from the workspace's root.
pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";

const CARGO_FUZZ: CargoProgram = CargoProgram {
    package: "cargo-fuzz",
    version: "0.13.2",
    features: "",
};

/// How long an input may be, in bytes, where libFuzzer's 4 KiB leave out most of what is read.
fn longest(target: &str) -> Option<usize> {
    match target {
        // The component takes bodies of up to 1 MiB, and one byte more is too large.
        "response" => Some((1 << 20) + 1),
        // Several replies; several pieces of a clip, which come by 64 KiB.
        "call" | "transfer" | "stream" | "mpegts" => Some(256 << 10),
        // A header field, or an argument: hosts take fields of up to 64 KiB and less.
        "destination" | "redirect" => Some(64 << 10),
        _ => None,
    }
}

/// What became of one target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    target: String,
    /// How many inputs it was given.
    executions: Option<u64>,
    /// The file with the input that contradicts it.
    finding: Option<String>,
    is_sound: bool,
}

/// Makes sure that there is a nightly toolchain, and gives cargo-fuzz.
///
/// # Errors
///
/// There is no nightly, which is not installed unasked; or cargo-fuzz cannot be installed.
pub(crate) fn install(workspace: &Workspace) -> Result<PathBuf> {
    let nightly =
        process::read(&mut workspace.command("rustup", ["run", "nightly", "rustc", "-V"]));
    let nightly = nightly.context(
        "there is no nightly toolchain, and only that lets a fuzzer see which code an input \
         reaches: rustup toolchain install nightly",
    )?;
    eprintln!("    using {nightly}");
    CARGO_FUZZ.install(workspace).needed()
}

/// The targets to run: `chosen`, or else all of them.
///
/// # Errors
///
/// One of `chosen` is none.
pub(crate) fn targets(workspace: &Workspace, chosen: &[String]) -> Result<Vec<String>> {
    let metadata = ["metadata", "--no-deps", "--format-version", "1"];
    let json = process::read(&mut cargo(workspace, metadata))?;
    let metadata = MetadataCommand::parse(json).with_context(|| {
        format!("cannot make sense of what `cargo metadata` says of {MANIFEST}")
    })?;
    let targets = metadata
        .packages
        .iter()
        .flat_map(|package| &package.targets);
    let all: Vec<_> = targets
        .filter(|target| target.is_bin())
        .map(|target| target.name.clone())
        .collect();
    if let Some(unknown) = chosen.iter().find(|name| !all.contains(name)) {
        bail!(
            "there is no target `{unknown}`; there are {}",
            all.join(", ")
        );
    }
    Ok(if chosen.is_empty() {
        all
    } else {
        chosen.to_vec()
    })
}

/// A cargo command for the targets alone, with the workspace's own toolchain. What it builds is among
/// all else that is built.
pub(crate) fn cargo<'a>(workspace: &Workspace, args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = workspace.cargo(args);
    command
        .args(["--manifest-path", MANIFEST])
        .env(TARGET_VARIABLE, built(workspace));
    command
}

/// What builds all targets.
pub(crate) fn build(workspace: &Workspace, cargo_fuzz: &Path) -> Command {
    nightly(workspace, cargo_fuzz, ["build"])
}

/// Runs one target for `seconds`. What it learns is kept in `target/fuzz/corpus`, for the next
/// time.
///
/// # Errors
///
/// It cannot be started, or did not even begin.
pub(crate) fn run(
    workspace: &Workspace,
    cargo_fuzz: &Path,
    target: &str,
    seconds: u64,
) -> Result<Outcome> {
    let folder = |name: &str| format!("fuzz/{name}/{target}");
    let corpus = built(workspace).join("corpus").join(target);
    fs::create_dir_all(&corpus)
        .with_context(|| format!("cannot make the folder {}", corpus.display()))?;
    let mut command = nightly(workspace, cargo_fuzz, ["run", target]);
    command.arg(corpus).args([folder("seeds").as_str(), "--"]);
    command.args([
        &format!("-max_total_time={seconds}"),
        "-timeout=10",
        "-verbosity=0",
        "-print_final_stats=1",
    ]);
    if let Some(bytes) = longest(target) {
        command.arg(format!("-max_len={bytes}"));
    }
    let dictionary = folder("dictionaries") + ".dict";
    if workspace.root().join(&dictionary).is_file() {
        command.arg(format!("-dict={dictionary}"));
    }
    let (status, words) = process::watch(&mut command)?;
    let outcome = read(target, &words, status.success());
    ensure!(
        outcome.is_sound || outcome.executions.is_some(),
        "`{target}` did not run: `{}` ended with {status}",
        process::line(&command)
    );
    Ok(outcome)
}

/// Prints a line for each target, and how to see a finding again.
///
/// # Errors
///
/// There is a finding.
pub(crate) fn report(workspace: &Workspace, cargo_fuzz: &Path, outcomes: &[Outcome]) -> Result<()> {
    eprintln!("\n{}", Table(outcomes));
    let findings: Vec<_> = outcomes
        .iter()
        .filter(|outcome| !outcome.is_sound)
        .collect();
    for Outcome {
        target, finding, ..
    } in &findings
    {
        match finding {
            Some(file) => eprintln!(
                "{target}: the input is kept in {file}; to see it again:\n    {}",
                process::line(nightly(workspace, cargo_fuzz, ["run", target]).arg(file))
            ),
            None => eprintln!("{target}: it ended without keeping an input; see above"),
        }
    }
    let targets: Vec<_> = findings
        .iter()
        .map(|outcome| outcome.target.as_str())
        .collect();
    ensure!(
        findings.is_empty(),
        "found something in {}",
        targets.join(", ")
    );
    Ok(())
}

/// cargo-fuzz of the nightly toolchain. Without a sanitizer: there is no unsafe code to watch, and
/// twice as many inputs in the time.
fn nightly<A: AsRef<OsStr>>(
    workspace: &Workspace,
    cargo_fuzz: &Path,
    args: impl IntoIterator<Item = A>,
) -> Command {
    let mut args = args.into_iter();
    let mut command = workspace.command("rustup", ["run", "nightly"]);
    command.arg(cargo_fuzz).arg("fuzz").args(args.next());
    command
        .args(["--sanitizer", "none"])
        .args(args)
        .env(TARGET_VARIABLE, built(workspace));
    command
}

/// What tells cargo where to build.
const TARGET_VARIABLE: &str = "CARGO_TARGET_DIR";

/// The folder for what is built of the targets, and for what they learn.
fn built(workspace: &Workspace) -> PathBuf {
    workspace.target().join("fuzz")
}

/// Reads what libFuzzer says at the end.
fn read(target: &str, words: &str, is_sound: bool) -> Outcome {
    let last = |name: &str| words.lines().rev().find_map(|line| line.split_once(name));
    let executions = last("stat::number_of_executed_units:");
    let finding = last("Test unit written to ");
    Outcome {
        target: target.to_owned(),
        executions: executions.and_then(|(_, number)| number.trim().parse().ok()),
        finding: finding.map(|(_, file)| file.trim().to_owned()),
        is_sound,
    }
}

struct Table<'a>(&'a [Outcome]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:12}  {:>12}", "target", "executions")?;
        for outcome in self.0 {
            let executions = outcome
                .executions
                .map_or("-".to_owned(), |number| number.to_string());
            write!(f, "\n{:12}  {executions:>12}", outcome.target)?;
            if !outcome.is_sound {
                write!(f, "  FINDING")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds() {
        let workspace = Workspace::load().unwrap();
        let targets = targets(&workspace, &[]).unwrap();
        assert!(targets.len() > 1);
        for target in targets {
            let seeds = workspace.root().join("fuzz/seeds").join(&target);
            assert!(fs::read_dir(seeds).unwrap().next().is_some(), "{target}");
        }
    }

    #[test]
    fn seeds_are_no_longer_than_inputs_may_be() {
        let workspace = Workspace::load().unwrap();
        for target in targets(&workspace, &[]).unwrap() {
            let most = longest(&target).unwrap_or(4 << 10) as u64;
            let seeds = workspace.root().join("fuzz/seeds").join(&target);
            for seed in fs::read_dir(seeds).unwrap() {
                let seed = seed.unwrap();
                assert!(seed.metadata().unwrap().len() <= most, "{seed:?}");
            }
        }
    }

    #[test]
    fn an_unknown_target_is_told_with_those_that_there_are() {
        let workspace = Workspace::load().unwrap();
        let chosen = ["reply".to_owned()];
        assert_eq!(targets(&workspace, &chosen).unwrap(), chosen);
        let error = targets(&workspace, &["replies".to_owned()])
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("there is no target `replies`; there are "),
            "{error}"
        );
        assert!(error.contains("reply, "), "{error}");
    }

    #[test]
    fn the_last_words_of_libfuzzer_are_understood() {
        let workspace = Workspace::load().unwrap();
        let sound = "stat::number_of_executed_units: 1234\nstat::peak_rss_mb:   28\n";
        let outcome = read("reply", sound, true);
        assert_eq!((outcome.executions, &outcome.finding), (Some(1_234), &None));
        assert!(report(&workspace, Path::new("cargo-fuzz"), &[outcome]).is_ok());

        let found = "thread panicked\nartifact_prefix='x/'; Test unit written to x/crash-1\n\
                     stat::number_of_executed_units: 7\n";
        let outcome = read("reply", found, false);
        assert_eq!(outcome.executions, Some(7));
        assert_eq!(outcome.finding.as_deref(), Some("x/crash-1"));
        let table = Table(std::slice::from_ref(&outcome)).to_string();
        assert_eq!(
            table,
            "target          executions\nreply                    7  FINDING"
        );
        let error = report(&workspace, Path::new("cargo-fuzz"), &[outcome])
            .unwrap_err()
            .to_string();
        assert_eq!(error, "found something in reply");
    }
}
