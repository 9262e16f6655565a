//! The metadata of a component, in the custom sections that wasm-tools and OCI clients read.

use anyhow::{Context, Result};
use wasm_encoder::{ComponentSection, CustomSection};
use wasm_metadata::{AddMetadata, AddMetadataField};
use xshell::cmd;

use crate::workspace::{GUEST, Workspace};
use crate::{dependencies, steps};

pub(crate) struct Metadata {
    description: String,
    dependencies: Vec<u8>,
    /// The commit, if no file differs from it.
    revision: Option<String>,
}

impl Metadata {
    pub(crate) fn of(workspace: &Workspace) -> Result<Self> {
        let manifest = std::fs::read_to_string(workspace.root.join("Cargo.toml"))?;
        let description = manifest
            .lines()
            .find_map(|line| line.strip_prefix("description = \"")?.strip_suffix('"'));
        let description = description.context("the manifest has no description")?;
        Ok(Self {
            description: description.to_owned(),
            dependencies: dependencies::section(workspace)?,
            revision: revision(workspace),
        })
    }

    /// The component `wasm` with this metadata.
    pub(crate) fn write_into(&self, wasm: &[u8]) -> Result<Vec<u8>> {
        // Removes the linker's names, which are 5 KB. `strip` in the profile does not: it strips only the inner
        // module.
        let mut names = AddMetadata::default();
        names.name = AddMetadataField::Clear;
        let wasm = names.to_wasm(wasm)?;
        names.name = AddMetadataField::Set(GUEST.to_owned());
        let mut wasm = names.to_wasm(&wasm)?;
        let sections = [
            ("description", Some(self.description.as_bytes())),
            ("licenses", Some(env!("CARGO_PKG_LICENSE").as_bytes())),
            ("source", Some(env!("CARGO_PKG_REPOSITORY").as_bytes())),
            ("revision", self.revision.as_deref().map(str::as_bytes)),
            ("version", Some(env!("CARGO_PKG_VERSION").as_bytes())),
            (".dep-v0", Some(&self.dependencies)),
        ];
        for (name, data) in sections {
            if let Some(data) = data {
                let (name, data) = (name.into(), data.into());
                CustomSection { name, data }.append_to_component(&mut wasm);
            }
        }
        Ok(wasm)
    }
}

/// The commit of the workspace, if git knows it and no file differs from it.
fn revision(workspace: &Workspace) -> Option<String> {
    let git = |args: &[&str]| {
        let git = cmd!(workspace.shell, "git {args...}").ignore_stderr();
        steps::read(git).ok()
    };
    // The workspace may have been unpacked inside another project's repository. Then it is not part of its commits.
    git(&["ls-files", "--error-unmatch", "Cargo.toml"])?;
    if !git(&["status", "--porcelain"])?.is_empty() {
        eprintln!(
            "the component gets no revision, because files differ from the commit (git status)"
        );
        return None;
    }
    git(&["rev-parse", "HEAD"])
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{Component, ComponentNameSection};

    use super::*;

    #[test]
    fn what_is_known_is_written_in_place_of_the_names_of_the_linker() {
        let mut component = Component::new();
        let mut names = ComponentNameSection::new();
        names.component("of the linker");
        component.section(&names);
        let metadata = Metadata {
            description: "Video".to_owned(),
            dependencies: b"compressed".to_vec(),
            revision: Some("0123abcd".to_owned()),
        };
        let wasm = metadata.write_into(&component.finish()).unwrap();
        let has = |text: &str| wasm.windows(text.len()).any(|part| part == text.as_bytes());
        for text in [
            GUEST,
            "descriptionVideo",
            "licensesMIT OR",
            "revision0123abcd",
            ".dep-v0compressed",
            "version",
        ] {
            assert!(has(text), "{text}");
        }
        assert!(!has("of the linker"));
        assert!(metadata.write_into(b"#!/bin/sh").is_err());
    }
}
