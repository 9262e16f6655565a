//! The component under test. It must not be older than its sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The environment variable with the path of the component. `.cargo/config.toml` sets it.
const VARIABLE: &str = "MV_CLIP_COMPONENT";

/// The path of the component.
pub fn built() -> PathBuf {
    let built = || workspace().join("target/component/mv-clip.wasm");
    std::env::var_os(VARIABLE).map_or_else(built, PathBuf::from)
}

/// Returns the same path, or an error if the component is older than its sources. Checks once per process, so that
/// sources may be edited while tests run.
pub fn up_to_date(component: PathBuf) -> Result<PathBuf, String> {
    static CHECKED: Mutex<BTreeMap<PathBuf, Result<(), String>>> = Mutex::new(BTreeMap::new());
    let mut checked = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = checked.entry(component.clone());
    let checked = entry.or_insert_with(|| check(&component, workspace()));
    match checked {
        Ok(()) => Ok(component),
        Err(error) => Err(format!("{error}: run `cargo xtask build`")),
    }
}

fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_workspace = |folder: &&Path| folder.join("Cargo.lock").exists();
    package.ancestors().find(is_workspace).unwrap_or(package)
}

/// Checks that a component is as new as its inputs: the sources in its dep-info file, and the build configuration.
pub fn check(component: &Path, workspace: &Path) -> Result<(), String> {
    let built = modified(component)?;
    let list = component.with_extension("d");
    let list = fs::read_to_string(&list).map_err(|error| cannot_read(&list, &error))?;
    let wit = workspace.join("wit");
    let wit = fs::read_dir(&wit).map_err(|error| cannot_read(&wit, &error))?;
    let wit = wit.flatten().map(|entry| entry.path());
    let wit = wit.filter(|file| file.extension().is_some_and(|extension| extension == "wit"));
    let sources = sources(&list)
        .into_iter()
        .chain(["Cargo.toml", "Cargo.lock"].map(PathBuf::from));
    for source in sources.map(|source| workspace.join(source)).chain(wit) {
        if modified(&source)? > built {
            let (component, source) = (component.display(), source.display());
            return Err(format!("{component} is older than {source}"));
        }
    }
    Ok(())
}

fn modified(file: &Path) -> Result<SystemTime, String> {
    let metadata = fs::metadata(file).and_then(|metadata| metadata.modified());
    metadata.map_err(|error| cannot_read(file, &error))
}

fn cannot_read(file: &Path, error: &std::io::Error) -> String {
    format!("cannot read {}: {error}", file.display())
}

/// The sources in a dep-info file in the format of make: `TARGET: SOURCE SOURCE…`, with a backslash before each space in
/// a path.
fn sources(list: &str) -> Vec<PathBuf> {
    let (_, sources) = list.split_once(": ").unwrap_or_default();
    // This character is in no path.
    let sources = sources.replace("\\ ", "\0");
    let sources = sources.split_ascii_whitespace();
    sources
        .map(|source| source.replace('\0', " ").into())
        .collect()
}
