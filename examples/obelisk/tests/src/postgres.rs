//! A PostgreSQL server for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::{self, Background};

/// The timeout for the server's start.
const PATIENCE: Duration = Duration::from_secs(30);

/// The superuser.
const SUPERUSER: &str = "postgres";
/// The role that the example makes.
const ROLE: &str = "obelisk";
/// Valid only for the server that is started with it.
pub(crate) const PASSWORD: &str = "a-password-of-the-database";

/// A server that listens on a socket in its own folder. It ends when this value is dropped.
pub(crate) struct Postgres {
    home: Home,
    process: Background,
}

impl Postgres {
    /// Starts an empty server in `folder`, which must not exist yet.
    pub(crate) fn start(programs: &Path, folder: PathBuf) -> Result<Self> {
        fs::create_dir(&folder).context("cannot make a folder for PostgreSQL")?;
        let home = Home {
            programs: programs.to_owned(),
            folder,
            // PostgreSQL refuses to run as root.
            is_root: process::read(Command::new("id").arg("-u"))? == "0",
        };
        home.set_up()?;
        let process = home.run()?;
        let postgres = Self { home, process };
        postgres.wait_until_ready()?;
        Ok(postgres)
    }

    /// Kills the server and starts it again, so that it recovers its databases.
    pub(crate) fn crash(&mut self) -> Result<()> {
        let id = self.id().to_string();
        process::read(Command::new("kill").args(["-QUIT", &id]))?;
        self.process
            .0
            .wait()
            .context("cannot wait for PostgreSQL")?;
        self.process = self.home.run()?;
        self.wait_until_ready()
    }

    fn wait_until_ready(&self) -> Result<()> {
        let start = Instant::now();
        while self.ask("postgres", "SELECT 1").is_err() {
            ensure!(
                start.elapsed() < PATIENCE,
                "PostgreSQL does not answer; it says: {}",
                fs::read_to_string(self.home.log()).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The environment variables with which PostgreSQL's programs and the example find the server.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("PGHOST", self.home.folder.display().to_string()),
            ("PGUSER", ROLE.to_owned()),
            ("PGPASSWORD", PASSWORD.to_owned()),
        ]
    }

    /// Runs the file `sql` as the superuser.
    pub(crate) fn set_up(&self, sql: &Path) -> Result<()> {
        let mut psql = self.psql();
        psql.arg("--set").arg(format!("password={PASSWORD}"));
        process::read(psql.arg("--file").arg(sql)).map(drop)
    }

    /// The result of `sql`: rows as lines, columns separated by `|`.
    pub(crate) fn ask(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.psql();
        process::read(psql.args(["--dbname", database, "--command", sql]))
    }

    /// As the superuser.
    fn psql(&self) -> Command {
        let mut psql = self.program("psql");
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
            .args(["--set", "ON_ERROR_STOP=1", "--username", SUPERUSER]);
        psql
    }

    /// The number that `sql` returns.
    pub(crate) fn count(&self, database: &str, sql: &str) -> Result<u64> {
        let answer = self.ask(database, sql)?;
        answer
            .parse()
            .with_context(|| format!("`{sql}` gave {answer}"))
    }

    /// One of PostgreSQL's programs for clients.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.home.programs.join(name));
        command.envs(self.environment());
        command
    }

    /// The server's first process.
    pub(crate) fn id(&self) -> u32 {
        self.process.0.id()
    }
}

impl Drop for Postgres {
    /// Shuts the server down cleanly, because its shared memory outlives its processes.
    fn drop(&mut self) {
        let id = self.id().to_string();
        // Both fail only for a server that has ended.
        let _ = process::read(Command::new("kill").args(["-INT", &id]));
        let _ = self.process.0.wait();
    }
}

/// Where the server's files are, and as whom it runs.
struct Home {
    programs: PathBuf,
    folder: PathBuf,
    is_root: bool,
}

impl Home {
    /// Creates an empty database cluster.
    fn set_up(&self) -> Result<()> {
        let password = self.folder.join("password");
        fs::write(&password, PASSWORD)?;
        if self.is_root {
            let mut chown = Command::new("chown");
            process::read(chown.args(["-R", "postgres"]).arg(&self.folder))?;
        }
        let mut initdb = self.command("initdb");
        initdb
            .args(["--username", SUPERUSER])
            .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
            .args(["--no-instructions", "--pwfile"])
            .arg(password);
        process::read(&mut initdb).map(drop)
    }

    /// Runs the server.
    fn run(&self) -> Result<Background> {
        let mut postgres = self.command("postgres");
        let socket = format!("unix_socket_directories={}", self.folder.display());
        postgres.args(["-c", "listen_addresses=", "-c", &socket]);
        process::start_with_log(&postgres, &self.log())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// One of PostgreSQL's programs for servers.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if self.is_root {
            let mut as_user = Command::new("setpriv");
            as_user
                .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
                // The parent-death signal does not survive a change of user.
                .args(["--pdeathsig=INT", "--"])
                .arg(program);
            as_user
        } else {
            Command::new(program)
        };
        command
            .current_dir(&self.folder)
            .arg("-D")
            .arg(self.folder.join("data"));
        command
    }
}
