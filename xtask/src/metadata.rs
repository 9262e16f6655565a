//! What a component says about itself, in the custom sections that wasm-tools and OCI clients read.
//!
//! `wasm-metadata` writes the same sections, but every command would wait for the forty crates that it brings.

use anyhow::{Context, Result};
use wasm_encoder::{Component, ComponentNameSection, CustomSection, RawSection};
use wasmparser::{Parser, Payload};
use xshell::cmd;

use crate::steps;
use crate::workspace::{GUEST, Workspace};

/// The names that the component linker gives to everything that it connects: 5 KB that `strip` in the profile
/// leaves, because it reaches only the module inside.
const NAMES: &str = "component-name";

#[derive(Debug)]
pub(crate) struct Metadata {
    description: String,
    /// The commit that was built, if nothing differs from it.
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
            revision: revision(workspace),
        })
    }

    /// The component `wasm` with this metadata, and without the linker's names.
    pub(crate) fn write_into(&self, wasm: &[u8]) -> Result<Vec<u8>> {
        let mut component = without_names(wasm)?;
        let mut names = ComponentNameSection::new();
        names.component(GUEST);
        component.section(&names);
        let sections = [
            ("description", Some(self.description.as_str())),
            ("licenses", Some(env!("CARGO_PKG_LICENSE"))),
            ("source", Some(env!("CARGO_PKG_REPOSITORY"))),
            ("revision", self.revision.as_deref()),
            ("version", Some(env!("CARGO_PKG_VERSION"))),
        ];
        for (name, text) in sections {
            if let Some(text) = text {
                let (name, data) = (name.into(), text.as_bytes().into());
                component.section(&CustomSection { name, data });
            }
        }
        Ok(component.finish())
    }
}

/// The commit of the workspace, if git knows it and no file differs from it.
fn revision(workspace: &Workspace) -> Option<String> {
    let git = |args: &[&str]| {
        let git = cmd!(workspace.shell, "git {args...}").ignore_stderr();
        steps::read(git).ok()
    };
    // Unpacked inside another project's repository, the workspace is not part of its commits.
    git(&["ls-files", "--error-unmatch", "Cargo.toml"])?;
    if !git(&["status", "--porcelain"])?.is_empty() {
        eprintln!("without a revision, because files differ from the commit (git status)");
        return None;
    }
    git(&["rev-parse", "HEAD"])
}

fn without_names(wasm: &[u8]) -> Result<Component> {
    let mut component = Component::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let outermost = depth == 0;
        match &payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if section.name() == NAMES => continue,
            _ => {}
        }
        if let Some((id, range)) = payload.as_section()
            && outermost
            && let Some(data) = wasm.get(usize::try_from(range.start)?..usize::try_from(range.end)?)
        {
            component.section(&RawSection { id, data });
        }
    }
    Ok(component)
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{Module, ModuleSection};

    use super::*;

    fn custom<'a>(name: &'a str, data: &'a [u8]) -> CustomSection<'a> {
        CustomSection {
            name: name.into(),
            data: data.into(),
        }
    }

    /// A component around a module with a custom section, and perhaps with names of its own.
    fn component(named: bool) -> Vec<u8> {
        let mut module = Module::new();
        module.section(&custom(NAMES, b"of the module"));
        let mut component = Component::new();
        component.section(&ModuleSection(&module));
        if named {
            let mut names = ComponentNameSection::new();
            names.component("of the linker");
            component.section(&names);
        }
        component.section(&custom("producers", b"kept"));
        component.finish()
    }

    #[test]
    fn the_names_of_the_linker_go_and_all_else_stays() {
        let without_names = |wasm: &[u8]| without_names(wasm).unwrap().finish();
        assert_eq!(without_names(&component(true)), component(false));
        assert_eq!(without_names(&component(false)), component(false));
        assert!(super::without_names(b"#!/bin/sh").is_err());
    }

    #[test]
    fn everything_that_is_known_is_written() {
        let metadata = Metadata {
            description: "Video".to_owned(),
            revision: Some("0123abcd".to_owned()),
        };
        let wasm = metadata.write_into(&component(true)).unwrap();
        let sections = Parser::new(0).parse_all(&wasm).filter_map(|payload| {
            let Payload::CustomSection(section) = payload.unwrap() else {
                return None;
            };
            let data = String::from_utf8_lossy(section.data()).into_owned();
            Some((section.name().to_owned(), data))
        });
        let sections: Vec<_> = sections.collect();
        for (name, data) in [
            ("description", "Video"),
            ("licenses", "MIT OR Apache-2.0"),
            ("revision", "0123abcd"),
            ("version", env!("CARGO_PKG_VERSION")),
        ] {
            assert!(
                sections.contains(&(name.to_owned(), data.to_owned())),
                "{sections:?}"
            );
        }
        // Its own, and not that of the linker.
        let names = sections
            .iter()
            .filter(|(name, data)| name == NAMES && data.ends_with(GUEST));
        assert_eq!(names.count(), 1);
    }
}
