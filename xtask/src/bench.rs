//! Compares the component with other clients: installs them, and runs the benchmark.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::cmd;

use crate::component::{self, WORLDS};
use crate::steps::{self, Steps};
use crate::workspace::{CLI, COMPONENT_VARIABLE, Workspace};

/// The other clients, from the workspace's root.
const PEERS: &str = "host-test/benches/peers";

/// Builds the component and runs the benchmark. Clients that cannot be installed here are left out.
pub(crate) fn all(steps: &mut Steps, workspace: &Workspace) -> Result<()> {
    component::build(steps, workspace, &WORLDS)?;
    let (shell, folder) = (&workspace.shell, workspace.target.join("bench"));
    fs::create_dir_all(&folder)?;
    let mut setup = |runtime: &'static str| {
        let script = workspace.root.join("ci/bench.sh");
        let component = workspace.component();
        let script = cmd!(shell, "bash {script} {runtime} {component} {folder}");
        let program = steps.run(&format!("setup of {runtime}"), || steps::script(script));
        program.ok_or_else(|| format!("the set-up of {runtime} was skipped or failed"))
    };
    let (python, node) = (setup("python"), setup("node"));
    let list = folder.join("peers.json");
    fs::write(
        &list,
        peers(&workspace.root.join(PEERS), &folder, &python, &node),
    )?;
    let (package, _) = CLI;
    let bench = cmd!(
        shell,
        "cargo bench --package {package} --bench speed -- --peers {list}"
    );
    steps.command(
        "bench",
        bench.env(COMPONENT_VARIABLE, workspace.component()),
    );
    Ok(())
}

/// Tells the benchmark, in JSON, how to start each client, or why it is missing.
fn peers(
    scripts: &Path,
    built: &Path,
    python: &Result<String, String>,
    node: &Result<String, String>,
) -> String {
    let script = |name: &str| scripts.join(name);
    let jco = built.join("jco/mv-clip.js");
    let peers = [
        ("sdk", python, vec![script("sdk.py")]),
        (
            "sdk-smart-flow",
            python,
            vec![script("sdk.py"), PathBuf::from("--smart-flow")],
        ),
        ("sample-python", python, vec![script("sample.py")]),
        ("sample-node", node, vec![script("sample.mjs")]),
        ("component-node", node, vec![script("component.mjs"), jco]),
    ];
    // What Rust prints of a string or a list of paths is JSON.
    let peers = peers.map(|(name, program, arguments)| match program {
        Ok(program) => {
            format!(r#"{{"name":{name:?},"program":{program:?},"arguments":{arguments:?}}}"#)
        }
        Err(missing) => format!(r#"{{"name":{name:?},"missing":{missing:?}}}"#),
    });
    format!("[{}]\n", peers.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benchmark_is_told_how_to_start_each_client_or_why_not() {
        let (python, node) = (Err("no python3".to_owned()), Ok("/bin/node".to_owned()));
        let list = peers(Path::new("/peers"), Path::new("/built"), &python, &node);
        let lines: Vec<_> = list.lines().collect();
        assert_eq!(lines[0], r#"[{"name":"sdk","missing":"no python3"},"#);
        let last = r#""program":"/bin/node","arguments":["/peers/component.mjs", "/built/jco/mv-clip.js"]}]"#;
        assert!(lines[4].ends_with(last), "{list}");
    }
}
