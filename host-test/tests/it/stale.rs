//! The tests reject a component that is older than its sources.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::component::check;

const SOURCES: [&str; 5] = [
    "src/lib.rs",
    "crates/a b/lib.rs",
    "Cargo.toml",
    "Cargo.lock",
    "wit/clips.wit",
];

/// When the component was built.
const BUILT: u64 = 1_000;

fn write(file: &Path, content: &str, modified: u64) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(modified);
    let file = File::options().write(true).open(file).unwrap();
    file.set_modified(modified).unwrap();
}

/// A workspace whose component is as new as its sources.
fn workspace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for source in SOURCES {
        write(&folder.path().join(source), "", BUILT);
    }
    let root = folder.path().display().to_string().replace(' ', "\\ ");
    // An absolute path, as cargo writes it, and a relative one.
    let list = format!("{root}/component.wasm: {root}/src/lib.rs crates/a\\ b/lib.rs\n");
    write(&folder.path().join("component.wasm"), "", BUILT);
    write(&folder.path().join("component.d"), &list, BUILT);
    folder
}

fn checked(folder: &TempDir) -> Result<(), String> {
    check(&folder.path().join("component.wasm"), folder.path())
}

#[test]
fn a_component_as_new_as_its_sources_is_accepted() {
    assert_eq!(checked(&workspace()), Ok(()));
}

#[test]
fn a_component_older_than_a_source_is_rejected_with_the_source() {
    for source in SOURCES {
        let folder = workspace();
        let source = folder.path().join(source);
        write(&source, "", BUILT + 1);
        let error = checked(&folder).unwrap_err();
        let expected = format!("component.wasm is older than {}", source.display());
        assert!(error.ends_with(&expected), "{error}");
    }
}

#[test]
fn a_missing_component_list_or_source_is_named() {
    for name in [
        "component.wasm",
        "component.d",
        "src/lib.rs",
        "crates/a b/lib.rs",
    ] {
        let folder = workspace();
        let file = folder.path().join(name);
        fs::remove_file(&file).unwrap();
        let error = checked(&folder).unwrap_err();
        let expected = format!("cannot read {}", file.display());
        assert!(error.starts_with(&expected), "{error}");
    }
}
