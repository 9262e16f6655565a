//! The bill of materials of a component: CycloneDX, as JSON.
//!
//! `cargo cyclonedx` describes a package, not a file: it omits the component's SHA-256, and its references contain this
//! machine's folder. `cargo auditable` records neither licences nor the SHA-256.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Node, Package, PackageId};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::prelude::{Bom, NormalizedString, Purl, SpdxExpression, SpecVersion, Validate};
use sha2::{Digest, Sha256};

/// The package that becomes the component, and what it is built for.
const GUEST: (&str, &str) = ("mv-clip", "wasm32-unknown-unknown");

/// The bill of materials of the component `wasm`: its SHA-256, the crates in it, and their dependencies. It has no time
/// and no serial number, so that the same component always has the same one.
pub(crate) fn of(name: &str, options: &[&str], wasm: &[u8]) -> Result<Vec<u8>> {
    let (guest, target) = GUEST;
    let options = ["--locked", "--filter-platform", target]
        .into_iter()
        .chain(options.iter().copied());
    let mut cargo = MetadataCommand::new();
    cargo.other_options(options.map(str::to_owned).collect::<Vec<_>>());
    let metadata = cargo.exec()?;
    let root = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name == guest);
    let bom = bom(
        &metadata,
        root.context("the workspace has no component")?,
        name,
        wasm,
    )?;
    let mut json = Vec::new();
    bom.output_as_json(&mut json, SpecVersion::V1_5)?;
    writeln!(json)?;
    Ok(json)
}

fn bom(metadata: &Metadata, guest: &Package, name: &str, wasm: &[u8]) -> Result<Bom> {
    let nodes = metadata.resolve.as_ref().map(|resolve| &resolve.nodes);
    let nodes = nodes.context("`cargo metadata` left the dependencies out")?;
    let nodes: BTreeMap<&PackageId, &Node> = nodes.iter().map(|node| (&node.id, node)).collect();

    let (mut inside, mut dependencies) = (BTreeMap::new(), BTreeMap::new());
    let mut next = vec![&guest.id];
    while let Some(id) = next.pop() {
        let package = &metadata[id];
        if inside.insert(reference(package), package).is_some() {
            continue;
        }
        let linked = nodes
            .get(id)
            .into_iter()
            .flat_map(|node| linked(metadata, node));
        let linked: Vec<_> = linked.collect();
        let needed: BTreeSet<_> = linked.iter().map(|id| reference(&metadata[*id])).collect();
        dependencies.insert(reference(package), needed);
        next.extend(linked);
    }
    inside.remove(&reference(guest));

    let mut component = described(guest, Classification::Application)?;
    component.purl = None;
    component.name = NormalizedString::new(&format!("{name}.wasm"));
    component.hashes = Some(Hashes(vec![Hash {
        alg: HashAlgorithm::SHA_256,
        content: HashValue(hex::encode(Sha256::digest(wasm))),
    }]));
    let dependencies = dependencies
        .into_iter()
        .map(|(dependency_ref, needed)| Dependency {
            dependency_ref,
            dependencies: needed.into_iter().collect(),
        });
    let libraries = inside.into_values();
    let libraries = libraries.map(|package| described(package, Classification::Library));
    let bom = Bom {
        serial_number: None,
        spec_version: SpecVersion::V1_5,
        metadata: Some(cyclonedx_bom::models::metadata::Metadata {
            component: Some(component),
            ..Default::default()
        }),
        components: Some(Components(libraries.collect::<Result<_>>()?)),
        dependencies: Some(Dependencies(dependencies.collect())),
        ..Bom::default()
    };
    let valid = bom.validate();
    ensure!(
        valid.passed(),
        "the bill of materials is not valid: {valid:?}"
    );
    Ok(bom)
}

/// The crates that are linked into the component: no build dependencies, test dependencies or procedural macros.
fn linked<'a>(metadata: &'a Metadata, node: &'a Node) -> impl Iterator<Item = &'a PackageId> {
    let is_linked = |kinds: &[cargo_metadata::DepKindInfo]| {
        kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
    };
    let in_the_compiler = |id| {
        metadata[id]
            .targets
            .iter()
            .any(|target| target.is_proc_macro())
    };
    node.deps
        .iter()
        .filter(move |dep| is_linked(&dep.dep_kinds) && !in_the_compiler(&dep.pkg))
        .map(|dep| &dep.pkg)
}

fn reference(package: &Package) -> String {
    format!("{}@{}", package.name, package.version)
}

fn described(package: &Package, classification: Classification) -> Result<Component> {
    let (version, reference) = (package.version.to_string(), Some(reference(package)));
    let mut component = Component::new(classification, &package.name, &version, reference);
    component.purl = Some(Purl::new("cargo", &package.name, &version)?);
    let description = package.description.as_deref();
    component.description = description.map(|text| NormalizedString::new(text.trim()));
    // Older crates write "MIT/Apache-2.0", which is not valid SPDX.
    let licence = package
        .license
        .as_ref()
        .map(|licence| licence.replace('/', " OR "));
    let licence = licence.map(|licence| LicenseChoice::Expression(SpdxExpression::new(&licence)));
    component.licenses = licence.map(|licence| Licenses(vec![licence]));
    Ok(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Vec<u8> {
        of("mv-clip", &[], b"wasm").unwrap()
    }

    #[test]
    fn it_names_what_is_inside_and_not_what_builds_or_tests_it() {
        let bom = Bom::parse_from_json(made().as_slice()).unwrap();
        let components = bom.components.unwrap().0;
        let has = |name: &str| {
            components
                .iter()
                .any(|component| component.name.to_string() == name)
        };
        for inside in ["serde_json", "chrono", "waki"] {
            assert!(has(inside), "{inside}");
        }
        for outside in ["mv-clip", "proptest", "wasmtime", "syn", "wit-parser"] {
            assert!(!has(outside), "{outside}");
        }
        for component in &components {
            let name = &component.name;
            assert!(
                component.licenses.is_some() && component.purl.is_some(),
                "{name:?}"
            );
        }
    }

    #[test]
    fn it_is_about_these_bytes_and_the_same_each_time() {
        assert_eq!(made(), made());
        let bom = Bom::parse_from_json(made().as_slice()).unwrap();
        let about = bom.metadata.unwrap().component.unwrap();
        let hash = about.hashes.unwrap().0.remove(0).content.0;
        assert_eq!(hash, hex::encode(Sha256::digest(b"wasm")));
    }
}
