//! `host-test inspect`: what a component asks for, gives and says of itself.

use anyhow::Context;
use host_test::inspect::{Inspection, inspect};
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
    let bytes = std::fs::read(path).with_context(|| {
        format!(
            "cannot read {}; `cargo xtask build` makes it",
            path.display()
        )
    })?;
    let inspection = inspect(&bytes).with_context(|| path.display().to_string())?;
    if args.json {
        let Inspection {
            imports,
            exports,
            metadata,
        } = &inspection;
        println!(
            "{}",
            json!({ "size": bytes.len(), "imports": imports, "exports": exports, "metadata": metadata })
        );
        return Ok(());
    }
    println!("{}: {} bytes", path.display(), bytes.len());
    for (title, interfaces) in [
        ("imports", &inspection.imports),
        ("exports", &inspection.exports),
    ] {
        println!("\n{title}");
        for (interface, functions) in interfaces {
            println!("  {interface}");
            for function in functions {
                println!("    {function}");
            }
        }
    }
    println!("\nmetadata");
    for (name, value) in &inspection.metadata {
        println!("  {name}: {value}");
    }
    Ok(())
}
