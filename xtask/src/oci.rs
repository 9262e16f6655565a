//! An OCI image layout: a folder that registry clients copy from. As much of it as artifacts need.
//!
//! `oci-spec` keeps annotations in hash maps: the same input would give other bytes each time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The config of an artifact that has none.
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";

pub(crate) type Annotations = BTreeMap<String, String>;

/// What a blob is, and how to find it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    media_type: &'static str,
    pub(crate) digest: String,
    size: usize,
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    annotations: Annotations,
}

impl Descriptor {
    /// The same with one more annotation.
    pub(crate) fn annotated(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }
}

/// One artifact: its config, its files, and what is said about it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    schema_version: u8,
    media_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<&'static str>,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    /// The artifact that this one is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub(crate) annotations: Annotations,
}

impl Manifest {
    /// An artifact of one file.
    pub(crate) fn new(config: Descriptor, layer: Descriptor) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST,
            artifact_type: None,
            config,
            layers: vec![layer],
            subject: None,
            annotations: Annotations::new(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

/// A layout that is being written.
#[derive(Debug)]
pub(crate) struct Layout {
    folder: PathBuf,
    tagged: Vec<Descriptor>,
}

impl Layout {
    /// Begins a layout in `folder`, in place of what is there.
    ///
    /// # Errors
    ///
    /// The folder cannot be emptied or made.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        let create = || {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
            fs::create_dir_all(folder.join("blobs/sha256"))
        };
        create().with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            tagged: Vec::new(),
        })
    }

    /// Keeps `content`.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(crate) fn blob(&self, media_type: &'static str, content: &[u8]) -> Result<Descriptor> {
        let digest = hex::encode(Sha256::digest(content));
        self.write(&format!("blobs/sha256/{digest}"), content)?;
        Ok(Descriptor {
            media_type,
            digest: format!("sha256:{digest}"),
            size: content.len(),
            annotations: Annotations::new(),
        })
    }

    /// Keeps `value` as JSON.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(crate) fn json(
        &self,
        media_type: &'static str,
        value: &impl Serialize,
    ) -> Result<Descriptor> {
        self.blob(media_type, &serde_json::to_vec(value)?)
    }

    /// Gives `manifest` the name `tag`.
    pub(crate) fn tag(&mut self, manifest: Descriptor, tag: &str) {
        let named = manifest.annotated("org.opencontainers.image.ref.name", tag);
        self.tagged.push(named);
    }

    /// Makes the folder a layout.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.write("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let index = Index {
            schema_version: 2,
            media_type: INDEX,
            manifests: std::mem::take(&mut self.tagged),
        };
        self.write("index.json", &serde_json::to_vec(&index)?)
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let file = self.folder.join(name);
        fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(folder: &Path, file: &str) -> Value {
        serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap()
    }

    fn blob(folder: &Path, descriptor: &Value) -> Vec<u8> {
        let digest = descriptor["digest"].as_str().unwrap();
        let content = fs::read(folder.join("blobs").join(digest.replace(':', "/"))).unwrap();
        assert_eq!(
            digest,
            format!("sha256:{}", hex::encode(Sha256::digest(&content)))
        );
        assert_eq!(descriptor["size"], content.len());
        content
    }

    #[test]
    fn every_descriptor_leads_to_its_content() {
        let parent = tempfile::tempdir().unwrap();
        let folder = &parent.path().join("layout");
        let mut layout = Layout::create(folder).unwrap();
        let config = layout.json("application/config", &json!({})).unwrap();
        let layer = layout.blob("application/wasm", b"\0asm").unwrap();
        let layer = layer.annotated("b", "2").annotated("a", "1");
        let manifest = Manifest::new(config, layer);
        let manifest = layout.json(MANIFEST, &manifest).unwrap();
        layout.tag(manifest, "1.2.3");
        layout.finish().unwrap();

        assert_eq!(read(folder, "oci-layout")["imageLayoutVersion"], "1.0.0");
        let tagged = &read(folder, "index.json")["manifests"][0];
        let tag = &tagged["annotations"]["org.opencontainers.image.ref.name"];
        assert_eq!(tag, "1.2.3");
        let manifest: Value = serde_json::from_slice(&blob(folder, tagged)).unwrap();
        assert_eq!(manifest["mediaType"], MANIFEST);
        assert_eq!(blob(folder, &manifest["config"]), b"{}");
        let layer = &manifest["layers"][0];
        assert_eq!(blob(folder, layer), b"\0asm");
        assert_eq!(layer["annotations"], json!({ "a": "1", "b": "2" }));
    }

    #[test]
    fn what_was_there_is_gone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = &parent.path().join("layout");
        Layout::create(folder).unwrap().blob("a", b"old").unwrap();
        Layout::create(folder).unwrap().finish().unwrap();
        let blobs = fs::read_dir(folder.join("blobs/sha256")).unwrap();
        assert_eq!(blobs.count(), 0);
    }
}
