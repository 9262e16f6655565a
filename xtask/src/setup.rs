//! Makes sure that the compiler can build for the wasm targets, and that the lint tools are there.
//!
//! A machine that has everything is left alone, without a look at the network. Otherwise rustup is
//! asked first, then [`debian`].

use std::path::Path;

use anyhow::{Result, bail};

use crate::debian;
use crate::process;
use crate::workspace::Workspace;

/// What is shipped is built for this target.
pub(crate) const SHIPPED: &str = "wasm32-unknown-unknown";

/// The guest compiles for this target too; nothing is shipped of it.
pub(crate) const CHECKED: &str = "wasm32-wasip2";

/// What [`wasm`] found or made.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// What compiles the component.
    pub(crate) compiler: Compiler,
    /// Why nothing can be checked for [`CHECKED`], if so.
    pub(crate) unchecked: Option<String>,
}

impl Toolchain {
    /// Why clippy cannot see the component's code, if so.
    pub(crate) fn clippy_refusal(&self) -> Option<&str> {
        match self.compiler {
            Compiler::Own => None,
            Compiler::Debian(_) => Some("clippy cannot use the library of Debian's compiler"),
        }
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

/// Makes the component's target usable, and [`CHECKED`] if possible, and says what it does.
///
/// # Errors
///
/// The component's target cannot be made usable; the message says what to install.
pub(crate) fn wasm(workspace: &Workspace) -> Result<Toolchain> {
    let mut missing = missing(workspace)?;
    let mut refusal = None;
    loop {
        match way(&missing, refusal.as_deref()) {
            Way::Own { unchecked } => {
                match &unchecked {
                    None => eprintln!("    {SHIPPED} and {CHECKED} are there"),
                    Some(why) => eprintln!("    {SHIPPED} is there, {CHECKED} is not: {why}"),
                }
                return Ok(Toolchain {
                    compiler: Compiler::Own,
                    unchecked,
                });
            }
            Way::Rustup => {
                eprintln!("    missing: {}; asking rustup", missing.join(" and "));
                let added = process::run(
                    workspace
                        .command("rustup", ["target", "add"])
                        .args(&missing),
                );
                missing = self::missing(workspace)?;
                refusal = Some(match added {
                    Err(error) => format!("{error:#}"),
                    Ok(()) => "rustup added them to another toolchain than cargo's".to_owned(),
                });
            }
            Way::Debian { refusal } => {
                eprintln!("    {refusal}; trying Debian's compiler");
                return match debian::pair(workspace) {
                    Ok(pair) => Ok(Toolchain {
                        compiler: Compiler::Debian(pair),
                        unchecked: Some("Debian's compiler builds the shipped target only".into()),
                    }),
                    Err(error) => bail!(neither(&missing, refusal, &format!("{error:#}"))),
                };
            }
        }
    }
}

/// Makes sure that rustfmt and clippy are there.
///
/// # Errors
///
/// One is missing and rustup cannot add it.
pub(crate) fn lint_tools(workspace: &Workspace) -> Result<()> {
    let sysroot = workspace.rustc(["--print", "sysroot"])?;
    let there = |tool: &str| {
        let file = format!("cargo-{tool}{}", std::env::consts::EXE_SUFFIX);
        Path::new(&sysroot).join("bin").join(file).is_file()
    };
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !there(tool) {
            process::run(&mut workspace.command("rustup", ["component", "add", component]))?;
        }
    }
    Ok(())
}

/// The way to take next.
#[derive(Debug, PartialEq, Eq)]
enum Way<'a> {
    /// Use what is there.
    Own { unchecked: Option<String> },
    /// Ask rustup for what is missing.
    Rustup,
    /// Fall back to Debian's compiler.
    Debian { refusal: &'a str },
}

/// Chooses from the targets that are missing and from what rustup said, if it was asked.
fn way<'a>(missing: &[&str], refusal: Option<&'a str>) -> Way<'a> {
    match refusal {
        _ if missing.is_empty() => Way::Own { unchecked: None },
        None => Way::Rustup,
        Some(refusal) if missing.contains(&SHIPPED) => Way::Debian { refusal },
        Some(refusal) => Way::Own {
            unchecked: Some(refusal.to_owned()),
        },
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

fn neither(missing: &[&str], rustup: &str, debian: &str) -> String {
    format!(
        "the compiler cannot build for {SHIPPED}, and neither way of changing that worked.\n  \
         rustup: {rustup}\n  \
         Debian: {debian}\n\
         Do one of these, then repeat the command:\n  \
         - with rustup and a way to its server: rustup target add {}\n  \
         - on Debian 12 or later with its security updates, as root: {}",
        missing.join(" "),
        debian::INSTALL
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_used_without_asking_anybody() {
        assert_eq!(way(&[], None), Way::Own { unchecked: None });
    }

    #[test]
    fn rustup_is_asked_first_whatever_is_missing() {
        for missing in [&[SHIPPED, CHECKED][..], &[SHIPPED], &[CHECKED]] {
            assert_eq!(way(missing, None), Way::Rustup, "{missing:?}");
        }
    }

    #[test]
    fn what_rustup_added_is_used() {
        assert_eq!(way(&[], Some("asked")), Way::Own { unchecked: None });
    }

    #[test]
    fn debian_is_only_for_the_shipped_target() {
        let refusal = Some("no way to the server");
        for missing in [&[SHIPPED, CHECKED][..], &[SHIPPED]] {
            let debian = Way::Debian {
                refusal: "no way to the server",
            };
            assert_eq!(way(missing, refusal), debian, "{missing:?}");
        }
        let unchecked = Some("no way to the server".to_owned());
        assert_eq!(way(&[CHECKED], refusal), Way::Own { unchecked });
    }

    #[test]
    fn the_last_word_says_what_failed_and_what_to_install() {
        let message = neither(
            &[SHIPPED, CHECKED],
            "there is no rustup",
            "this is not Debian",
        );
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
