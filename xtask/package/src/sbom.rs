//! The bill of materials of a component: CycloneDX, as JSON.
//!
//! `cargo cyclonedx` describes a package, not a file: it omits the component's SHA-256, and its references contain this
//! machine's folder. The list in the component, which has `cargo auditable`'s form, has neither licences nor the SHA-256.

use std::io::Write;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand, Package};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::prelude::{Bom, NormalizedString, Purl, SpdxExpression, SpecVersion, Validate};
use sha2::{Digest, Sha256};
use wasm_metadata::Payload;

/// The bill of materials of the component `wasm`: its SHA-256, the crates that it lists, and their dependencies. It has no
/// time and no serial number, so that the same component always has the same one.
pub(crate) fn of(name: &str, wasm: &[u8]) -> Result<Vec<u8>> {
    let mut cargo = MetadataCommand::new();
    cargo.other_options(["--locked".to_owned()]);
    let bom = bom(&cargo.exec()?, name, wasm)?;
    let mut json = Vec::new();
    bom.output_as_json(&mut json, SpecVersion::V1_5)?;
    writeln!(json)?;
    Ok(json)
}

fn bom(metadata: &Metadata, name: &str, wasm: &[u8]) -> Result<Bom> {
    let payload = Payload::from_binary(wasm)?;
    let list = payload.metadata().dependencies.as_ref();
    let list = list.context("the component does not list its crates")?;
    let list = &list.version_info().packages;
    let references = list
        .iter()
        .map(|listed| format!("{}@{}", listed.name, listed.version));
    let references: Vec<_> = references.collect();
    let (mut component, mut libraries, mut dependencies) = (None, Vec::new(), Vec::new());
    for (listed, reference) in list.iter().zip(&references) {
        let about = metadata.packages.iter();
        let mut about = about.filter(|about| about.name == listed.name);
        let about = about.find(|about| about.version == listed.version);
        let about = about.with_context(|| format!("cargo does not know {reference}"))?;
        if listed.root {
            component = Some(described(about, Classification::Application, reference)?);
        } else {
            libraries.push(described(about, Classification::Library, reference)?);
        }
        let needed = listed.dependencies.iter();
        let needed = needed.filter_map(|at| references.get(*at).cloned());
        dependencies.push(Dependency {
            dependency_ref: reference.clone(),
            dependencies: needed.collect(),
        });
    }
    let mut component = component.context("the list has no root")?;
    component.purl = None;
    component.name = NormalizedString::new(&format!("{name}.wasm"));
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
        components: Some(Components(libraries)),
        dependencies: Some(Dependencies(dependencies)),
        ..Bom::default()
    };
    let valid = bom.validate();
    ensure!(
        valid.passed(),
        "the bill of materials is not valid: {valid:?}"
    );
    Ok(bom)
}

fn described(package: &Package, class: Classification, reference: &str) -> Result<Component> {
    let version = package.version.to_string();
    let mut component = Component::new(class, &package.name, &version, Some(reference.to_owned()));
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
    use wasm_encoder::Component;

    use super::*;

    /// A component that lists itself and one crate.
    fn wasm() -> Vec<u8> {
        let [root, core] = ["mv-clip", "mv-clip-core"].map(|name| {
            format!(
                r#""name":"{name}","version":"{}","source":"local""#,
                env!("CARGO_PKG_VERSION")
            )
        });
        let list =
            format!(r#"{{"packages":[{{{root},"dependencies":[1],"root":true}},{{{core}}}]}}"#);
        let mut component = Component::new();
        component.section(&wasm_metadata::Dependencies::new(list.parse().unwrap()).unwrap());
        component.finish()
    }

    #[test]
    fn it_is_about_these_bytes_and_the_same_each_time() {
        let json = of("mv-clip", &wasm()).unwrap();
        assert_eq!(json, of("mv-clip", &wasm()).unwrap());
        let bom = Bom::parse_from_json(json.as_slice()).unwrap();
        let about = bom.metadata.unwrap().component.unwrap();
        let hash = about.hashes.unwrap().0.remove(0).content.0;
        assert_eq!(hash, hex::encode(Sha256::digest(wasm())));
        let [library] = bom.components.unwrap().0.try_into().unwrap();
        assert_eq!(library.name.to_string(), "mv-clip-core");
        assert!(library.licenses.is_some() && library.purl.is_some());
        let dependencies = bom.dependencies.unwrap().0;
        assert_eq!(
            dependencies[0].dependencies,
            [dependencies[1].dependency_ref.clone()]
        );
        assert!(of("mv-clip", &Component::new().finish()).is_err());
    }
}
