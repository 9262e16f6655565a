//! The clients that the benchmark compares the component with: what each is, and how to start it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::step::Tool;

/// A client for the benchmark. `host-test/benches/peers/protocol.py` says how it is talked with.
#[derive(Debug, Serialize)]
pub(crate) struct Peer {
    /// What the benchmark knows it by.
    pub(crate) name: &'static str,
    #[serde(flatten)]
    start: Start,
}

/// How a peer is started, or why not.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Start {
    /// With this program and these arguments; the API's base URL and a serial number follow them.
    With {
        program: PathBuf,
        arguments: Vec<PathBuf>,
    },
    /// Not at all, because of what the machine lacks.
    Without { missing: String },
}

impl Peer {
    fn new<const N: usize>(
        name: &'static str,
        program: &Tool<PathBuf>,
        arguments: [PathBuf; N],
    ) -> Self {
        let start = match program {
            Tool::Ready(program) => Start::With {
                program: program.clone(),
                arguments: arguments.into(),
            },
            Tool::Unavailable(why) => Start::Without {
                missing: why.clone(),
            },
        };
        Self { name, start }
    }

    /// Why the peer is missing, where it is.
    pub(crate) fn missing(&self) -> Option<&str> {
        match &self.start {
            Start::With { .. } => None,
            Start::Without { missing } => Some(missing),
        }
    }
}

/// Every peer, by the scripts in the folder `scripts`, and by what jco made of the component.
pub(crate) fn all(
    scripts: &Path,
    transpiled: &Path,
    python: &Tool<PathBuf>,
    node: &Tool<PathBuf>,
) -> [Peer; 5] {
    let script = |file| scripts.join(file);
    [
        Peer::new("sdk", python, [script("sdk.py")]),
        Peer::new(
            "sdk-smart-flow",
            python,
            [script("sdk.py"), "--smart-flow".into()],
        ),
        Peer::new("sample-python", python, [script("sample.py")]),
        Peer::new("sample-node", node, [script("sample.mjs")]),
        Peer::new(
            "component-node",
            node,
            [script("component.mjs"), transpiled.to_owned()],
        ),
    ]
}

/// Writes the JSON `file` that tells the benchmark about `peers`.
///
/// # Errors
///
/// A path is not UTF-8, or the file cannot be written.
pub(crate) fn write(file: &Path, peers: &[Peer]) -> Result<()> {
    let failed = || format!("cannot write {}", file.display());
    let json = serde_json::to_vec_pretty(peers).with_context(failed)?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    fs::write(file, json).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;

    #[test]
    fn the_benchmark_is_told_how_to_start_each_peer_or_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bench/peers.json");
        let python = Tool::Unavailable("there is no python3".to_owned());
        let node = Tool::Ready(PathBuf::from("/bin/node"));
        let peers = all(Path::new("/peers"), Path::new("/jco.js"), &python, &node);
        write(&file, &peers).unwrap();

        let written: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let missing = |name| json!({ "name": name, "missing": "there is no python3" });
        let script = |file| Path::new("/peers").join(file);
        assert_eq!(
            written,
            json!([
                missing("sdk"),
                missing("sdk-smart-flow"),
                missing("sample-python"),
                {
                    "name": "sample-node",
                    "program": "/bin/node",
                    "arguments": [script("sample.mjs")],
                },
                {
                    "name": "component-node",
                    "program": "/bin/node",
                    "arguments": [script("component.mjs"), "/jco.js"],
                },
            ])
        );
        let missing = peers.iter().filter_map(Peer::missing);
        assert_eq!(missing.collect::<Vec<_>>(), ["there is no python3"; 3]);
    }

    #[test]
    fn every_peer_has_its_script() {
        let workspace = crate::workspace::Workspace::load().unwrap();
        let scripts = crate::bench::scripts(&workspace);
        let here = Tool::Ready(PathBuf::new());
        for peer in all(&scripts, Path::new("jco.js"), &here, &here) {
            let Start::With { arguments, .. } = peer.start else {
                panic!("{peer:?}")
            };
            assert!(arguments[0].is_file(), "{arguments:?}");
        }
    }
}
