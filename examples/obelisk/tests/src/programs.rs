//! The programs that the tests run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) obelisk: PathBuf,
    /// The store.
    pub(crate) s3s: PathBuf,
    /// The command line, which has the mock.
    pub(crate) mv_clip: PathBuf,
    /// The folder of PostgreSQL's programs.
    pub(crate) postgres: PathBuf,
}

impl Programs {
    pub(crate) fn find() -> Result<Self> {
        let mv_clip = root().join("target/debug/mv-clip");
        Ok(Self {
            obelisk: program("OBELISK", on_path("obelisk"))?,
            s3s: program("S3S_FS", on_path("s3s-fs"))?,
            mv_clip: program("MV_CLIP", Some(mv_clip).filter(|file| file.is_file()))?,
            postgres: program("POSTGRES", postgres())?,
        })
    }
}

/// The folder of the example.
pub(crate) fn example() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    example().join("../..")
}

fn program(variable: &str, found: Option<PathBuf>) -> Result<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from);
    let missing =
        || format!("{variable} was not found; examples/obelisk/README.md says how to install it");
    named.or(found).with_context(missing)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let mut files = env::split_paths(&folders).map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}

/// Debian keeps the server's programs off the `PATH`.
fn postgres() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    let on_path = on_path("initdb").and_then(|initdb| Some(initdb.parent()?.to_owned()));
    let programs = ["initdb", "postgres", "psql", "pg_dump"];
    let has_all = |folder: &PathBuf| programs.iter().all(|name| folder.join(name).is_file());
    folders.chain(on_path).find(has_all)
}
