//! What the component says about itself.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use cargo_metadata::Package;
use wasm_metadata::{
    AddMetadata, AddMetadataField, Description, Licenses, Revision, Source, Version,
};

use crate::process;
use crate::workspace::{GUEST, Workspace};

/// The metadata of the component, from its manifest and from git.
#[derive(Debug)]
pub(crate) struct About {
    version: String,
    description: String,
    /// An SPDX expression.
    licences: String,
    /// The URL of the repository.
    source: String,
    /// The commit that was built, if it is known and nothing was changed since.
    revision: Option<String>,
}

impl About {
    /// What is known about the guest of this workspace.
    ///
    /// # Errors
    ///
    /// Its manifest leaves a value out.
    pub(crate) fn of(workspace: &Workspace) -> Result<Self> {
        Self::new(workspace.guest()?, revision(workspace))
    }

    fn new(guest: &Package, revision: Option<String>) -> Result<Self> {
        let value = |name: &str, value: &Option<String>| {
            value
                .clone()
                .with_context(|| format!("the manifest of `{GUEST}` has no `{name}`"))
        };
        Ok(Self {
            version: guest.version.to_string(),
            description: value("description", &guest.description)?,
            licences: value("license", &guest.license)?,
            source: value("repository", &guest.repository)?,
            revision,
        })
    }

    /// The component `wasm` with this metadata.
    ///
    /// # Errors
    ///
    /// `wasm` is not WebAssembly, or the licence or the URL is not well-formed.
    pub(crate) fn write_into(&self, wasm: &[u8]) -> Result<Vec<u8>> {
        self.write_as(GUEST, wasm)
    }

    /// `wasm` with this metadata, under another name.
    ///
    /// # Errors
    ///
    /// As [`About::write_into`].
    pub(crate) fn write_as(&self, name: &str, wasm: &[u8]) -> Result<Vec<u8>> {
        let mut metadata = AddMetadata::default();
        metadata.name = AddMetadataField::Set(name.to_owned());
        metadata.version = AddMetadataField::Set(Version::new(self.version.clone()));
        metadata.description = AddMetadataField::Set(Description::new(self.description.clone()));
        metadata.licenses = AddMetadataField::Set(Licenses::new(&self.licences)?);
        metadata.source = AddMetadataField::Set(Source::new(&self.source)?);
        if let Some(revision) = &self.revision {
            metadata.revision = AddMetadataField::Set(Revision::new(revision.clone()));
        }
        metadata.to_wasm(wasm)
    }

    /// The same as annotations of OCI's image specification.
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        let known = [
            ("version", &self.version),
            ("description", &self.description),
            ("licenses", &self.licences),
            ("source", &self.source),
        ];
        let revision = self.revision.iter().map(|revision| ("revision", revision));
        known
            .into_iter()
            .chain(revision)
            .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.clone()))
            .collect()
    }
}

/// The commit of the workspace, if git knows it and nothing differs from it: a revision that does
/// not lead to the source is worse than none.
fn revision(workspace: &Workspace) -> Option<String> {
    let git = |args: &[&str]| process::read(&mut workspace.command("git", args)).ok();
    // Unpacked inside another project's repository, the workspace is not part of its commits.
    git(&["ls-files", "--error-unmatch", "Cargo.toml"])?;
    let changes = git(&["status", "--porcelain"])?;
    if !changes.is_empty() {
        eprintln!("    without its revision, because files differ from the commit (git status)");
        return None;
    }
    git(&["rev-parse", "HEAD"])
}

#[cfg(test)]
mod tests {
    use wasm_metadata::{Metadata, Payload};

    use super::*;

    /// The smallest component: magic number, version, layer.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn about() -> About {
        About {
            version: "1.2.3".into(),
            description: "Video".into(),
            licences: "MIT OR Apache-2.0".into(),
            source: "https://example.com/source".into(),
            revision: Some("0123abcd".into()),
        }
    }

    fn read_back(wasm: &[u8]) -> Metadata {
        match Payload::from_binary(wasm).unwrap() {
            Payload::Component { metadata, .. } => metadata,
            Payload::Module(_) => panic!("a component became a module"),
        }
    }

    #[test]
    fn everything_written_is_read_back() {
        let metadata = read_back(&about().write_into(EMPTY).unwrap());
        let text = |value: Option<&dyn ToString>| value.map(ToString::to_string);
        assert_eq!(metadata.name.as_deref(), Some(GUEST));
        for (value, expected) in [
            (text(metadata.version.as_ref().map(|v| v as _)), "1.2.3"),
            (text(metadata.description.as_ref().map(|v| v as _)), "Video"),
            (
                text(metadata.licenses.as_ref().map(|v| v as _)),
                "MIT OR Apache-2.0",
            ),
            (
                text(metadata.source.as_ref().map(|v| v as _)),
                "https://example.com/source",
            ),
            (text(metadata.revision.as_ref().map(|v| v as _)), "0123abcd"),
        ] {
            assert_eq!(value.as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_unknown_revision_is_left_out() {
        let about = About {
            revision: None,
            ..about()
        };
        assert!(
            read_back(&about.write_into(EMPTY).unwrap())
                .revision
                .is_none()
        );
    }

    #[test]
    fn the_same_input_gives_the_same_bytes() {
        let once = about().write_into(EMPTY).unwrap();
        assert_eq!(once, about().write_into(EMPTY).unwrap());
    }

    #[test]
    fn the_annotations_say_the_same() {
        let annotations = about().annotations();
        for (key, expected) in [
            ("version", "1.2.3"),
            ("description", "Video"),
            ("licenses", "MIT OR Apache-2.0"),
            ("source", "https://example.com/source"),
            ("revision", "0123abcd"),
        ] {
            let key = format!("org.opencontainers.image.{key}");
            assert_eq!(annotations.get(&key).map(String::as_str), Some(expected));
        }
        assert_eq!(annotations.len(), 5);
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        assert!(about().write_into(b"not wasm").is_err());
        for wrong in [
            About {
                licences: "Beer".into(),
                ..about()
            },
            About {
                source: "no URL".into(),
                ..about()
            },
        ] {
            assert!(wrong.write_into(EMPTY).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_guests_manifest_has_every_value() {
        let workspace = Workspace::load().unwrap();
        let about = About::new(workspace.guest().unwrap(), None).unwrap();
        assert_eq!(about.version, env!("CARGO_PKG_VERSION"));
        assert_eq!(about.source, env!("CARGO_PKG_REPOSITORY"));
        assert_eq!(about.licences, env!("CARGO_PKG_LICENSE"));
        about.write_into(EMPTY).unwrap();
    }
}
