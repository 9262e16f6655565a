//! The compiler for WebAssembly: the workspace's toolchain, completed by rustup, else Debian's compiler.
//!
//! Where rustup's server is out of reach, Debian helps: it keeps a recent compiler for its web browsers, also among
//! the security updates of older releases. `rustc-web` is the compiler, and `rust-web-src` the source of the standard
//! library, which cargo then builds for WebAssembly. The linker comes from the workspace's toolchain.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use xshell::{Cmd, cmd};

use crate::steps::{self, Skip, Steps};
use crate::workspace::Workspace;

/// What is shipped is built for this target.
pub(crate) const SHIPPED: &str = "wasm32-unknown-unknown";

/// The guest compiles for this target too. Nothing that is shipped is built for it.
pub(crate) const CHECKED: &str = "wasm32-wasip2";

const INSTALL: &str =
    "apt-get update && apt-get install --no-install-recommends --yes rustc-web rust-web-src";

/// By path: another `rustc` may come first on the `PATH`.
const DEBIANS_RUSTC: &str = "/usr/bin/rustc";

/// What compiles the component.
#[derive(Debug)]
pub(crate) enum Compiler {
    /// The workspace's toolchain.
    Own,
    Debian(Debian),
}

/// Debian's compiler.
#[derive(Debug)]
pub(crate) struct Debian {
    /// The folder of `wasm-component-ld` and `gcc-ld/wasm-ld`.
    linkers: PathBuf,
}

/// Finds what compiles the component. Installs it where that is possible.
pub(crate) fn compiler(workspace: &Workspace) -> Result<Compiler> {
    if has(workspace, SHIPPED)? {
        return Ok(Compiler::Own);
    }
    let debian = || Debian::find(workspace).map(Compiler::Debian);
    // Where rustup's server is out of reach, asking it means waiting for time-outs.
    debian().or_else(|_| {
        let Err(rustup) = add(workspace, SHIPPED) else {
            return Ok(Compiler::Own);
        };
        let installed = install(workspace).and_then(|()| debian());
        installed.map_err(|debian| neither(&rustup, &debian))
    })
}

/// A command of cargo for WebAssembly, as a step. Skipped where the toolchain cannot compile for `target`.
pub(crate) fn step(
    steps: &mut Steps,
    workspace: &Workspace,
    name: &str,
    target: &str,
    command: Cmd<'_>,
) {
    steps.run(name, || {
        if !has(workspace, target)? {
            // Debian's compiler, where it is used, is there because rustup was out of reach.
            if Debian::find(workspace).is_ok() {
                bail!(Skip(format!("the toolchain has no {target}")));
            }
            add(workspace, target)
                .map_err(|error| Skip(format!("rustup cannot add {target}: {error:#}")))?;
        }
        steps::run(command)
    });
}

/// Makes sure that rustfmt and clippy are there.
pub(crate) fn lint_tools(workspace: &Workspace) -> Result<()> {
    let shell = &workspace.shell;
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if steps::read(cmd!(shell, "cargo {command} --version").ignore_stderr()).is_err() {
            steps::run(cmd!(shell, "rustup component add {component}"))?;
        }
    }
    Ok(())
}

/// Whether the workspace's toolchain has the standard library of `target`.
fn has(workspace: &Workspace, target: &str) -> Result<bool> {
    let library = cmd!(
        workspace.shell,
        "rustc --print target-libdir --target {target}"
    );
    Ok(Path::new(&steps::read(library)?).is_dir())
}

fn add(workspace: &Workspace, target: &str) -> Result<()> {
    steps::run(cmd!(workspace.shell, "rustup target add {target}"))?;
    ensure!(
        has(workspace, target)?,
        "rustup added it to another toolchain than cargo's"
    );
    Ok(())
}

impl Debian {
    fn find(workspace: &Workspace) -> Result<Self> {
        let shell = &workspace.shell;
        let sysroot = steps::read(cmd!(shell, "{DEBIANS_RUSTC} --print sysroot").ignore_stderr())?;
        let source = Path::new(&sysroot).join("lib/rustlib/src/rust/library/Cargo.lock");
        ensure!(source.is_file(), "rust-web-src is not installed");
        let library = steps::read(cmd!(shell, "rustc --print target-libdir"))?;
        let linkers = Path::new(&library).with_file_name("bin");
        for linker in ["wasm-component-ld", "gcc-ld/wasm-ld"] {
            ensure!(
                linkers.join(linker).is_file(),
                "the toolchain has no {linker}"
            );
        }
        Ok(Self { linkers })
    }

    /// Makes `cargo` build with this compiler.
    pub(crate) fn configure<'a>(&self, cargo: Cmd<'a>) -> Cmd<'a> {
        eprintln!(
            "using Debian's compiler, which first builds the standard library: minutes, once"
        );
        let linker = self.linkers.join("wasm-component-ld");
        cargo
            .env("RUSTC", DEBIANS_RUSTC)
            // Building the standard library is an unstable option of cargo.
            .env("RUSTC_BOOTSTRAP", "1")
            .arg("-Zbuild-std=std,panic_abort")
            .args(["--config", &format!("target.{SHIPPED}.linker={linker:?}")])
    }

    /// Names the linker below `wasm-component-ld`, which looks for it in the compiler's folder.
    pub(crate) fn rustflag(&self) -> String {
        let linker = self.linkers.join("gcc-ld/wasm-ld");
        format!("-Clink-arg=--wasm-ld-path={}", linker.display())
    }
}

fn install(workspace: &Workspace) -> Result<()> {
    let os = fs::read_to_string("/etc/os-release").unwrap_or_default();
    ensure!(
        os.lines().any(|line| line == "ID=debian"),
        "this is not Debian"
    );
    let root = steps::read(cmd!(workspace.shell, "id -u"))? == "0";
    ensure!(root, "only root may install it");
    eprintln!("installing Debian's compiler, 140 MB");
    steps::run(cmd!(workspace.shell, "sh -c {INSTALL}"))
}

fn neither(rustup: &anyhow::Error, debian: &anyhow::Error) -> anyhow::Error {
    let both = format!("{rustup:#}\n  Debian: {debian:#}");
    anyhow::anyhow!(
        "the compiler cannot build for {SHIPPED}, and neither way to change that worked.\n  rustup: {both}\n\
         Do one of these, then repeat the command:\n  \
         - where rustup reaches its server: rustup target add {SHIPPED}\n  \
         - on Debian 12 or later with its security updates, as root: {INSTALL}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_says_what_failed_and_what_to_install() {
        let error = |text: &str| anyhow::anyhow!("{text}");
        let message = neither(&error("no network"), &error("this is not Debian")).to_string();
        for part in [
            "rustup: no network",
            "Debian: this is",
            "rustup target add",
            "rust-web-src",
        ] {
            assert!(message.contains(part), "{part:?} is missing in {message}");
        }
    }
}
