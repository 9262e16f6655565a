//! The way to a wasm compiler where rustup's server is out of reach: Debian's own.
//!
//! Debian keeps a recent compiler for its web browsers, also in its older releases' security
//! updates: `rustc-web`, and in `rust-web-src` the source of the matching standard library, for
//! cargo to build for wasm. The linker comes from the workspace's own toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::semver::Version;

use crate::process;
use crate::setup::SHIPPED;
use crate::workspace::Workspace;

/// What installs the pair, as a line for root's shell.
pub(crate) const INSTALL: &str = "apt-get update && \
    apt-get install --no-install-recommends rustc-web rust-web-src";

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

/// The pair, installed if need be.
///
/// # Errors
///
/// This is no Debian, or nothing may be installed here, or what Debian has is too old; the message
/// says which.
pub(crate) fn pair(workspace: &Workspace) -> Result<Pair> {
    let linkers = linkers(workspace)?;
    let needed = workspace.guest()?.rust_version.clone();
    let needed = needed.context("the guest's manifest does not say which Rust it needs")?;
    let machine = Machine {
        os_release: fs::read_to_string("/etc/os-release").unwrap_or_default(),
        apt_get: Path::new("/usr/bin/apt-get").is_file(),
        root: process::read(&mut workspace.command("id", ["-u"])).is_ok_and(|id| id == "0"),
        installed: installed(workspace),
    };
    match plan(&machine, &needed) {
        Plan::Use => {}
        Plan::Refuse(why) => bail!(why),
        Plan::Install => {
            eprintln!("    installing Debian's compiler, 140 MB; its packages are left installed");
            process::run(&mut apt_get(workspace, &["update"]))?;
            let packages = [
                "install",
                "--no-install-recommends",
                "rustc-web",
                "rust-web-src",
            ];
            process::run(&mut apt_get(workspace, &packages))?;
            let version = installed(workspace)
                .context("the packages are installed, but without the compiler or its source")?;
            if version < needed {
                bail!(
                    "its compiler is {version}, and {needed} is needed; are the security updates \
                     among apt's sources?"
                );
            }
        }
    }
    eprintln!("    using {RUSTC}; it builds the standard library first, which takes minutes once");
    Ok(Pair { linkers })
}

/// What decides whether Debian's pair can be had.
#[derive(Debug)]
struct Machine {
    /// The text of `/etc/os-release`.
    os_release: String,
    apt_get: bool,
    root: bool,
    /// The version of the pair, if it is installed.
    installed: Option<Version>,
}

#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Use,
    Install,
    Refuse(String),
}

fn plan(machine: &Machine, needed: &Version) -> Plan {
    if machine
        .installed
        .as_ref()
        .is_some_and(|installed| installed >= needed)
    {
        Plan::Use
    } else if !machine.os_release.lines().any(|line| line == "ID=debian") || !machine.apt_get {
        Plan::Refuse("this is not Debian".to_owned())
    } else if !machine.root {
        Plan::Refuse(format!(
            "only root may install; run: sudo sh -c '{INSTALL}'"
        ))
    } else {
        Plan::Install
    }
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

fn apt_get(workspace: &Workspace, args: &[&str]) -> Command {
    let mut command = workspace.command("apt-get", ["--yes", "--quiet=2"]);
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: Version = Version::new(1, 95, 0);

    fn debian() -> Machine {
        let os_release = "PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n".to_owned();
        Machine {
            os_release,
            apt_get: true,
            root: true,
            installed: None,
        }
    }

    #[test]
    fn root_on_debian_installs() {
        assert_eq!(plan(&debian(), &NEEDED), Plan::Install);
    }

    #[test]
    fn what_is_installed_is_used_without_root() {
        for version in [NEEDED, Version::new(1, 96, 0)] {
            let machine = Machine {
                root: false,
                installed: Some(version),
                ..debian()
            };
            assert_eq!(plan(&machine, &NEEDED), Plan::Use);
        }
    }

    #[test]
    fn an_older_compiler_is_replaced() {
        let machine = Machine {
            installed: Some(Version::new(1, 94, 9)),
            ..debian()
        };
        assert_eq!(plan(&machine, &NEEDED), Plan::Install);
    }

    #[test]
    fn others_are_told_what_to_run() {
        let machine = Machine {
            root: false,
            ..debian()
        };
        let Plan::Refuse(why) = plan(&machine, &NEEDED) else {
            panic!("nothing was refused")
        };
        assert!(why.contains("sudo") && why.contains(INSTALL), "{why}");
    }

    #[test]
    fn nothing_is_installed_elsewhere() {
        let ubuntu = "ID=ubuntu\nID_LIKE=debian\n".to_owned();
        for machine in [
            Machine {
                os_release: ubuntu,
                ..debian()
            },
            Machine {
                os_release: String::new(),
                ..debian()
            },
            Machine {
                apt_get: false,
                ..debian()
            },
        ] {
            let refusal = Plan::Refuse("this is not Debian".to_owned());
            assert_eq!(plan(&machine, &NEEDED), refusal, "{machine:?}");
        }
    }

    #[test]
    fn the_version_is_read_from_what_rustc_prints() {
        let verbose = "rustc 1.96.0 (built from a source tarball)\nbinary: rustc\nrelease: 1.96.0";
        assert_eq!(release(verbose), Some(Version::new(1, 96, 0)));
        assert_eq!(release("rustc 1.96.0"), None);
    }
}
