//! `mv-clip inspect`: the interfaces and the metadata of a component.

use std::fmt::Write;

use mv_clip_host::inspect::{Inspection, inspect_file};
use serde_json::json;

use super::options::ComponentFile;
use super::output::{print, print_json};

/// Prints the imports, exports, size and metadata of a component
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
    let Inspection {
        size,
        imports,
        exports,
        metadata,
    } = inspect_file(path)?;
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
