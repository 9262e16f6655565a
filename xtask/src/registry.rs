//! Pushes the artifacts to a registry on this machine, and pulls them again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::apt;
use crate::package::Artifact;
use crate::process::{self, Background};
use crate::programs::{self, REGISTRY, SKOPEO};
use crate::step::Tool;
use crate::workspace::Workspace;

/// For how long a registry may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// The programs that the check takes.
#[derive(Debug)]
pub(crate) struct Tools {
    registry: PathBuf,
    skopeo: PathBuf,
}

/// Finds skopeo and a registry, which is unpacked from Debian's package where it is not here.
pub(crate) fn install(workspace: &Workspace) -> Tool<Tools> {
    let Some(skopeo) = SKOPEO.find() else {
        return Tool::Unavailable(programs::lack(&[SKOPEO]).unwrap_or_default());
    };
    let folder = workspace.target().join("docker-registry");
    let unpacked = folder.join("usr/bin/docker-registry");
    if let Some(registry) = REGISTRY
        .find()
        .or_else(|| unpacked.is_file().then(|| unpacked.clone()))
    {
        return Tool::Ready(Tools { registry, skopeo });
    }
    match apt::unpack(workspace, "docker-registry", &folder) {
        Ok(()) => Tool::Ready(Tools {
            registry: unpacked,
            skopeo,
        }),
        Err(error) => {
            eprintln!("    {error:#}");
            Tool::Unavailable(programs::lack(&[REGISTRY]).unwrap_or_default())
        }
    }
}

/// Pushes each artifact to a registry that is empty and ends with this, and pulls it again.
///
/// # Errors
///
/// The registry does not start, or does not take an artifact, or what comes back differs.
pub(crate) fn check(workspace: &Workspace, tools: &Tools, artifacts: &[Artifact]) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder for the registry")?;
    let registry = Registry::start(workspace, &tools.registry, folder.path())?;
    let skopeo = |args: &[&str]| {
        let mut skopeo = workspace.command(&tools.skopeo, ["--insecure-policy", "copy", "--quiet"]);
        process::run(skopeo.arg("--preserve-digests").args(args))
    };
    for artifact in artifacts {
        for (tag, content) in &artifact.contents {
            let layout = format!("oci:{}:{tag}", artifact.layout.display());
            let address = format!(
                "docker://{}/{}:{tag}",
                registry.address, artifact.repository
            );
            skopeo(&["--dest-tls-verify=false", &layout, &address])?;
            let pulled = tempfile::tempdir_in(&folder)?;
            let to = format!("dir:{}", pulled.path().display());
            skopeo(&["--src-tls-verify=false", &address, &to])?;
            let file = pulled.path().join(hex::encode(Sha256::digest(content)));
            ensure!(
                fs::read(file).is_ok_and(|pulled| pulled == *content),
                "{address} is not what was pushed"
            );
        }
    }
    Ok(())
}

/// A registry that listens, at the latest until this value ends.
struct Registry {
    /// Its host and port.
    address: String,
    _process: Background,
}

impl Registry {
    /// Starts a registry on a free port of 127.0.0.1, with all that it keeps in `folder`.
    fn start(workspace: &Workspace, program: &Path, folder: &Path) -> Result<Self> {
        let config = json!({
            "version": "0.1",
            "log": { "accesslog": { "disabled": true }, "formatter": "json" },
            "storage": { "filesystem": { "rootdirectory": folder.join("store") } },
            "http": { "addr": "127.0.0.1:0" },
        });
        // JSON is YAML.
        let file = folder.join("config.yml");
        fs::write(&file, config.to_string())?;
        let log = folder.join("log");
        let mut command = workspace.command(program, ["serve"]);
        let mut process = process::start(command.arg(file).stderr(File::create(&log)?))?;
        let start = Instant::now();
        loop {
            let said = fs::read_to_string(&log)?;
            if let Some(address) = listening(&said) {
                return Ok(Self {
                    address: address.to_owned(),
                    _process: process,
                });
            }
            let ended = process.0.try_wait()?.is_some();
            ensure!(
                !ended && start.elapsed() < PATIENCE,
                "the registry does not listen; it said: {said}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The address in what the registry says once it listens.
fn listening(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("listening on ")?;
    rest.split_once('"').map(|(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_once_it_is_whole() {
        let said = r#"{"level":"info","msg":"listening on 127.0.0.1:40749","time":"now"}"#;
        assert_eq!(listening(said), Some("127.0.0.1:40749"));
        assert_eq!(listening(said.split_at(48).0), None);
        assert_eq!(listening(""), None);
    }
}
