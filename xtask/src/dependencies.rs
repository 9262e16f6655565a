//! The list of the crates in a component, in the form of cargo-auditable: JSON, compressed, in the section `.dep-v0`.
//! cargo-audit, Trivy, Syft and wasm-tools read it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use xshell::cmd;

use crate::steps;
use crate::toolchain::SHIPPED;
use crate::workspace::{GUEST, Workspace};

/// The content of the section. Both components have the same crates.
pub(crate) fn section(workspace: &Workspace) -> Result<Vec<u8>> {
    let json = json(&tree(workspace)?).context("`cargo tree` has another form")?;
    Ok(miniz_oxide::deflate::compress_to_vec_zlib(
        json.as_bytes(),
        10,
    ))
}

/// A line for each dependency: its depth, `NAME vVERSION`, and the folder of a crate of the workspace.
fn tree(workspace: &Workspace) -> Result<String> {
    let tree = cmd!(workspace.shell, "cargo tree --locked --no-dedupe");
    let tree = tree.args(["--package", GUEST, "--target", SHIPPED, "--prefix", "depth"]);
    steps::read(tree.args(["--edges", "normal,no-proc-macro", "--format", " {p}"]))
}

fn json(tree: &str) -> Option<String> {
    let (mut packages, mut path) = (BTreeMap::<_, BTreeSet<_>>::new(), Vec::new());
    for line in tree.lines() {
        let (depth, package) = line.split_once(' ')?;
        path.truncate(depth.parse().ok()?);
        if let Some(parent) = path.last() {
            packages.entry(*parent).or_default().insert(package);
        }
        packages.entry(package).or_default();
        path.push(package);
    }
    let order: Vec<_> = packages.keys().copied().collect();
    let json = packages.iter().map(|(package, needed)| {
        let (name, version) = package.split_once(" v")?;
        let (version, folder) = version.split_once(' ').unwrap_or((version, ""));
        let source = if folder.is_empty() { "crates.io" } else { "local" };
        let needed = needed.iter().flat_map(|name| order.binary_search(name));
        let needed: Vec<_> = needed.collect();
        let root = name == GUEST;
        Some(format!(
            r#"{{"name":"{name}","version":"{version}","source":"{source}","dependencies":{needed:?},"root":{root}}}"#
        ))
    });
    let json: Option<Vec<_>> = json.collect();
    Some(format!(r#"{{"packages":[{}]}}"#, json?.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_the_edges_of_the_tree() {
        let tree = "0 mv-clip v0.1.0 (/a b)\n1 waki v0.5.1\n2 http v1.0.0\n1 http v1.0.0";
        let json = json(tree).unwrap();
        let root = r#""version":"0.1.0","source":"local","dependencies":[0, 2],"root":true"#;
        let waki = r#""version":"0.5.1","source":"crates.io","dependencies":[0],"root":false"#;
        assert!(json.contains(root) && json.contains(waki), "{json}");
        assert!(super::json("mv-clip").is_none());
    }

    #[test]
    fn it_names_what_is_inside_and_not_what_builds_or_tests_it() {
        let tree = tree(&Workspace::find().unwrap()).unwrap();
        let has = |name: &str| tree.contains(&format!(" {name} v"));
        assert!("serde_json chrono waki".split(' ').all(has), "{tree}");
        assert!(!"proptest syn wasmtime wit-parser".split(' ').any(has));
    }
}
