//! The software bill of materials of the component: CycloneDX, as JSON, in a file beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Node, Package, PackageId};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::prelude::{Bom, NormalizedString, Purl, SpdxExpression, SpecVersion, Validate};
use sha2::{Digest, Sha256};

use crate::component::World;
use crate::process;
use crate::setup::SHIPPED;
use crate::workspace::Workspace;

/// Where the bill of materials of the component in `file` belongs.
pub(crate) fn beside(file: &Path) -> PathBuf {
    file.with_extension("cdx.json")
}

/// The bill of materials of the component `wasm`: itself with its SHA-256, every crate that is in it,
/// and which needs which. The same bytes for the same component: it holds no time and no serial number.
///
/// # Errors
///
/// Cargo cannot tell what the guest depends on.
pub(crate) fn of(workspace: &Workspace, world: World, wasm: &[u8]) -> Result<Vec<u8>> {
    let mut cargo = workspace.cargo(["metadata", "--locked", "--format-version", "1"]);
    cargo
        .args(["--filter-platform", SHIPPED])
        .args(world.options);
    let metadata = MetadataCommand::parse(process::read(&mut cargo)?)
        .context("cannot make sense of what `cargo metadata` says")?;
    let bom = bom(&metadata, workspace.guest()?, world, wasm)?;
    let mut json = Vec::new();
    bom.output_as_json(&mut json, SpecVersion::V1_5)?;
    writeln!(json)?;
    Ok(json)
}

fn bom(metadata: &Metadata, guest: &Package, world: World, wasm: &[u8]) -> Result<Bom> {
    let nodes = metadata.resolve.as_ref().map(|resolve| &resolve.nodes);
    let nodes = nodes.context("`cargo metadata` left the dependencies out")?;
    let nodes: BTreeMap<&PackageId, &Node> = nodes.iter().map(|node| (&node.id, node)).collect();
    let packages = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package));
    let packages: BTreeMap<&PackageId, &Package> = packages.collect();

    let mut inside = BTreeSet::new();
    let mut dependencies = Vec::new();
    let mut next = vec![&guest.id];
    while let Some(id) = next.pop() {
        let package = packages.get(id).context("a dependency has no manifest")?;
        if runs_in_the_compiler(package) || !inside.insert(reference(package)) {
            continue;
        }
        let needed = nodes.get(id).map(|node| linked(node)).unwrap_or_default();
        let mut needs: Vec<_> = needed
            .iter()
            .filter_map(|id| packages.get(id))
            .filter(|package| !runs_in_the_compiler(package))
            .map(|package| reference(package))
            .collect();
        needs.sort();
        dependencies.push(Dependency {
            dependency_ref: reference(package),
            dependencies: needs,
        });
        next.extend(needed);
    }
    dependencies.sort_by(|a, b| a.dependency_ref.cmp(&b.dependency_ref));

    let crates = metadata
        .packages
        .iter()
        .filter(|package| package.id != guest.id && inside.contains(&reference(package)));
    let mut crates = crates.map(library).collect::<Result<Vec<_>>>()?;
    crates.sort_by(|a, b| a.bom_ref.cmp(&b.bom_ref));
    let mut component = described(guest, Classification::Application);
    component.name = NormalizedString::new(world.file);
    component.hashes = Some(Hashes(vec![Hash {
        alg: HashAlgorithm::SHA_256,
        content: HashValue(hex::encode(Sha256::digest(wasm))),
    }]));
    let bom = Bom {
        serial_number: None,
        spec_version: SpecVersion::V1_5,
        metadata: Some(cyclonedx_bom::models::metadata::Metadata {
            component: Some(component),
            ..Default::default()
        }),
        components: Some(Components(crates)),
        dependencies: Some(Dependencies(dependencies)),
        ..Bom::default()
    };
    let valid = bom.validate();
    valid
        .passed()
        .then_some(bom)
        .with_context(|| format!("the bill of materials is not valid: {valid:?}"))
}

/// Whether nothing of this crate, or of what it needs, gets into the component.
fn runs_in_the_compiler(package: &Package) -> bool {
    package.targets.iter().any(|target| target.is_proc_macro())
}

/// What is linked into the component: neither what builds it nor what tests it.
fn linked(node: &Node) -> Vec<&PackageId> {
    let deps = node.deps.iter().filter(|dep| {
        dep.dep_kinds
            .iter()
            .any(|kind| kind.kind == DependencyKind::Normal)
    });
    deps.map(|dep| &dep.pkg).collect()
}

fn reference(package: &Package) -> String {
    format!("{}@{}", package.name, package.version)
}

fn library(package: &Package) -> Result<Component> {
    let mut component = described(package, Classification::Library);
    component.purl = Some(Purl::new(
        "cargo",
        &package.name,
        &package.version.to_string(),
    )?);
    Ok(component)
}

fn described(package: &Package, classification: Classification) -> Component {
    let version = package.version.to_string();
    let mut component = Component::new(
        classification,
        &package.name,
        &version,
        Some(reference(package)),
    );
    let description = package.description.as_deref();
    component.description = description.map(|text| NormalizedString::new(text.trim()));
    // Older crates write "MIT/Apache-2.0", which SPDX has not.
    let licence = package
        .license
        .as_ref()
        .map(|licence| licence.replace('/', " OR "));
    component.licenses = licence.map(|licence| {
        Licenses(vec![LicenseChoice::Expression(SpdxExpression::new(
            &licence,
        ))])
    });
    component
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::WORLDS;
    use crate::workspace::GUEST;

    fn made() -> Bom {
        let workspace = Workspace::load().unwrap();
        Bom::parse_from_json(of(&workspace, WORLDS[0], b"wasm").unwrap().as_slice()).unwrap()
    }

    fn names(bom: &Bom) -> Vec<String> {
        let components = &bom.components.as_ref().unwrap().0;
        components
            .iter()
            .map(|component| component.name.to_string())
            .collect()
    }

    #[test]
    fn it_names_what_is_inside_and_not_what_tests_it() {
        let names = names(&made());
        for inside in ["serde_json", "chrono", "waki"] {
            assert!(
                names.iter().any(|name| name == inside),
                "{inside} of {names:?}"
            );
        }
        for outside in [GUEST, "proptest", "wasmtime", "syn", "wit-parser"] {
            assert!(
                names.iter().all(|name| name != outside),
                "{outside} of {names:?}"
            );
        }
    }

    #[test]
    fn it_is_about_these_bytes_and_every_crate_has_a_licence() {
        let bom = made();
        let about = bom.metadata.unwrap().component.unwrap();
        let hash = about.hashes.unwrap().0.remove(0).content.0;
        assert_eq!(hash, hex::encode(Sha256::digest(b"wasm")));
        for component in bom.components.unwrap().0 {
            assert!(
                component.licenses.is_some() && component.purl.is_some(),
                "{:?}",
                component.name
            );
        }
    }

    #[test]
    fn it_is_the_same_each_time() {
        let workspace = Workspace::load().unwrap();
        assert_eq!(
            of(&workspace, WORLDS[0], b"wasm").unwrap(),
            of(&workspace, WORLDS[0], b"wasm").unwrap()
        );
    }
}
