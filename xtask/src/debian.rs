//! The way to a wasm compiler where rustup's server is out of reach: Debian's own.
//!
//! Debian keeps a recent compiler for its web browsers, also in its older releases' security
//! updates: `rustc-web`, and in `rust-web-src` the source of the matching standard library, for
//! cargo to build for wasm. The linker comes from the workspace's own toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::semver::Version;

use crate::apt;
use crate::process;
use crate::setup::SHIPPED;
use crate::workspace::Workspace;

/// The packages of the pair.
pub(crate) const PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// By path: an older or another `rustc` may come first on the `PATH`.
const RUSTC: &str = "/usr/bin/rustc";

/// Debian's compiler and the source of its standard library, both installed, with a linker.
#[derive(Debug)]
pub(crate) struct Pair {
    /// The folder of the toolchain's `wasm-component-ld` and `gcc-ld/wasm-ld`.
    linkers: PathBuf,
}

impl Pair {
    /// Makes `cargo` build [`SHIPPED`] with the pair.
    pub(crate) fn configure(&self, cargo: &mut Command) {
        cargo
            .env("RUSTC", RUSTC)
            // Building the standard library is an unstable option of cargo.
            .env("RUSTC_BOOTSTRAP", "1")
            .arg("-Zbuild-std=std,panic_abort")
            .arg("--config")
            .arg(format!(
                "target.{SHIPPED}.linker={:?}",
                self.linkers.join("wasm-component-ld")
            ));
    }

    /// The compiler flag that names the linker below `wasm-component-ld`, which looks for it in
    /// the compiler's own folder.
    pub(crate) fn rustflag(&self) -> String {
        format!(
            "-Clink-arg=--wasm-ld-path={}",
            self.linkers.join("gcc-ld/wasm-ld").display()
        )
    }
}

/// The pair, as it is installed.
///
/// # Errors
///
/// It is not installed, or too old, or there is no linker for it; the message says which.
pub(crate) fn find(workspace: &Workspace) -> Result<Pair> {
    let needed = workspace.guest()?.rust_version.clone();
    let needed = needed.context("the guest's manifest does not say which Rust it needs")?;
    let version =
        installed(workspace).context("rustc-web and rust-web-src are not both installed")?;
    ensure!(
        version >= needed,
        "its compiler is {version}, and {needed} is needed; are the security updates among apt's \
         sources?"
    );
    let linkers = linkers(workspace)?;
    Ok(Pair { linkers })
}

/// Installs the pair.
///
/// # Errors
///
/// This is no Debian, or nothing may be installed here, or what Debian has is too old; the message
/// says which.
pub(crate) fn install(workspace: &Workspace) -> Result<Pair> {
    let os_release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    ensure!(is_debian(&os_release), "this is not Debian");
    apt::allowed(workspace, &PACKAGES)?;
    // Nothing is installed that could not be used.
    linkers(workspace)?;
    eprintln!("    installing Debian's compiler, 140 MB; its packages are left installed");
    apt::install(workspace, &PACKAGES)?;
    find(workspace)
}

/// Whether a machine whose `/etc/os-release` says `os_release` is Debian itself: those that are like
/// it have no such packages.
fn is_debian(os_release: &str) -> bool {
    os_release.lines().any(|line| line == "ID=debian")
}

/// The version of Debian's compiler, if the source of its standard library is there too.
fn installed(workspace: &Workspace) -> Option<Version> {
    let rustc = |args: [&str; 2]| process::read(&mut workspace.command(RUSTC, args)).ok();
    let sysroot = rustc(["--print", "sysroot"])?;
    let source = Path::new(&sysroot).join("lib/rustlib/src/rust/library/Cargo.lock");
    source.is_file().then_some(())?;
    release(&rustc(["--version", "--verbose"])?)
}

/// The version in what `rustc -vV` prints.
fn release(verbose: &str) -> Option<Version> {
    let release = verbose
        .lines()
        .find_map(|line| line.strip_prefix("release: "))?;
    Version::parse(release).ok()
}

fn linkers(workspace: &Workspace) -> Result<PathBuf> {
    let library = workspace.rustc(["--print", "target-libdir"])?;
    let linkers = Path::new(&library).with_file_name("bin");
    for linker in ["wasm-component-ld", "gcc-ld/wasm-ld"] {
        if !linkers.join(linker).is_file() {
            bail!("the toolchain in use has no {linker}, which rustup's has");
        }
    }
    Ok(linkers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_debian_itself_is_debian() {
        assert!(is_debian(
            "PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"
        ));
        for other in ["ID=ubuntu\nID_LIKE=debian\n", ""] {
            assert!(!is_debian(other), "{other:?}");
        }
    }

    #[test]
    fn the_version_is_read_from_what_rustc_prints() {
        let verbose = "rustc 1.96.0 (built from a source tarball)\nbinary: rustc\nrelease: 1.96.0";
        assert_eq!(release(verbose), Some(Version::new(1, 96, 0)));
        assert_eq!(release("rustc 1.96.0"), None);
    }
}
