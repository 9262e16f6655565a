//! The workspace: its folders, and how commands run in it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::{Cmd, Shell, cmd};

/// The package that becomes the component.
pub(crate) const GUEST: &str = "mv-clip";

/// The package of the command line, and its program.
pub(crate) const CLI: (&str, &str) = ("mv-clip-cli", "mv-clip");

/// The environment variable that tells the command line and its tests where the component is.
pub(crate) const COMPONENT_VARIABLE: &str = "MV_CLIP_COMPONENT";

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// Runs commands in the root.
    pub(crate) shell: Shell,
}

impl Workspace {
    /// Finds the workspace around the current folder.
    pub(crate) fn find() -> Result<Self> {
        let shell = Shell::new()?;
        let metadata = cmd!(shell, "cargo metadata --no-deps --format-version 1");
        let metadata = without_own_variables(metadata).quiet().read()?;
        let folder = |key| {
            let folder = json_string(&metadata, key);
            folder
                .map(PathBuf::from)
                .context("cargo metadata has no folders")
        };
        let root = folder("workspace_root")?;
        shell.change_dir(&root);
        let target = folder("target_directory")?;
        Ok(Self {
            root,
            target,
            shell,
        })
    }

    /// The component that `cargo xtask build` writes.
    pub(crate) fn component(&self) -> PathBuf {
        self.target.join("component/mv-clip.wasm")
    }

    /// A program that cargo built with the profile dev.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let file = format!("debug/{name}{}", std::env::consts::EXE_SUFFIX);
        self.target.join(file)
    }
}

/// `command` without the variables in which `cargo run` describes xtask.
///
/// Some build scripts (ring's, for one) run again when such a variable changes. Cargo would then build half of the
/// host again after each change between `cargo xtask test` and `cargo test`.
pub(crate) fn without_own_variables(command: Cmd<'_>) -> Cmd<'_> {
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        })
        .fold(command, |command, name| command.env_remove(name))
}

/// The first string in `json` that is the value of `key`.
pub(crate) fn json_string(json: &str, key: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{key}\":"))?;
    let rest = rest.split_once('"')?.1;
    let mut string = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some(string),
            '\\' => string.push(chars.next()?),
            other => string.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_this_one() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.root.join("xtask/src/workspace.rs").is_file());
        assert!(workspace.target.is_dir());
    }

    #[test]
    fn strings_are_read_from_json() {
        let json = r#"{"a":["C:\\b\"c"],"d":"e"}"#;
        assert_eq!(json_string(json, "a").unwrap(), r#"C:\b"c"#);
        assert_eq!(json_string(json, "d").unwrap(), "e");
        assert_eq!(json_string(json, "f"), None);
    }

    #[test]
    fn commands_do_not_see_what_describes_xtask() {
        // `cargo test` sets it, as `cargo run` does.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        let shell = Shell::new().unwrap();
        let command = without_own_variables(cmd!(shell, "cargo"));
        let command = std::process::Command::from(command);
        let removed: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .collect();
        assert!(
            removed.iter().any(|(name, _)| *name == "CARGO_PKG_NAME"),
            "{removed:?}"
        );
        assert!(
            removed.iter().all(|(name, _)| *name != "CARGO_HOME"),
            "{removed:?}"
        );
    }
}
