//! Builds the component and gives it its metadata.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::about::About;
use crate::process;
use crate::sbom;
use crate::setup::{Compiler, SHIPPED};
use crate::strip;
use crate::workspace::{GUEST, Workspace};

/// The stack of the guest, in bytes. Beyond it the guest traps.
const STACK: u32 = 128 << 10;

/// The guest's memory as it starts, in bytes: its stack, its data, and the rest for the heap.
const MEMORY: u32 = 320 << 10;

/// A component that is built of the guest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    /// Its name in the contract.
    pub(crate) name: &'static str,
    /// Its file beside [`Workspace::component`].
    pub(crate) file: &'static str,
    /// Its profile, which is also the folder that cargo builds it in.
    profile: &'static str,
    /// How cargo is told to build it.
    pub(crate) options: &'static [&'static str],
}

/// The worlds `clip-plugin` and `clips-only`.
pub(crate) const WORLDS: [World; 2] = [
    World {
        name: "clip-plugin",
        file: "mv-clip.wasm",
        profile: "guest",
        options: &[],
    },
    World {
        name: "clips-only",
        file: "mv-clip-clips.wasm",
        profile: "guest-clips",
        options: &["--no-default-features"],
    },
];

/// Builds [`Workspace::component`] and the other [`WORLDS`], each with its bill of materials beside it.
///
/// # Errors
///
/// The guest does not compile, or a file cannot be written.
pub(crate) fn build(workspace: &Workspace, compiler: &Compiler) -> Result<()> {
    let about = About::of(workspace)?;
    for world in WORLDS {
        let wasm = about.write_into(&compile(workspace, compiler, world)?)?;
        let file = workspace.component().with_file_name(world.file);
        write_atomically(&file, &wasm)?;
        write_atomically(&sbom::beside(&file), &sbom::of(workspace, world, &wasm)?)?;
        eprintln!("    {}: {} bytes", file.display(), wasm.len());
    }
    Ok(())
}

/// Compiles a component, without its metadata: the same bytes in every folder, for one commit and
/// compiler.
///
/// # Errors
///
/// The guest does not compile.
pub(crate) fn compile(workspace: &Workspace, compiler: &Compiler, world: World) -> Result<Vec<u8>> {
    // Of a crate that is also made a library for Rust, cargo does not optimise the whole at link time.
    let args = [
        "rustc",
        "--locked",
        "--crate-type",
        "cdylib",
        "--profile",
        world.profile,
        "--target",
        SHIPPED,
        "--package",
        GUEST,
    ];
    let mut cargo = workspace.cargo(args);
    cargo.arg("--lib").args(world.options);
    let mut rustflags = remap(workspace);
    rustflags.extend(linker());
    if let Compiler::Debian(pair) = compiler {
        pair.configure(&mut cargo);
        rustflags.push(pair.rustflag());
    }
    // What is shipped must not depend on who builds it, and these would take the place of our flags.
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo
        .arg("--config")
        .arg(format!("target.{SHIPPED}.rustflags={rustflags:?}"));
    process::run(&mut cargo)?;
    let folder = workspace.target().join(SHIPPED).join(world.profile);
    let built = folder.join("mv_clip.wasm");
    let wasm = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    strip::names(&wasm)
}

/// Linker flags for a memory in which a call for one clip has room, so that it need not grow. What of it
/// is not touched costs nothing. And the linker leaves five bytes for every address, most of which need
/// one or two.
fn linker() -> impl Iterator<Item = String> {
    let arguments = [
        format!("-zstack-size={STACK}"),
        format!("--initial-memory={MEMORY}"),
        "--compress-relocations".to_owned(),
    ];
    arguments
        .into_iter()
        .map(|argument| format!("-Clink-arg={argument}"))
}

/// Compiler flags that keep this machine's folders out of the panic messages in the component.
fn remap(workspace: &Workspace) -> Vec<String> {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let folders = [
        cargo_home.map(|folder| (folder, "/cargo")),
        Some((workspace.root().to_owned(), "/mv-clip")),
    ];
    let folders = folders.into_iter().flatten();
    folders
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect()
}

/// Writes `file` so that nobody ever sees a part of it, its folder included.
fn write_atomically(file: &Path, content: &[u8]) -> Result<()> {
    let write = || {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let unfinished = file.with_extension(format!("{}.tmp", std::process::id()));
        let written = fs::write(&unfinished, content).and_then(|()| fs::rename(&unfinished, file));
        if written.is_err() {
            // Best effort: the first error is the one to report.
            let _ = fs::remove_file(&unfinished);
        }
        written
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_and_replaced_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("component/mv-clip.wasm");
        for content in [&b"first"[..], b"2nd"] {
            write_atomically(&file, content).unwrap();
            assert_eq!(fs::read(&file).unwrap(), content);
        }
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_reader_of_the_old_file_keeps_the_old_file() {
        use std::io::Read;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mv-clip.wasm");
        write_atomically(&file, b"old").unwrap();
        let mut reader = fs::File::open(&file).unwrap();
        write_atomically(&file, b"newer").unwrap();
        let mut seen = String::new();
        reader.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "old");
    }

    #[test]
    fn a_failure_names_the_file_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mv-clip.wasm");
        // A folder that is not empty cannot be replaced by a file.
        fs::create_dir_all(file.join("occupied")).unwrap();
        let error = write_atomically(&file, b"new").unwrap_err().to_string();
        assert_eq!(error, format!("cannot write {}", file.display()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_folders_of_this_machine_are_named_anew() {
        let workspace = Workspace::load().unwrap();
        let root = format!(
            "--remap-path-prefix={}=/mv-clip",
            workspace.root().display()
        );
        assert!(remap(&workspace).contains(&root));
    }
}
