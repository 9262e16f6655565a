//! `mv-clip inspect`: what a component asks for, gives and says of itself.

use std::collections::BTreeMap;

use anyhow::anyhow;
use serde_json::json;
use wasm_metadata::Payload;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentExtern, ComponentItem};
use wasmtime::{Config, Engine};

use super::ComponentFile;
use super::settings::BUILD;

/// Prints a component's imports and exports, its size and its metadata.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    component: ComponentFile,

    /// Print one JSON object.
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
    let inspection =
        inspect(&bytes).map_err(|error| anyhow!("not a WebAssembly component: {error:#}"))?;
    if args.json {
        let Inspection {
            size,
            imports,
            exports,
            metadata,
        } = &inspection;
        say!(
            "{}",
            json!({ "size": size, "imports": imports, "exports": exports, "metadata": metadata })
        );
        return Ok(());
    }
    say!("{}: {} bytes", path.display(), inspection.size);
    for (title, interfaces) in [
        ("imports", &inspection.imports),
        ("exports", &inspection.exports),
    ] {
        say!("\n{title}");
        for (interface, functions) in interfaces {
            say!("  {interface}");
            for function in functions {
                say!("    {function}");
            }
        }
    }
    say!("\nmetadata");
    for (name, value) in &inspection.metadata {
        say!("  {name}: {value}");
    }
    Ok(())
}

/// Interfaces by name, each with the names of its functions.
type Interfaces = BTreeMap<String, Vec<String>>;

/// What a component asks for, gives and says of itself.
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
