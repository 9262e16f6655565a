//! An OCI image layout: a folder that registry clients copy from.
//!
//! The types are those of `oci-spec`, which keeps annotations in hash maps: sorted, the same input gives the same
//! bytes. No library that writes such a folder was found that neither packs each layer as a tar archive nor needs
//! OpenSSL.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use oci_spec::image::{
    ANNOTATION_REF_NAME, Descriptor, Digest, ImageIndexBuilder, MediaType, OciLayoutBuilder,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// A layout that is being written.
#[derive(Debug)]
pub(crate) struct Layout {
    folder: PathBuf,
    tagged: Vec<Descriptor>,
}

impl Layout {
    /// Begins a layout in `folder`, in place of what is there.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder.join("blobs/sha256"))
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            tagged: Vec::new(),
        })
    }

    /// Adds `content`.
    pub(crate) fn blob(&self, media_type: MediaType, content: &[u8]) -> Result<Descriptor> {
        let digest = hex::encode(Sha256::digest(content));
        fs::write(self.folder.join("blobs/sha256").join(&digest), content)?;
        let digest = Digest::from_str(&format!("sha256:{digest}"))?;
        Ok(Descriptor::new(media_type, content.len() as u64, digest))
    }

    /// Adds `value` as JSON.
    pub(crate) fn json(&self, media_type: MediaType, value: &impl Serialize) -> Result<Descriptor> {
        self.blob(media_type, &sorted(value)?)
    }

    /// Adds a manifest with the name `tag`.
    pub(crate) fn manifest(&mut self, manifest: &impl Serialize, tag: &str) -> Result<Descriptor> {
        let manifest = self.json(MediaType::ImageManifest, manifest)?;
        self.tagged
            .push(annotated(manifest.clone(), ANNOTATION_REF_NAME, tag));
        Ok(manifest)
    }

    /// Completes the layout.
    pub(crate) fn finish(self) -> Result<()> {
        let version = OciLayoutBuilder::default()
            .image_layout_version("1.0.0")
            .build()?;
        fs::write(self.folder.join("oci-layout"), sorted(&version)?)?;
        let index = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests(self.tagged)
            .build()?;
        Ok(fs::write(self.folder.join("index.json"), sorted(&index)?)?)
    }
}

/// The same descriptor with one more annotation.
pub(crate) fn annotated(mut descriptor: Descriptor, key: &str, value: &str) -> Descriptor {
    let mut annotations = descriptor.annotations().clone().unwrap_or_default();
    annotations.insert(key.to_owned(), value.to_owned());
    descriptor.set_annotations(Some(annotations));
    descriptor
}

/// `value` as JSON, with its keys in order.
fn sorted(value: &impl Serialize) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(&serde_json::to_value(value)?)?)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn keys_are_in_order() {
        let keys: Vec<_> = (0..100).map(|key| format!("{key:02}")).collect();
        let map: HashMap<_, _> = keys.iter().map(|key| (key, 0)).collect();
        let json = String::from_utf8(sorted(&map).unwrap()).unwrap();
        let found = json.split('"').skip(1).step_by(2);
        assert!(found.eq(keys), "{json}");
    }

    #[test]
    fn what_was_there_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = &parent.path().join("layout");
        let layout = Layout::create(folder).unwrap();
        layout.blob(MediaType::EmptyJSON, b"{}").unwrap();
        Layout::create(folder).unwrap().finish().unwrap();
        let blobs = fs::read_dir(folder.join("blobs/sha256")).unwrap();
        assert_eq!(blobs.count(), 0);
    }
}
