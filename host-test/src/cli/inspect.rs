//! `mv-clip inspect`: the interfaces and the metadata of a component.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::anyhow;
use mv_clip_host::read_component;
use serde_json::json;
use tokio::task::spawn_blocking;
use wasm_metadata::Payload;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentExtern, ComponentItem};
use wasmtime::{Config, Engine};

use super::deadline::{self, Deadline};
use super::options::ComponentFile;
use super::output::{print, print_json};
use super::settings::unreadable;
use super::stop::Stop;
use super::stopped::Limit;

/// Print the imports, exports, size and metadata of a component
#[derive(clap::Args)]
#[command(after_help = deadline::help(deadline::OF_INSPECT))]
pub(super) struct Args {
    #[command(flatten)]
    component: ComponentFile,

    /// Print the result, or the error, as one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    deadline: Deadline,
}

pub(super) async fn run(args: &Args, stop: &Stop) -> anyhow::Result<()> {
    let path = &args.component.component;
    let limit = Limit {
        time: args.deadline.or(deadline::of_inspect()),
        resumes: false,
        json: args.json,
    };
    let file = path.clone();
    let inspected = spawn_blocking(move || -> anyhow::Result<Inspection> {
        let bytes = read_component(&file).map_err(unreadable)?;
        inspect(&bytes).map_err(|error| anyhow!("not a WebAssembly component: {error:#}"))
    });
    let Inspection {
        size,
        imports,
        exports,
        metadata,
    } = stop.bound(limit, async { inspected.await? }).await?;
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
