//! One process of Obelisk.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::{self, Background};
use crate::programs::root;

/// The timeout for a node's start: it compiles the components first.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running node. It ends when this value is dropped.
pub(crate) struct Node {
    program: PathBuf,
    address: String,
    process: Background,
}

impl Node {
    /// Starts a node that keeps its configuration, its log and its compiled code in `folder`.
    ///
    /// `config` is what its server is told beside its address, and `deployment` what it runs; without one, what its
    /// database says.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        config: &str,
        deployment: Option<&Path>,
        environment: &[(&'static str, String)],
    ) -> Result<Self> {
        fs::create_dir_all(folder).context("cannot make a folder for a node")?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let cache = toml(&root().join("target/examples/obelisk"));
        // Keys without a table come first.
        let config = format!(
            "api.listening_addr = \"{address}\"\n\
             wasm.cache_directory = {cache}\n\
             wasm.codegen_cache.directory = {cache}\n\
             {config}"
        );
        let file = folder.join("server.toml");
        fs::write(&file, config)?;
        let log = folder.join("log");
        let mut command = Command::new(program);
        command
            .args(["server", "run", "--server-config"])
            .arg(file)
            .envs(environment.iter().map(|(k, v)| (k, v)));
        if let Some(deployment) = deployment {
            command.arg("--deployment").arg(deployment);
        }
        let process = process::start_with_log(&command, &log)?;
        let mut node = Self {
            program: program.to_owned(),
            address,
            process,
        };
        node.wait_until_ready(&log)?;
        Ok(node)
    }

    fn wait_until_ready(&mut self, log: &Path) -> Result<()> {
        let start = Instant::now();
        loop {
            let said = fs::read_to_string(log)?;
            if said.contains("Obelisk is ready") {
                return Ok(());
            }
            let ended = self.process.0.try_wait()?.is_some();
            ensure!(
                !ended && start.elapsed() < PATIENCE,
                "Obelisk is not ready; it says: {said}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// A call of `function` with the JSON array `arguments`.
    pub(crate) fn submit(&self, function: &str, arguments: &serde_json::Value) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["execution", "submit", "--api-url"])
            .arg(format!("http://{}", self.address))
            .args([function, &arguments.to_string()])
            // Errors are only shown, not searched.
            .env("RUST_BACKTRACE", "0");
        command
    }

    /// Kills the node without warning (SIGKILL).
    pub(crate) fn kill(mut self) -> Result<()> {
        self.process.0.kill().context("cannot kill a node")?;
        self.process.0.wait().context("cannot wait for a node")?;
        Ok(())
    }

    /// The node's process.
    pub(crate) fn id(&self) -> u32 {
        self.process.0.id()
    }
}

/// `path` as a string in TOML.
pub(crate) fn toml(path: &Path) -> String {
    // A JSON string is one, too.
    serde_json::Value::from(path.display().to_string()).to_string()
}

/// A free port.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}
