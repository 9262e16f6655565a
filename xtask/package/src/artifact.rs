//! One artifact, as an OCI image layout: a folder that registry clients copy from.
//!
//! The types are those of `oci-spec`. It keeps annotations in hash maps, so the keys are sorted here: the same input
//! gives the same bytes. `oci-client` and `oci-wasm` write to registries, not to folders.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use oci_spec::image::{
    Descriptor, Digest, ImageIndexBuilder, ImageManifest, ImageManifestBuilder, MediaType,
};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use wasm_metadata::Payload;
use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldItem, WorldKey};

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const WASM: &str = "application/wasm";
const SBOM: &str = "application/vnd.cyclonedx+json";
/// The prefix of OCI's annotations.
const OCI: &str = "org.opencontainers.image";
/// The annotation with the digest of the bill of materials, for readers that have only the manifest.
const SBOM_DIGEST: &str = "io.github.mv-clip.sbom";

/// The content of an artifact.
pub(crate) struct Artifact<'a> {
    pub(crate) name: &'a str,
    pub(crate) wasm: Vec<u8>,
    /// The world of a component.
    pub(crate) target: Option<String>,
    pub(crate) sbom: Option<Vec<u8>>,
    pub(crate) created: DateTime<Utc>,
}

impl Artifact<'_> {
    /// Writes the layout to a folder of its name in `folder`.
    pub(crate) fn write(self, folder: &Path) -> Result<()> {
        let mut layout = Layout::create(folder.join(self.name))?;
        let created = format!("{:?}", self.created);
        let layer = layout.blob(WASM, &self.wasm, Some(&format!("{}.wasm", self.name)))?;
        let (exports, imports) = interfaces(&self.wasm)?;
        let config = json!({
            "created": created,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [layer.digest().to_string()],
            "component": { "exports": exports, "imports": imports, "target": self.target },
        });
        let config = layout.blob(CONFIG, &sorted(&config)?, None)?;

        let title = format!("{}.cdx.json", self.name);
        let sbom = self.sbom.map(|sbom| layout.blob(SBOM, &sbom, Some(&title)));
        let sbom = sbom.transpose()?;
        let mut annotations = HashMap::from([
            (format!("{OCI}.title"), self.name.to_owned()),
            (format!("{OCI}.created"), created),
        ]);
        let metadata = json!(Payload::from_binary(&self.wasm)?.metadata());
        for key in ["version", "description", "licenses", "source", "revision"] {
            let text = metadata.get(key).and_then(|value| value.as_str());
            annotations.extend(text.map(|text| (format!("{OCI}.{key}"), text.to_owned())));
        }
        let digest = sbom.as_ref().map(|sbom| sbom.digest().to_string());
        annotations.extend(digest.map(|digest| (SBOM_DIGEST.to_owned(), digest)));
        let version = annotations.get(&format!("{OCI}.version")).cloned();
        let version = version.context("the component has no version")?;
        let manifest = manifest(config, layer).annotations(annotations).build()?;
        let manifest = layout.manifest(&manifest, &version)?;
        println!("{}: {}", layout.folder.display(), manifest.digest());

        if let Some(sbom) = sbom {
            // Registries with a referrers API find it by its subject. For the others, this tag is the convention, which
            // cosign introduced.
            let tag = format!("{}.sbom", manifest.digest().to_string().replace(':', "-"));
            let nothing = layout.blob(MediaType::EmptyJSON, b"{}", None)?;
            let referrer = self::manifest(nothing, sbom)
                .artifact_type(SBOM)
                .subject(manifest);
            layout.manifest(&referrer.build()?, &tag)?;
        }
        layout.finish()
    }
}

fn manifest(config: Descriptor, layer: Descriptor) -> ImageManifestBuilder {
    ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .config(config)
        .layers([layer])
}

/// The exports and imports of `wasm`, which is a component or a WIT package.
fn interfaces(wasm: &[u8]) -> Result<(Vec<String>, Vec<String>)> {
    let names = |resolve: &Resolve, items: &mut dyn Iterator<Item = (&WorldKey, &WorldItem)>| {
        items.map(|(key, _)| resolve.name_world_key(key)).collect()
    };
    Ok(match wit_component::decode(wasm)? {
        DecodedWasm::Component(resolve, world) => {
            let world = resolve.worlds.get(world).context("there is no world")?;
            let exports = names(&resolve, &mut world.exports.iter());
            (exports, names(&resolve, &mut world.imports.iter()))
        }
        DecodedWasm::WitPackage(resolve, package) => {
            let package = resolve
                .packages
                .get(package)
                .context("there is no package")?;
            let items = package.interfaces.keys().chain(package.worlds.keys());
            let items = items.map(|item| package.name.interface_id(item));
            (items.collect(), Vec::new())
        }
    })
}

/// `value` as JSON, with its keys in order.
fn sorted(value: &impl Serialize) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(&serde_json::to_value(value)?)?)
}

/// A layout that is being written.
struct Layout {
    folder: PathBuf,
    tagged: Vec<Descriptor>,
}

impl Layout {
    /// Starts a layout in `folder`, and removes what is there.
    fn create(folder: PathBuf) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(folder.join("blobs/sha256"))
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let tagged = Vec::new();
        Ok(Self { folder, tagged })
    }

    fn blob(
        &self,
        media_type: impl Into<MediaType>,
        content: &[u8],
        title: Option<&str>,
    ) -> Result<Descriptor> {
        let digest = hex::encode(Sha256::digest(content));
        fs::write(self.folder.join("blobs/sha256").join(&digest), content)?;
        let digest = Digest::from_str(&format!("sha256:{digest}"))?;
        let mut blob = Descriptor::new(media_type.into(), content.len() as u64, digest);
        let title = title.map(|title| (format!("{OCI}.title"), title.to_owned()));
        blob.set_annotations(title.map(|title| [title].into()));
        Ok(blob)
    }

    /// Adds a manifest with the name `tag`.
    fn manifest(&mut self, manifest: &ImageManifest, tag: &str) -> Result<Descriptor> {
        let manifest = self.blob(MediaType::ImageManifest, &sorted(manifest)?, None)?;
        let mut tagged = manifest.clone();
        tagged.set_annotations(Some([(format!("{OCI}.ref.name"), tag.to_owned())].into()));
        self.tagged.push(tagged);
        Ok(manifest)
    }

    /// Makes the folder a layout.
    fn finish(self) -> Result<()> {
        fs::write(
            self.folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )?;
        let index = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests(self.tagged)
            .build()?;
        Ok(fs::write(self.folder.join("index.json"), sorted(&index)?)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_slice};
    use wasm_metadata::{Metadata, Version};
    use xshell::Shell;

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
            created: DateTime::from_timestamp(1_773_325_800, 0).unwrap(),
        };
        artifact.write(folder).unwrap();
        let layout = folder.join("name");
        let index: Value = from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
        let tagged = index["manifests"].as_array().unwrap().iter();
        let manifests = tagged.map(|tagged| blob(&layout, tagged)).collect();
        (layout, manifests)
    }

    fn blob(layout: &Path, descriptor: &Value) -> Value {
        let digest = descriptor["digest"].as_str().unwrap().replace(':', "/");
        let blob = fs::read(layout.join("blobs").join(digest)).unwrap();
        assert_eq!(descriptor["size"], blob.len());
        from_slice(&blob).unwrap()
    }

    #[test]
    fn an_artifact_has_the_form_that_readers_of_wasm_know() {
        let folder = Shell::new().unwrap().create_temp_dir().unwrap();
        let (layout, manifests) = written(folder.path());
        let manifest = &manifests[0];
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        let (layer, annotations) = (&manifest["layers"][0], &manifest["annotations"]);
        assert_eq!(layer["mediaType"], "application/wasm");
        assert_eq!(annotations["org.opencontainers.image.version"], "1.2.3");
        assert_eq!(
            annotations["org.opencontainers.image.created"],
            "2026-03-12T14:30:00Z"
        );
        let config = blob(&layout, &manifest["config"]);
        assert_eq!(config["created"], "2026-03-12T14:30:00Z");
        assert_eq!(
            (&config["architecture"], &config["os"]),
            (&json!("wasm"), &json!("wasip2"))
        );
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
        let folder = Shell::new().unwrap().create_temp_dir().unwrap();
        let (layout, manifests) = written(folder.path());
        let [manifest, referrer] = manifests.as_slice() else {
            panic!("{manifests:?}")
        };
        assert_eq!(blob(&layout, &referrer["subject"]), *manifest);
        assert_eq!(referrer["artifactType"], SBOM);
        assert_eq!(blob(&layout, &referrer["config"]), json!({}));
        assert_eq!(
            referrer["layers"][0]["digest"],
            manifest["annotations"][SBOM_DIGEST]
        );
    }

    #[test]
    fn the_same_input_gives_the_same_artifact_in_place_of_the_first() {
        let folder = Shell::new().unwrap().create_temp_dir().unwrap();
        let files = |layout: &Path| fs::read_dir(layout.join("blobs/sha256")).unwrap().count();
        let (layout, first) = written(folder.path());
        let count = files(&layout);
        fs::write(layout.join("blobs/sha256/old"), "old").unwrap();
        assert_eq!(first, written(folder.path()).1);
        assert_eq!(files(&layout), count);
    }
}
