//! Takes out of a component what only a debugger would read.

use anyhow::Result;
use wasm_encoder::{Component, RawSection};
use wasmparser::{Parser, Payload};

/// The names that the component linker gives to everything that it wires up: 5 KB that `strip` in
/// the profile leaves, because it reaches the module inside only.
const NAMES: &str = "component-name";

/// The component `wasm` without its section of names.
///
/// # Errors
///
/// `wasm` is not a WebAssembly component.
pub(crate) fn names(wasm: &[u8]) -> Result<Vec<u8>> {
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
    Ok(component.finish())
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{ComponentNameSection, CustomSection, Module, ModuleSection};

    use super::*;

    fn component(named: bool) -> Vec<u8> {
        let mut module = Module::new();
        module.section(&CustomSection {
            name: NAMES.into(),
            data: b"of the module".into(),
        });
        let mut component = Component::new();
        component.section(&ModuleSection(&module));
        if named {
            let mut names = ComponentNameSection::new();
            names.component("a-name");
            component.section(&names);
        }
        component.section(&CustomSection {
            name: "producers".into(),
            data: b"kept".into(),
        });
        component.finish()
    }

    #[test]
    fn names_go_and_all_else_stays() {
        assert_eq!(names(&component(true)).unwrap(), component(false));
        assert_eq!(names(&component(false)).unwrap(), component(false));
    }

    #[test]
    fn other_files_are_refused() {
        assert!(names(b"#!/bin/sh").is_err());
    }
}
