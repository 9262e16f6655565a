//! `mv-clip inspect`: the interfaces and the metadata of a component.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::anyhow;
use serde_json::json;
use wasm_metadata::Payload;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentExtern, ComponentItem};
use wasmtime::{Config, Engine};

use super::options::ComponentFile;
use super::output::{print, print_json};
use super::settings::BUILD;

/// Print the imports, exports, size and metadata of a component
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    component: ComponentFile,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let path = &args.component.component;
    let bytes = std::fs::read(path).map_err(|error| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        anyhow!(
            "cannot read the component {}: {error}. {BUILD}",
            path.display()
        )
    })?;
    let Inspection {
        size,
        imports,
        exports,
        metadata,
    } = inspect(&bytes).map_err(|error| anyhow!("not a WebAssembly component: {error:#}"))?;
    if args.json {
        let json =
            json!({ "size": size, "imports": imports, "exports": exports, "metadata": metadata });
        return Ok(print_json(&json)?);
    }
    let mut text = format!("{}: {size} bytes\n", path.display());
    for (title, interfaces) in [("imports", &imports), ("exports", &exports)] {
        writeln!(text, "\n{title}")?;
        for (interface, functions) in interfaces {
            writeln!(text, "  {interface}")?;
            for function in functions {
                writeln!(text, "    {function}")?;
            }
        }
    }
    writeln!(text, "\nmetadata")?;
    for (name, value) in &metadata {
        writeln!(text, "  {name}: {value}")?;
    }
    Ok(print(&text)?)
}

/// Interfaces by name, each with the names of its functions.
type Interfaces = BTreeMap<String, Vec<String>>;

/// The interfaces and the metadata of a component.
struct Inspection {
    /// The length of the file, in bytes.
    size: usize,
    /// The interfaces that the component imports, with the functions that it uses.
    imports: Interfaces,
    /// The interfaces that it exports.
    exports: Interfaces,
    /// Name, version, licences and so on.
    metadata: BTreeMap<&'static str, String>,
}

fn inspect(bytes: &[u8]) -> wasmtime::Result<Inspection> {
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

fn metadata(bytes: &[u8]) -> wasmtime::Result<BTreeMap<&'static str, String>> {
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
