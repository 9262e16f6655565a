//! Programs of others that come from crates.io, each in one version: found, or compiled.

use std::path::PathBuf;

use crate::process;
use crate::step::Tool;
use crate::workspace::Workspace;

/// A program that a crate of its name brings, in one version.
#[derive(Debug)]
pub(crate) struct CargoProgram {
    /// The crate, and the program.
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    /// Features that are not on by default, separated by commas.
    pub(crate) features: &'static str,
}

impl CargoProgram {
    fn folder(&self, workspace: &Workspace) -> PathBuf {
        let name = format!("programs/{}-{}", self.package, self.version);
        workspace.target().join(name)
    }

    /// Where the program is, if it was compiled before.
    pub(crate) fn find(&self, workspace: &Workspace) -> Option<PathBuf> {
        let file = format!("bin/{}{}", self.package, std::env::consts::EXE_SUFFIX);
        let file = self.folder(workspace).join(file);
        file.is_file().then_some(file)
    }

    /// Compiles the program where it is missing, for this workspace alone.
    pub(crate) fn install(&self, workspace: &Workspace) -> Tool<PathBuf> {
        if let Some(program) = self.find(workspace) {
            return Tool::Ready(program);
        }
        let Self {
            package,
            version,
            features,
        } = self;
        let mut cargo = workspace.cargo(["install", "--locked", package, "--version", version]);
        cargo
            .args(["--features", features, "--root"])
            .arg(self.folder(workspace))
            // Half the time, and fast enough.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        match (process::run(&mut cargo), self.find(workspace)) {
            (Ok(()), Some(program)) => Tool::Ready(program),
            (Ok(()), None) => Tool::Unavailable(format!("{package} brings no program of its name")),
            (Err(error), _) => Tool::Unavailable(format!("{package} cannot be had: {error:#}")),
        }
    }
}
