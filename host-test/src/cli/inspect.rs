//! `mv-clip inspect`: what a component asks for, gives and says of itself.

use mv_clip_host::inspect::{Inspection, inspect_file};
use serde_json::json;

use super::ComponentFile;

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
    let inspection = inspect_file(path)?;
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
