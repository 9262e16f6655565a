//! The documents are complete.

use std::fs;
use std::path::Path;

use mv_clip_host::Setting;
use wit_parser::{Resolve, TypeDefKind};

fn read(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(file)).unwrap()
}

/// The first cells of a document's table rows, if they are code.
fn rows(document: &str) -> Vec<&str> {
    let cells = document.lines().filter_map(|line| line.strip_prefix("| `"));
    cells
        .filter_map(|row| Some(row.split_once('`')?.0))
        .collect()
}

#[test]
fn each_setting_is_documented_and_has_a_library_function() {
    let source = read("crates/core/src/settings.rs");
    let constants = source.lines().filter(|line| line.starts_with("const "));
    let mut component: Vec<&str> = constants
        .filter_map(|line| line.split('"').nth(1))
        .filter(|text| text.starts_with("MERAKI_") || text.starts_with("MV_CLIP_"))
        .collect();
    let mut library: Vec<&str> = Setting::ALL.iter().map(|setting| setting.name()).collect();
    let document = read("docs/SETTINGS.md");
    let mut documented = rows(&document);
    component.sort_unstable();
    library.sort_unstable();
    documented.sort_unstable();
    assert_eq!(documented, component, "docs/SETTINGS.md");
    assert_eq!(library, component, "crates/host/src/setting.rs");
}

#[test]
fn each_failure_kind_is_documented() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut contract = Resolve::default();
    contract.push_dir(wit).unwrap();
    let kind = |name: Option<&str>| name == Some("failure-kind");
    let mut types = contract.types.iter().map(|(_, definition)| definition);
    let found = types
        .find(|definition| kind(definition.name.as_deref()))
        .unwrap();
    let TypeDefKind::Enum(cases) = &found.kind else {
        panic!("failure-kind is an enum");
    };
    let mut cases: Vec<&str> = cases.cases.iter().map(|case| case.name.as_str()).collect();
    let document = read("docs/ERRORS.md");
    let mut documented = rows(&document);
    cases.sort_unstable();
    documented.sort_unstable();
    assert_eq!(documented, cases, "docs/ERRORS.md");
}

/// Appends all Rust sources below a folder.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn each_test_named_in_security_md_exists() {
    let mut tests = String::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["tests", "../crates/core/tests", "../crates/host/src"] {
        sources(&root.join(folder), &mut tests);
    }
    let page = read("docs/SECURITY.md");
    // Every second piece is code. A test name is the last part of a path and has several words.
    let code = page.split('`').skip(1).step_by(2);
    let is_path = |code: &&str| {
        code.chars()
            .all(|c| c.is_ascii_lowercase() || "_:".contains(c))
    };
    let named = code.filter(is_path);
    let named = named.filter_map(|path| path.rsplit("::").next());
    let named: Vec<&str> = named.filter(|name| name.matches('_').count() > 2).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(tests.contains(&format!("fn {name}(")), "{name}");
    }
}

/// The path of the component is not one inside this repository, and the text says where the component comes from.
#[test]
fn the_library_program_of_the_readme_works_in_another_crate() {
    let readme = read("README.md");
    let (_, section) = readme.split_once("## Use the library").unwrap();
    let (text, program) = section.split_once("```rust").unwrap();
    let (program, _) = program.split_once("```").unwrap();
    assert!(program.contains(".load(\"mv-clip.wasm\")"), "{program}");
    for words in [
        "cargo xtask build",
        "target/component/mv-clip.wasm",
        "mv-clip-host = {",
        "tokio = {",
    ] {
        assert!(text.contains(words), "{words}");
    }
}
