//! The workspace: its folders, and how commands run in it.

use std::path::PathBuf;
use std::process::Command;

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
        let metadata = cleaned(metadata.ignore_stderr()).output()?.stdout;
        let metadata = String::from_utf8(metadata)?;
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

/// `command` without the variables in which `cargo run` describes xtask, and without the developer's secrets: what it needs
/// is set on it.
///
/// Some build scripts (ring's, for one) run again when a variable of the first kind changes. Cargo would then build half
/// of the host again after each change between `cargo xtask test` and `cargo test`.
pub(crate) fn cleaned(command: Cmd<'_>) -> Command {
    let mut command = Command::from(command);
    let set: Vec<_> = command
        .get_envs()
        .map(|(name, _)| name.to_owned())
        .collect();
    for (name, _) in std::env::vars_os() {
        if !set.contains(&name) && stays_here(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether no child process inherits this variable.
fn stays_here(name: &str) -> bool {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if starts(&["CARGO_", "RUSTUP_"]) {
        // A private registry needs its token.
        return starts(&["CARGO_PKG_", "CARGO_MANIFEST_"]);
    }
    let mut secrets = "CREDENTIAL DESTINATION PASSW SECRET TOKEN _KEY".split(' ');
    starts(&["AWS_", "AZURE_", "GOOGLE_", "MERAKI_"]) || secrets.any(|part| name.contains(part))
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
    fn strings_are_read_from_json() {
        let json = r#"{"a":["C:\\b\"c"],"d":"e"}"#;
        assert_eq!(json_string(json, "a").unwrap(), r#"C:\b"c"#);
        assert_eq!(json_string(json, "d").unwrap(), "e");
        assert_eq!(json_string(json, "f"), None);
    }

    #[test]
    fn commands_do_not_see_secrets_or_what_describes_xtask() {
        let stay =
            "MERAKI_DASHBOARD_API_KEY AWS_PROFILE MV_CLIP_DESTINATION GITHUB_TOKEN CARGO_PKG_NAME";
        let pass = "PATH HOME HTTPS_PROXY CARGO_HOME CARGO_REGISTRIES_OUR_TOKEN MV_CLIP_CACHE";
        assert!(stay.split(' ').all(stays_here), "{stay}");
        assert!(!pass.split(' ').any(stays_here), "{pass}");
        // `cargo test` sets both, as `cargo run` does.
        let shell = Shell::new().unwrap();
        let command = cleaned(cmd!(shell, "cargo").env("CARGO_PKG_NAME", "own"));
        let changes: Vec<_> = command.get_envs().collect();
        let [name, version] = ["CARGO_PKG_NAME", "CARGO_PKG_VERSION"].map(std::ffi::OsStr::new);
        assert!(changes.contains(&(name, Some("own".as_ref()))));
        assert!(changes.contains(&(version, None)));
    }
}
