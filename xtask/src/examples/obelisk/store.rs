//! Object storage: s3s-fs, which keeps objects as files and checks signatures.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};

use super::node::free_port;
use crate::cargo_tool::CargoProgram;
use crate::process::{self, Background};
use crate::workspace::Workspace;

pub(super) const S3S: CargoProgram = CargoProgram {
    package: "s3s-fs",
    version: "0.14.1",
    features: "binary",
};

/// For how long the store may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

const BUCKET: &str = "footage";
const KEY_ID: &str = "key-id-of-the-store";
/// Signs for the store that is started with it.
pub(super) const SECRET: &str = "secret-of-the-store";

/// A store that listens, at the latest until this value ends.
pub(super) struct Store {
    port: u16,
    bucket: PathBuf,
    _process: Background,
}

impl Store {
    /// Starts an empty store that keeps its objects in `folder`, which must not be there yet.
    pub(super) fn start(workspace: &Workspace, program: &Path, folder: &Path) -> Result<Self> {
        let bucket = folder.join(BUCKET);
        fs::create_dir_all(&bucket).context("cannot make a folder for the store")?;
        let port = free_port()?;
        let mut command = workspace.command(program, ["--host", "127.0.0.1", "--port"]);
        command
            .arg(port.to_string())
            .args(["--access-key", KEY_ID, "--secret-key", SECRET])
            .arg(folder);
        let log = folder.join("log");
        let mut process = process::start_with_log(&command, &log)?;
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = process.0.try_wait()?.is_some();
            ensure!(
                !ended && start.elapsed() < PATIENCE,
                "the store does not listen; it says: {}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            port,
            bucket,
            _process: process,
        })
    }

    /// What the example takes to find the store.
    pub(super) fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("S3_ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("S3_BUCKET", BUCKET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// The SHA-256 of what is stored as `object`.
    pub(super) fn sha256(&self, object: &str) -> Result<String> {
        let content = fs::read(self.bucket.join(object))
            .with_context(|| format!("{object} is not in the store"))?;
        Ok(hex::encode(Sha256::digest(content)))
    }
}
