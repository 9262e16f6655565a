//! Object storage: s3s-fs, which keeps objects as files and checks signatures.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::node::free_port;
use crate::process::{self, Background};

/// The timeout for the store's start.
const PATIENCE: Duration = Duration::from_secs(30);

const BUCKET: &str = "footage";
const KEY_ID: &str = "key-id-of-the-store";
/// The credentials of the store that is started with it.
pub(crate) const SECRET: &str = "secret-of-the-store";

/// A store that keeps its objects in a folder. It ends when this value is dropped.
pub(crate) struct Store {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Option<Background>,
}

impl Store {
    /// Starts an empty store in `folder`, which must not exist yet.
    pub(crate) fn start(program: &Path, folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(folder.join(BUCKET)).context("cannot make a folder for the store")?;
        let mut store = Self {
            program: program.to_owned(),
            folder,
            port: free_port()?,
            process: None,
        };
        store.run()?;
        Ok(store)
    }

    /// Stops the store until [`Store::run`].
    pub(crate) fn stop(&mut self) {
        self.process = None;
    }

    /// Starts the store.
    pub(crate) fn run(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command
            .args(["--host", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--access-key", KEY_ID, "--secret-key", SECRET])
            .arg(&self.folder);
        let log = self.folder.join("log");
        let mut process = process::start_with_log(&command, &log)?;
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let ended = process.0.try_wait()?.is_some();
            ensure!(
                !ended && start.elapsed() < PATIENCE,
                "the store does not listen; it says: {}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(20));
        }
        self.process = Some(process);
        Ok(())
    }

    /// The environment variables with which the example finds the store.
    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("S3_ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("S3_BUCKET", BUCKET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// The SHA-256 of the stored object.
    pub(crate) fn sha256(&self, object: &str) -> Result<String> {
        let content = fs::read(self.folder.join(BUCKET).join(object))
            .with_context(|| format!("{object} is not in the store"))?;
        Ok(hex::encode(Sha256::digest(content)))
    }
}
