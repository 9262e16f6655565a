//! Virtual environments of Python, and what pip installs into them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;
use crate::step::Tool;
use crate::workspace::Workspace;

/// What is installed into one virtual environment.
#[derive(Debug)]
pub(crate) struct Requirements {
    /// pip's file of them, from the workspace's root.
    pub(crate) file: &'static str,
    /// One of them, which an index that has Python packages has.
    pub(crate) asked_for: &'static str,
    /// A Python statement that succeeds where they are installed.
    pub(crate) import: &'static str,
}

/// Installs `requirements` into the virtual environment in the folder `venv`, and gives the Python that
/// has them. One that is there is used again, without a look at the network.
///
/// # Errors
///
/// They could be had, but cannot be installed or imported.
pub(crate) fn install(
    venv: &Path,
    requirements: &Requirements,
    workspace: &Workspace,
) -> Result<Tool<PathBuf>> {
    install_with(OsStr::new("python3"), venv, requirements, workspace)
}

fn install_with(
    python3: &OsStr,
    venv: &Path,
    requirements: &Requirements,
    workspace: &Workspace,
) -> Result<Tool<PathBuf>> {
    let Requirements {
        file,
        asked_for,
        import,
    } = requirements;
    let wanted = fs::read_to_string(workspace.root().join(file))
        .with_context(|| format!("cannot read {file}"))?;
    let stamp = venv.join("installed-requirements.txt");
    let python = venv.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let inside = |args: &[&str]| workspace.command(&python, args);
    let import = || process::read(&mut inside(&["-c", import]));

    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && import().is_ok() {
        eprintln!("    using {}", venv.display());
        return Ok(Tool::Ready(python));
    }

    for (code, lack) in [
        (
            "import sys; sys.exit(sys.version_info < (3, 11))",
            "there is no python3 of version 3.11 or later",
        ),
        (
            "import ensurepip, venv",
            "python3 cannot make virtual environments (Debian has that in python3-venv)",
        ),
    ] {
        if process::read(&mut workspace.command(python3, ["-c", code])).is_err() {
            return Ok(Tool::Unavailable(lack.to_owned()));
        }
    }
    process::run(
        workspace
            .command(python3, ["-m", "venv", "--clear"])
            .arg(venv),
    )?;
    // Tells an index out of reach from requirements that it cannot meet: `install` does not.
    let versions = ["-m", "pip", "index", "versions", asked_for];
    if let Err(error) = process::read(&mut inside(&versions)) {
        eprintln!("    {error:#}");
        let lack = format!("pip finds no package index with {asked_for}");
        return Ok(Tool::Unavailable(lack));
    }
    let pip = ["-m", "pip", "--disable-pip-version-check", "install"];
    process::run(inside(&pip).args(["--quiet", "--requirement", file]))?;
    import()?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(Tool::Ready(python))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What comes of an installation with a Python that fails when told what matches `refused`.
    fn installed_with(refused: &str) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let (python3, venv) = (folder.path().join("python3"), folder.path().join("venv"));
        let script = format!(
            r#"#!/bin/sh
               case "$*" in {refused}) exit 1;; esac
               case "$*" in "-m venv --clear "*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python";; esac"#
        );
        // Written by another process: a test that starts a program while this one has the file
        // open would keep it from being run.
        let mut write = Command::new("sh");
        write.args(["-c", r#"printf %s "$1" > "$0"; chmod +x "$0""#]);
        process::read(write.arg(&python3).arg(script)).unwrap();

        let workspace = Workspace::load().unwrap();
        let requirements = Requirements {
            file: "host-test/tests/sdk/requirements.txt",
            asked_for: "meraki",
            import: "import meraki",
        };
        let install = || install_with(python3.as_os_str(), &venv, &requirements, &workspace);
        Ok(match install()? {
            Tool::Unavailable(lack) => lack,
            Tool::Ready(python) => {
                assert_eq!(python, venv.join("bin/python"));
                // The second time without the Python that made it.
                fs::remove_file(&python3).unwrap();
                assert_eq!(install().unwrap(), Tool::Ready(python));
                "installed".to_owned()
            }
        })
    }

    #[test]
    fn only_what_the_machine_lacks_is_a_reason_to_skip() {
        for (refused, outcome) in [
            ("nothing", "installed"),
            ("*version_info*", "3.11"),
            ("*ensurepip*", "python3-venv"),
            ("*index*", "package index with meraki"),
        ] {
            let found = installed_with(refused).unwrap();
            assert!(found.contains(outcome), "{refused}: {found}");
        }
        for refused in ["*venv\\ --clear*", "*pip*install*", "*import\\ meraki*"] {
            let error = installed_with(refused).unwrap_err().to_string();
            assert!(error.contains("exit status: 1"), "{refused}: {error}");
        }
    }
}
