//! What a component asks for, gives and says of itself, read from its bytes.

use std::collections::BTreeMap;
use std::path::Path;

use wasm_metadata::Payload;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentExtern, ComponentItem};
use wasmtime::{Config, Engine, Result};

use crate::file::{self, ReadError};

/// Interfaces by name, each with the names of its functions.
pub type Interfaces = BTreeMap<String, Vec<String>>;

/// What [`inspect`] finds.
#[derive(Debug, PartialEq, Eq)]
pub struct Inspection {
    /// How long the file is, in bytes.
    pub size: usize,
    /// The interfaces that the component imports, with the functions that it uses of them.
    pub imports: Interfaces,
    /// The interfaces that it exports.
    pub exports: Interfaces,
    /// Name, version, licences and so on, as the component carries them.
    pub metadata: BTreeMap<&'static str, String>,
}

/// Why nothing is known about a component.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The bytes are something else.
    #[error("not a WebAssembly component: {0:#}")]
    NotAComponent(wasmtime::Error),
}

/// Reads a component of any world from a file.
///
/// # Errors
///
/// See [`InspectError`].
pub fn inspect_file(path: &Path) -> Result<Inspection, InspectError> {
    inspect(&file::read(path)?)
}

/// Reads a component of any world.
///
/// # Errors
///
/// [`InspectError::NotAComponent`].
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    read(bytes).map_err(InspectError::NotAComponent)
}

fn read(bytes: &[u8]) -> Result<Inspection> {
    let engine = Engine::new(&Config::new())?;
    let component = Component::new(&engine, bytes)?;
    let types = component.component_type();
    let interfaces =
        |(name, item): (&str, ComponentExtern<'_>)| (name.to_owned(), functions(&engine, item.ty));
    Ok(Inspection {
        size: bytes.len(),
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
