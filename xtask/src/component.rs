//! Builds the components.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use xshell::cmd;

use crate::metadata::Metadata;
use crate::steps::{self, Steps};
use crate::toolchain::{self, Compiler, SHIPPED};
use crate::workspace::{GUEST, Workspace};

/// A component of the guest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    /// Its file in the folder of [`Workspace::component`], without the extension.
    pub(crate) name: &'static str,
    /// Its profile, which is also the folder that cargo builds it in: both worlds are built to a file of the same
    /// name.
    profile: &'static str,
    pub(crate) options: &'static [&'static str],
}

/// The worlds `clip-plugin` and `clips-only`.
pub(crate) const WORLDS: [World; 2] = [
    World {
        name: "mv-clip",
        profile: "guest",
        options: &[],
    },
    World {
        name: "mv-clip-clips",
        profile: "guest-clips",
        options: &["--no-default-features"],
    },
];

/// Builds the components of `worlds`. Says whether that succeeded: other steps would run an old component.
pub(crate) fn build(steps: &mut Steps, workspace: &Workspace, worlds: &[World]) -> bool {
    let built = steps.run("build", || {
        let compiler = toolchain::compiler(workspace)?;
        let metadata = Metadata::of(workspace)?;
        for world in worlds {
            write(workspace, &compiler, &metadata, *world)?;
        }
        Ok(())
    });
    built.is_some()
}

fn write(
    workspace: &Workspace,
    compiler: &Compiler,
    metadata: &Metadata,
    world: World,
) -> Result<()> {
    // The time stamp of the component: a source that is saved during the build is newer.
    let started = SystemTime::now();
    let built = compile(workspace, compiler, world)?;
    let read =
        |file: &Path| fs::read(file).with_context(|| format!("cannot read {}", file.display()));
    let wasm = metadata.write_into(&read(&built)?)?;
    let file = workspace
        .component()
        .with_file_name(format!("{}.wasm", world.name));
    write_atomically(&file, &wasm, started)?;
    let sources = String::from_utf8(read(&built.with_extension("d"))?)?;
    let sources = dep_info(&sources, &file)?;
    write_atomically(&file.with_extension("d"), sources.as_bytes(), started)?;
    eprintln!("{}: {} bytes", file.display(), wasm.len());
    Ok(())
}

/// Compiles one component: the same bytes in every folder, for one commit and compiler.
fn compile(workspace: &Workspace, compiler: &Compiler, world: World) -> Result<PathBuf> {
    let World {
        profile, options, ..
    } = world;
    let cargo = cmd!(
        workspace.shell,
        "cargo build --locked --package {GUEST} --profile {profile} --target {SHIPPED}"
    );
    let mut rustflags = remap(workspace);
    // These would replace the project's flags, and the component must not depend on who builds it.
    let mut cargo = cargo
        .args(options)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    if let Compiler::Debian(debian) = compiler {
        cargo = debian.configure(cargo);
        rustflags.push(debian.rustflag());
    }
    let config = format!("target.{SHIPPED}.rustflags={rustflags:?}");
    steps::run(cargo.args(["--config", &config]))?;
    Ok(workspace
        .target
        .join(SHIPPED)
        .join(profile)
        .join("mv_clip.wasm"))
}

/// Compiler flags that remove this machine's folders, and the name of its registry, from the panic messages in the
/// component. If several prefixes match, rustc takes the last.
fn remap(workspace: &Workspace) -> Vec<String> {
    let own = std::env::home_dir().map(|home| home.join(".cargo"));
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(own);
    let cargo = cargo.unwrap_or_else(|| "/cargo".into());
    let registries = fs::read_dir(cargo.join("registry/src"));
    let registries = registries.into_iter().flatten().flatten();
    std::iter::once((cargo, "/cargo"))
        .chain(registries.map(|folder| (folder.path(), "/deps")))
        .chain([(workspace.root.clone(), "/mv-clip")])
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect()
}

/// Cargo's list of the sources (`TARGET: SOURCE SOURCE…`, as make reads it), for another target.
fn dep_info(cargo: &str, target: &Path) -> Result<String> {
    let sources = cargo.split_once(".wasm: ");
    let (_, sources) = sources.context("cargo listed no sources")?;
    let target = target.display().to_string().replace(' ', "\\ ");
    Ok(format!("{target}: {sources}"))
}

/// Writes `file` atomically. Creates its folder.
fn write_atomically(file: &Path, content: &[u8], modified: SystemTime) -> Result<()> {
    let write = || {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let unfinished = file.with_extension(format!("{}.tmp", std::process::id()));
        let written = fs::write(&unfinished, content)
            .and_then(|()| File::options().write(true).open(&unfinished))
            .and_then(|unfinished| unfinished.set_modified(modified))
            .and_then(|()| fs::rename(&unfinished, file));
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
        let folder = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        let file = folder.path().join("component/mv-clip.wasm");
        let started = SystemTime::UNIX_EPOCH;
        for content in [&b"first"[..], b"2nd"] {
            write_atomically(&file, content, started).unwrap();
            assert_eq!(fs::read(&file).unwrap(), content);
        }
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), started);
        let files = || fs::read_dir(file.parent().unwrap()).unwrap().count();
        assert_eq!(files(), 1);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(write_atomically(&file, b"third", started).is_err());
        assert_eq!(files(), 1);
    }

    #[test]
    fn the_list_of_sources_is_for_the_component() {
        let cargo = "/t/guest/mv_clip.wasm: /a/src/lib.rs /a\\ b/wit\n";
        let list = dep_info(cargo, Path::new("/t x/mv-clip.wasm")).unwrap();
        assert_eq!(list, "/t\\ x/mv-clip.wasm: /a/src/lib.rs /a\\ b/wit\n");
        assert!(dep_info("", Path::new("/t")).is_err());
    }
}
