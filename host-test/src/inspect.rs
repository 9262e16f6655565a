//! What a component asks for, gives and says of itself, read from its bytes.

use std::collections::BTreeMap;

use wasm_metadata::Payload;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentExtern, ComponentItem};
use wasmtime::{Config, Engine, Result};

use crate::clip::LoadError;

/// Interfaces by name, each with the names of its functions.
pub type Interfaces = BTreeMap<String, Vec<String>>;

/// What [`inspect`] finds.
#[derive(Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The interfaces that the component imports, with the functions that it uses of them.
    pub imports: Interfaces,
    /// The interfaces that it exports.
    pub exports: Interfaces,
    /// Name, version, licences and so on, as the component carries them.
    pub metadata: BTreeMap<&'static str, String>,
}

/// Reads a component.
///
/// # Errors
///
/// [`LoadError::Component`] where the bytes are not a WebAssembly component.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, LoadError> {
    read(bytes).map_err(LoadError::Component)
}

fn read(bytes: &[u8]) -> Result<Inspection> {
    let engine = Engine::new(&Config::new())?;
    let component = Component::new(&engine, bytes)?;
    let types = component.component_type();
    let interfaces =
        |(name, item): (&str, ComponentExtern<'_>)| (name.to_owned(), functions(&engine, item.ty));
    Ok(Inspection {
        imports: types.imports(&engine).map(interfaces).collect(),
        exports: types.exports(&engine).map(interfaces).collect(),
        metadata: metadata(bytes)?,
    })
}

fn functions(engine: &Engine, item: ComponentItem) -> Vec<String> {
    let ComponentItem::ComponentInstance(instance) = item else {
        return Vec::new();
    };
    instance
        .exports(engine)
        .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn metadata(bytes: &[u8]) -> Result<BTreeMap<&'static str, String>> {
    let payload = Payload::from_binary(bytes).map_err(wasmtime::Error::from_anyhow)?;
    let metadata = payload.metadata();
    let entries = [
        ("name", metadata.name.clone()),
        (
            "version",
            metadata.version.as_ref().map(ToString::to_string),
        ),
        (
            "description",
            metadata.description.as_ref().map(ToString::to_string),
        ),
        (
            "licenses",
            metadata.licenses.as_ref().map(ToString::to_string),
        ),
        ("source", metadata.source.as_ref().map(ToString::to_string)),
        (
            "revision",
            metadata.revision.as_ref().map(ToString::to_string),
        ),
    ];
    Ok(entries
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect())
}
