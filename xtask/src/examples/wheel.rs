//! Programs that are published as packages of Python.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// The file `name` of what `python` imports as `package`, with the right to be run, which it lacks there.
///
/// # Errors
///
/// It is not installed.
pub(super) fn program(
    workspace: &Workspace,
    python: &Path,
    package: &str,
    name: &str,
) -> Result<PathBuf> {
    let code = format!("import {package}; print({package}.__file__)");
    let module = process::read(&mut workspace.command(python, ["-c", &code]))?;
    let program = Path::new(&module).with_file_name(name);
    make_executable(&program)?;
    Ok(program)
}

fn make_executable(file: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let failed = || format!("cannot make {} executable", file.display());
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).with_context(failed)?;
    }
    Ok(())
}
