//! Whether the component can be built again, byte by byte, by somebody else in another folder.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::component::{self, WORLDS, World};
use crate::process;
use crate::setup::Compiler;
use crate::workspace::Workspace;

/// Compiles the component here, and a copy of its sources in another folder, and compares the two.
///
/// # Errors
///
/// The copy cannot be made or does not build, or the components differ; then the message says where they
/// begin to.
pub(crate) fn check(workspace: &Workspace, compiler: &Compiler) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("another/folder");
    copy_sources(workspace, &copy)?;
    let there = Workspace::at(&copy)?;
    for world in WORLDS {
        let here = component::compile(workspace, compiler, world)?;
        same(world, &here, &component::compile(&there, compiler, world)?)?;
    }
    Ok(())
}

fn same(world: World, here: &[u8], there: &[u8]) -> Result<()> {
    let differs = here.iter().zip(there).position(|(a, b)| a != b);
    ensure!(
        here == there,
        "two builds of {} from the same sources differ: {} bytes and {}, from byte {}. \
         A path, a time or the order of a map got into one of them.",
        world.file,
        here.len(),
        there.len(),
        differs.unwrap_or(here.len().min(there.len())),
    );
    eprintln!("    {}: {} bytes, twice the same", world.file, here.len());
    Ok(())
}

/// Copies what git knows, and what it would know.
fn copy_sources(workspace: &Workspace, to: &Path) -> Result<()> {
    let args = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let files = process::read(&mut workspace.command("git", args))
        .context("only git knows which files belong to the project")?;
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        let (from, to) = (workspace.root().join(file), to.join(file));
        // Deleted, and not committed yet.
        if !from.exists() {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}
