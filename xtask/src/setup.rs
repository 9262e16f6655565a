//! Makes sure that the compiler can build for the wasm targets, and that the lint tools are there.
//!
//! A machine that has everything is left alone, without a look at the network. Otherwise rustup is
//! asked, then [`debian`].

use std::path::Path;

use anyhow::{Result, anyhow};

use crate::apt;
use crate::debian;
use crate::process;
use crate::workspace::Workspace;

/// What is shipped is built for this target.
pub(crate) const SHIPPED: &str = "wasm32-unknown-unknown";

/// The guest compiles for this target too; nothing is shipped of it.
pub(crate) const CHECKED: &str = "wasm32-wasip2";

/// When rustup is asked for a target that is missing.
///
/// Where its server is out of reach, to ask is to wait for time-outs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskRustup {
    /// Always: a person may have found the way to its server again.
    Always,
    /// Not where Debian's compiler is installed and does the work.
    WithoutDebian,
}

/// What the workspace's own toolchain can compile for.
#[derive(Debug)]
pub(crate) struct Targets {
    missing: Vec<&'static str>,
    /// Why they are.
    reason: String,
}

impl Targets {
    /// Why the toolchain cannot compile for `target`, if so.
    pub(crate) fn refusal(&self, target: &str) -> Option<String> {
        let missing = self.missing.contains(&target);
        missing.then(|| format!("the toolchain has no {target}: {}", self.reason))
    }
}

/// What compiles the component.
#[derive(Debug)]
pub(crate) enum Compiler {
    /// The workspace's own toolchain.
    Own,
    /// Debian's compiler, which builds the standard library first.
    Debian(debian::Pair),
}

/// Finds out which wasm targets are there, asks rustup for the others, and says so.
///
/// # Errors
///
/// There is no compiler to ask.
pub(crate) fn targets(workspace: &Workspace, ask: AskRustup) -> Result<Targets> {
    let missing = missing(workspace)?;
    if missing.is_empty() {
        eprintln!("    {SHIPPED} and {CHECKED} are there");
    } else {
        eprintln!("    missing: {}", missing.join(" and "));
    }
    if !asks_rustup(ask, &missing, || debian::find(workspace).is_ok()) {
        return Ok(Targets {
            missing,
            reason: "Debian's compiler builds the component instead, and `cargo xtask setup` \
                     asks rustup again"
                .to_owned(),
        });
    }
    let mut rustup = workspace.command("rustup", ["target", "add"]);
    let reason = match process::run(rustup.args(&missing)) {
        Ok(()) => "rustup added it to another toolchain than cargo's".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    Ok(Targets {
        missing: self::missing(workspace)?,
        reason,
    })
}

/// What compiles the component: the toolchain if it has the target, else Debian's compiler, which
/// is installed if need be.
///
/// # Errors
///
/// Neither can be had; the message says what to install.
pub(crate) fn compiler(workspace: &Workspace, targets: &Targets) -> Result<Compiler> {
    if !targets.missing.contains(&SHIPPED) {
        return Ok(Compiler::Own);
    }
    let pair = debian::find(workspace)
        .or_else(|_| debian::install(workspace))
        .map_err(|error| anyhow!(neither(targets, &format!("{error:#}"))))?;
    eprintln!(
        "    using Debian's compiler, which first builds the standard library: minutes, once"
    );
    Ok(Compiler::Debian(pair))
}

/// Makes sure that rustfmt and clippy are there.
///
/// # Errors
///
/// One is missing and rustup cannot add it.
pub(crate) fn lint_tools(workspace: &Workspace) -> Result<()> {
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if process::read(&mut workspace.cargo([command, "--version"])).is_err() {
            process::run(&mut workspace.command("rustup", ["component", "add", component]))?;
        }
    }
    Ok(())
}

/// Whether rustup is to be asked for what is missing; `debian` finds out whether Debian's compiler
/// is installed and new enough.
fn asks_rustup(ask: AskRustup, missing: &[&str], debian: impl FnOnce() -> bool) -> bool {
    match ask {
        AskRustup::Always => !missing.is_empty(),
        AskRustup::WithoutDebian if missing.contains(&SHIPPED) => !debian(),
        AskRustup::WithoutDebian => !missing.is_empty(),
    }
}

/// The targets without a standard library in the compiler's own folder.
fn missing(workspace: &Workspace) -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for target in [SHIPPED, CHECKED] {
        let library = workspace.rustc(["--print", "target-libdir", "--target", target])?;
        if !Path::new(&library).is_dir() {
            missing.push(target);
        }
    }
    Ok(missing)
}

fn neither(targets: &Targets, debian: &str) -> String {
    format!(
        "the compiler cannot build for {SHIPPED}, and neither way of changing that worked.\n  \
         rustup: {}\n  \
         Debian: {debian}\n\
         Do one of these, then repeat the command:\n  \
         - with rustup and a way to its server: rustup target add {}\n  \
         - on Debian 12 or later with its security updates, as root: {}",
        targets.reason,
        targets.missing.join(" "),
        apt::line(&debian::PACKAGES)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody_asks() -> bool {
        panic!("there was no reason to look for Debian's compiler")
    }

    #[test]
    fn what_is_there_is_used_without_asking_anybody() {
        for ask in [AskRustup::Always, AskRustup::WithoutDebian] {
            assert!(!asks_rustup(ask, &[], nobody_asks), "{ask:?}");
        }
    }

    #[test]
    fn rustup_is_asked_where_debian_is_not_at_hand() {
        for missing in [&[SHIPPED, CHECKED][..], &[SHIPPED]] {
            let asked = asks_rustup(AskRustup::WithoutDebian, missing, || false);
            assert!(asked, "{missing:?}");
        }
    }

    #[test]
    fn where_debian_is_at_hand_only_setup_asks_rustup() {
        for missing in [&[SHIPPED, CHECKED][..], &[SHIPPED]] {
            assert!(!asks_rustup(AskRustup::WithoutDebian, missing, || true));
            assert!(asks_rustup(AskRustup::Always, missing, || true));
        }
    }

    #[test]
    fn debian_is_no_help_for_the_checked_target() {
        let missing = &[CHECKED];
        assert!(asks_rustup(AskRustup::WithoutDebian, missing, nobody_asks));
        assert!(asks_rustup(AskRustup::Always, missing, nobody_asks));
    }

    #[test]
    fn a_refusal_names_the_target_and_the_reason() {
        let targets = Targets {
            missing: vec![CHECKED],
            reason: "no way to the server".to_owned(),
        };
        let refusal = targets.refusal(CHECKED).unwrap();
        assert_eq!(
            refusal,
            "the toolchain has no wasm32-wasip2: no way to the server"
        );
        assert_eq!(targets.refusal(SHIPPED), None);
    }

    #[test]
    fn the_last_word_says_what_failed_and_what_to_install() {
        let targets = Targets {
            missing: vec![SHIPPED, CHECKED],
            reason: "there is no rustup".to_owned(),
        };
        let message = neither(&targets, "this is not Debian");
        for part in [
            "rustup: there is no rustup",
            "Debian: this is not Debian",
            "rustup target add wasm32-unknown-unknown wasm32-wasip2",
            "apt-get install",
        ] {
            assert!(message.contains(part), "{part:?} is missing in {message}");
        }
    }
}
