//! One artifact, as an OCI image layout.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use oci_spec::image::{
    ANNOTATION_CREATED, ANNOTATION_DESCRIPTION, ANNOTATION_LICENSES, ANNOTATION_REVISION,
    ANNOTATION_SOURCE, ANNOTATION_TITLE, ANNOTATION_VERSION, Descriptor, ImageManifestBuilder,
    MediaType,
};
use serde::Serialize;
use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldItem, WorldKey};

use crate::layout::{Layout, annotated};

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const WASM: &str = "application/wasm";
const SBOM: &str = "application/vnd.cyclonedx+json";
/// Holds the digest of the bill of materials, for readers that have only the manifest.
const SBOM_DIGEST: &str = "io.github.mv-clip.sbom";

/// What makes an artifact.
pub(crate) struct Artifact<'a> {
    pub(crate) name: &'a str,
    pub(crate) wasm: Vec<u8>,
    /// The world of a component.
    pub(crate) target: Option<String>,
    pub(crate) sbom: Option<Vec<u8>>,
    pub(crate) created: &'a str,
}

/// What readers know without the file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    created: &'a str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    component: Interfaces,
}

/// What a component, or a package of WIT, is made of.
#[derive(Debug, Serialize)]
struct Interfaces {
    exports: Vec<String>,
    imports: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

impl Artifact<'_> {
    /// Writes the layout to a folder of its name in `folder`.
    pub(crate) fn write(self, folder: &Path) -> Result<()> {
        let folder = folder.join(self.name);
        let mut layout = Layout::create(&folder)?;
        let layer = layout.blob(WASM.into(), &self.wasm)?;
        let layer = annotated(layer, ANNOTATION_TITLE, &format!("{}.wasm", self.name));
        let config = Config {
            created: self.created,
            architecture: "wasm",
            os: "wasip2",
            layer_digests: [layer.digest().to_string()],
            component: interfaces(&self.wasm, self.target)?,
        };
        let sbom = self
            .sbom
            .map(|sbom| layout.blob(SBOM.into(), &sbom))
            .transpose()?;
        let component = wasm_metadata::Payload::from_binary(&self.wasm)?;
        let metadata = component.metadata();
        let version = text(&metadata.version).context("the component has no version")?;
        let annotations = [
            (ANNOTATION_TITLE, Some(self.name.to_owned())),
            (ANNOTATION_CREATED, Some(self.created.to_owned())),
            (ANNOTATION_VERSION, Some(version.clone())),
            (ANNOTATION_DESCRIPTION, text(&metadata.description)),
            (ANNOTATION_LICENSES, text(&metadata.licenses)),
            (ANNOTATION_SOURCE, text(&metadata.source)),
            (ANNOTATION_REVISION, text(&metadata.revision)),
            (SBOM_DIGEST, text(&sbom.as_ref().map(Descriptor::digest))),
        ];
        let annotations = annotations.into_iter();
        let annotations = annotations.filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let manifest = ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .config(layout.json(CONFIG.into(), &config)?)
            .layers([layer])
            .annotations(annotations.collect::<HashMap<_, _>>())
            .build()?;
        let manifest = layout.manifest(&manifest, &version)?;
        println!("{}: {}", folder.display(), manifest.digest());

        if let Some(sbom) = sbom {
            let title = format!("{}.cdx.json", self.name);
            // Registries that can be asked what refers to an artifact find it by its subject. In the others, cosign
            // made this tag usual.
            let tag = format!("{}.sbom", manifest.digest().to_string().replace(':', "-"));
            let referrer = ImageManifestBuilder::default()
                .schema_version(2_u32)
                .media_type(MediaType::ImageManifest)
                .artifact_type(SBOM)
                .config(layout.blob(MediaType::EmptyJSON, b"{}")?)
                .layers([annotated(sbom, ANNOTATION_TITLE, &title)])
                .subject(manifest)
                .build()?;
            layout.manifest(&referrer, &tag)?;
        }
        layout.finish()
    }
}

fn text(value: &Option<impl ToString>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

/// What `wasm` imports and exports.
fn interfaces(wasm: &[u8], target: Option<String>) -> Result<Interfaces> {
    let names = |resolve: &Resolve, items: &mut dyn Iterator<Item = (&WorldKey, &WorldItem)>| {
        items.map(|(key, _)| resolve.name_world_key(key)).collect()
    };
    Ok(match wit_component::decode(wasm)? {
        DecodedWasm::Component(resolve, world) => {
            let world = resolve
                .worlds
                .get(world)
                .context("a component has no world")?;
            Interfaces {
                exports: names(&resolve, &mut world.exports.iter()),
                imports: names(&resolve, &mut world.imports.iter()),
                target,
            }
        }
        DecodedWasm::WitPackage(resolve, package) => {
            let package = resolve
                .packages
                .get(package)
                .context("there is no package")?;
            let items = package.interfaces.keys().chain(package.worlds.keys());
            Interfaces {
                exports: items.map(|item| package.name.interface_id(item)).collect(),
                imports: Vec::new(),
                target,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use serde_json::{Value, json};
    use wasm_metadata::{Metadata, Version};

    use super::*;
    use crate::contract::tests::contract;

    /// The artifact of the contract with a bill of materials: its folder, and the manifest behind each of its tags.
    fn written(folder: &Path) -> (PathBuf, Vec<Value>) {
        let metadata = Metadata {
            version: Some(Version::new("1.2.3")),
            ..Metadata::default()
        };
        let artifact = Artifact {
            name: "name",
            wasm: contract().encode(&metadata).unwrap(),
            target: Some("a:b/c@1.0.0".to_owned()),
            sbom: Some(b"materials".to_vec()),
            created: "2026-03-12T14:30:00Z",
        };
        artifact.write(folder).unwrap();
        let layout = folder.join("name");
        let index = fs::read(layout.join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        let tagged = index["manifests"].as_array().unwrap().iter();
        let manifests = tagged.map(|tagged| blob(&layout, tagged)).collect();
        (layout, manifests)
    }

    fn blob(layout: &Path, descriptor: &Value) -> Value {
        let digest = descriptor["digest"].as_str().unwrap().replace(':', "/");
        let blob = fs::read(layout.join("blobs").join(digest)).unwrap();
        assert_eq!(descriptor["size"], blob.len());
        serde_json::from_slice(&blob).unwrap()
    }

    #[test]
    fn an_artifact_has_the_form_that_readers_of_wasm_know() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, manifests) = written(folder.path());
        let manifest = &manifests[0];
        assert_eq!(manifest["config"]["mediaType"], CONFIG);
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        let layer = &manifest["layers"][0];
        assert_eq!(layer["mediaType"], WASM);
        assert_eq!(manifest["annotations"][ANNOTATION_VERSION], "1.2.3");
        let config = blob(&layout, &manifest["config"]);
        assert_eq!(config["created"], "2026-03-12T14:30:00Z");
        assert_eq!(config["architecture"], "wasm");
        assert_eq!(config["os"], "wasip2");
        assert_eq!(config["layerDigests"], json!([layer["digest"]]));
        assert_eq!(config["component"]["target"], "a:b/c@1.0.0");
        let exports = config["component"]["exports"].as_array().unwrap();
        assert!(
            exports.contains(&json!("meraki-mv:clips/clips@0.1.0")),
            "{exports:?}"
        );
    }

    #[test]
    fn the_bill_of_materials_refers_to_its_component_and_is_named_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let (layout, manifests) = written(folder.path());
        let [manifest, referrer] = manifests.as_slice() else {
            panic!("{manifests:?}")
        };
        assert_eq!(blob(&layout, &referrer["subject"]), *manifest);
        assert_eq!(referrer["artifactType"], SBOM);
        assert_eq!(blob(&layout, &referrer["config"]), json!({}));
        let named = &manifest["annotations"][SBOM_DIGEST];
        assert_eq!(referrer["layers"][0]["digest"], *named);
    }

    #[test]
    fn the_same_input_gives_the_same_artifact() {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let index = folders.map(|folder| {
            let (layout, _) = written(folder.path());
            fs::read(layout.join("index.json")).unwrap()
        });
        assert_eq!(index[0], index[1]);
    }
}
