//! The compiler for WebAssembly: the workspace's toolchain, completed by rustup, else Debian's compiler.
//!
//! If rustup's server cannot be reached, Debian's compiler is used. Debian keeps a recent one for its web browsers, also
//! in the security updates of older releases. `rustc-web` is the compiler, and `rust-web-src` the source of the standard
//! library, which cargo then builds for WebAssembly. The linker comes from the workspace's toolchain.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use xshell::{Cmd, cmd};

use crate::steps::{self, Skip, Steps};
use crate::workspace::Workspace;

/// The target of the components that are published.
pub(crate) const SHIPPED: &str = "wasm32-unknown-unknown";

/// The guest also has to compile for this target. No published component is built for it.
pub(crate) const CHECKED: &str = "wasm32-wasip2";

const INSTALL: &str =
    "apt-get update && apt-get install --no-install-recommends --yes rustc-web rust-web-src";

/// The full path, because another `rustc` may come first in `PATH`.
const DEBIANS_RUSTC: &str = "/usr/bin/rustc";

/// The compiler of the component.
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

/// Finds the compiler of the component, and installs it if possible.
pub(crate) fn compiler(workspace: &Workspace) -> Result<Compiler> {
    if has(workspace, SHIPPED)? {
        return Ok(Compiler::Own);
    }
    let debian = || Debian::find(workspace).map(Compiler::Debian);
    // If rustup's server cannot be reached, rustup takes long to time out.
    debian().or_else(|_| {
        let Err(rustup) = add(workspace, SHIPPED) else {
            return Ok(Compiler::Own);
        };
        let installed = install(workspace).and_then(|()| debian());
        installed.map_err(|debian| neither(&rustup, &debian))
    })
}

/// Runs a cargo command for WebAssembly as a step. Skips it if the toolchain cannot compile for `target`.
pub(crate) fn step(
    steps: &mut Steps,
    workspace: &Workspace,
    name: &str,
    target: &str,
    command: Cmd<'_>,
) {
    steps.run(name, || {
        if !has(workspace, target)? {
            // Debian's compiler is used only if rustup's server cannot be reached.
            if Debian::find(workspace).is_ok() {
                bail!(Skip(format!("the toolchain has no {target}")));
            }
            add(workspace, target)
                .map_err(|error| Skip(format!("rustup cannot add {target}: {error:#}")))?;
        }
        steps::run(command)
    });
}

/// Installs rustfmt and clippy if they are missing.
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
        "rustup added it to a toolchain other than cargo's"
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
            "using Debian's compiler, which first builds the standard library (once; takes minutes)"
        );
        let linker = self.linkers.join("wasm-component-ld");
        cargo
            .env("RUSTC", DEBIANS_RUSTC)
            // Building the standard library is an unstable option of cargo.
            .env("RUSTC_BOOTSTRAP", "1")
            .arg("-Zbuild-std=std,panic_abort")
            .args(["--config", &format!("target.{SHIPPED}.linker={linker:?}")])
    }

    /// Tells `wasm-component-ld` where the linker is. By default it looks in the compiler's folder.
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
