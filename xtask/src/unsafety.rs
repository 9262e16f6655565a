//! That no source has `unsafe` of its own: each package denies it, and generated code alone is excepted.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// Where bindings are generated, in a module each.
const GENERATED: [&str; 4] = [
    "examples/http-handler/src/lib.rs",
    "examples/obelisk/destination/src/lib.rs",
    "examples/obelisk/workflow/src/lib.rs",
    "src/component/mod.rs",
];

/// Looks at all sources and manifests of the repository.
///
/// # Errors
///
/// One of them lets `unsafe` pass, or cannot be read.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let root = workspace.root();
    let mut files = Vec::new();
    collect(root, &mut files)?;
    for file in files {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file);
        let passes = if file.extension().is_some_and(|end| end == "toml") {
            denies(&text)
        } else if GENERATED
            .iter()
            .any(|generated| name == Path::new(generated))
        {
            excepts_bindings_alone(&text)
        } else {
            !text.contains(&lint())
        };
        ensure!(passes, "{} lets unsafe code pass", name.display());
    }
    Ok(())
}

/// In two parts, so that this file does not name it.
fn lint() -> String {
    ["unsafe", "code"].join("_")
}

/// Whether a manifest turns the lint on, by itself or by its workspace.
fn denies(manifest: &str) -> bool {
    let itself = format!("{} = \"deny\"\n", lint());
    manifest.contains(&itself) || manifest.contains("[lints]\nworkspace = true\n")
}

fn excepts_bindings_alone(source: &str) -> bool {
    let exception = format!("#[expect({}, reason = \"generated from ", lint());
    let after = source.split_once(&exception).map(|(_, after)| after);
    let module = after.and_then(|after| after.split_once('\n'));
    module.is_some_and(|(_, module)| module.starts_with("mod bindings {\n"))
        && source.matches("unsafe").count() == 1
}

/// The Rust sources and manifests in a folder and below it, what others made left out.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            // Cargo marks the folders that it builds in.
            let is_built = path.join("CACHEDIR.TAG").exists();
            if !is_built && !name.starts_with('.') && !["node_modules", "target"].contains(&&*name)
            {
                collect(&path, files)?;
            }
        } else if name == "Cargo.toml" || name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_keeps_to_it() {
        let workspace = Workspace::load().unwrap();
        let mut files = Vec::new();
        collect(workspace.root(), &mut files).unwrap();
        for generated in GENERATED {
            assert!(
                files.contains(&workspace.root().join(generated)),
                "{generated}"
            );
        }
        check(&workspace).unwrap();
    }

    #[test]
    fn only_bindings_are_excepted() {
        let lint = lint();
        let bindings = format!(
            "#[expect({lint}, reason = \"generated from wit/\")]\nmod bindings {{\n}}\nfn f() {{}}\n"
        );
        assert!(excepts_bindings_alone(&bindings));
        for other in [
            bindings.replace("mod bindings", "mod ours"),
            bindings.replace("fn f()", "unsafe fn f()"),
            bindings.replace("generated from", "faster than"),
            bindings.clone() + &bindings,
            "fn f() {}".to_owned(),
        ] {
            assert!(!excepts_bindings_alone(&other), "{other}");
        }
    }

    #[test]
    fn a_manifest_says_so_itself_or_leaves_it_to_its_workspace() {
        let lint = lint();
        assert!(denies(&format!("[lints.rust]\n{lint} = \"deny\"\n")));
        assert!(denies("[lints]\nworkspace = true\n"));
        assert!(!denies(&format!("[lints.rust]\n{lint} = \"warn\"\n")));
        assert!(!denies("[package]\nname = \"x\"\n"));
    }
}
