//! Nodes of Obelisk on one PostgreSQL, with the store and the mock that the example needs.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cpu;
use crate::node::Node;
use crate::postgres::{PASSWORD, Postgres};
use crate::process::{self, Background};
use crate::programs::{Programs, example, root};
use crate::store::{SECRET, Store};

/// The workflow of the example.
const KEEP: &str = "example:incident/incidents.keep";

/// The cameras of each incident.
pub const CAMERAS: [&str; 3] = ["Q2MV-MOCK-0001", "Q2MV-MOCK-0002", "Q2MV-MOCK-0003"];

/// The ID of an alert.
pub fn alert(number: u64) -> String {
    format!("alert-{number}")
}

/// The API key, which is valid only for the mock that is started with it.
const KEY: &str = "key-of-the-mock";

/// The latency of the limited API, so that there are always clips in progress.
const LATENCY: u32 = 2000;

/// The interval between two checks of the executions.
const POLL: Duration = Duration::from_millis(200);

/// The interval between two lines of progress.
const REPORT: Duration = Duration::from_secs(10);

/// The rate limit of the API, and its clips.
#[derive(Clone, Copy)]
pub enum Api {
    /// With the rate limit of an organisation. The example stays below it.
    Limited,
    /// Without a rate limit, to measure throughput. `times` is the size of a clip, in clips of the mock.
    Unlimited { times: usize },
}

/// All processes of a test.
pub struct Cluster {
    programs: Programs,
    nodes: Vec<Node>,
    /// The number of nodes that were started.
    started: usize,
    postgres: Postgres,
    store: Store,
    base_url: String,
    _mock: Background,
    api: Api,
    folder: TempDir,
}

impl Cluster {
    /// Starts everything but a node.
    pub fn start(api: Api) -> Result<Self> {
        let programs = Programs::find()?;
        // PostgreSQL may run as another user, who needs access to its folder in this one.
        let mut folder = tempfile::Builder::new();
        folder.permissions(fs::Permissions::from_mode(0o755));
        let folder = folder.tempdir().context("cannot make a temporary folder")?;
        let postgres = Postgres::start(&programs.postgres, folder.path().join("postgres"))?;
        postgres.set_up(&example().join("setup.sql"))?;
        let store = Store::start(&programs.s3s, folder.path().join("store"))?;
        let mut args = Vec::from(CAMERAS.map(|camera| ["--serial", camera]).as_flattened());
        let clip = folder.path().join("clip.ts");
        let (clip_argument, latency) = (clip.display().to_string(), LATENCY.to_string());
        if let Api::Unlimited { times } = api {
            let short = fs::read(root().join("crates/meraki-mock/fixtures/clip.ts"));
            fs::write(&clip, short.context("cannot read the clip")?.repeat(times))?;
            args.extend(["--rate", "1000000", "--clip", &clip_argument]);
        } else {
            args.extend(["--latency", &latency]);
        }
        let mut mock = Command::new(&programs.mv_clip);
        mock.args([
            "mock",
            "-v",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--key",
            KEY,
        ]);
        mock.arg("--until-stdin-closes").args(&args);
        let (mock, address) = process::start(&mut mock, &folder.path().join("mock"))?;
        let address: Value = serde_json::from_str(&address).context("the mock has no address")?;
        let base_url = address.get("base_url").and_then(Value::as_str);
        Ok(Self {
            programs,
            nodes: Vec::new(),
            started: 0,
            postgres,
            store,
            base_url: base_url.context("the mock has no base URL")?.to_owned(),
            _mock: mock,
            api,
            folder,
        })
    }

    /// Starts one more node. The first node brings the deployment; the others find it in the database.
    pub fn add_node(&mut self) -> Result<()> {
        let example = example();
        let config = fs::read_to_string(example.join("server.toml"));
        let config = config.context("cannot read server.toml")?;
        let deployment = example.join("deployment.toml");
        let deployment = (self.started == 0).then_some(deployment);
        let mut environment = environment(&self.base_url);
        environment.extend(self.postgres.environment());
        environment.extend(self.store.environment());
        if let Api::Unlimited { .. } = self.api {
            environment.push(("PACE", "0".to_owned()));
        }
        let node = Node::start(
            &self.programs.obelisk,
            &self.node_folder(self.started),
            &config,
            deployment.as_deref(),
            &environment,
        )?;
        self.nodes.push(node);
        self.started += 1;
        Ok(())
    }

    fn node_folder(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("node-{node}"))
    }

    /// Submits motion alerts with these numbers to the nodes, round robin.
    pub fn submit(&self, alerts: Range<u64>) -> Result<()> {
        let occurred_at =
            (Utc::now() - TimeDelta::minutes(10)).to_rfc3339_opts(SecondsFormat::Secs, true);
        for (number, node) in alerts.zip(self.nodes.iter().cycle()) {
            let alert = json!({
                "id": alert(number),
                "organisation": "acme",
                "occurred_at": occurred_at,
            });
            process::read(&mut node.submit(KEEP, &json!([alert, CAMERAS])))?;
        }
        Ok(())
    }

    /// Waits until this number of executions of the workflow have finished.
    pub fn wait(&self, executions: u64, timeout: Duration) -> Result<()> {
        self.wait_for(executions, Self::finished, timeout)
    }

    /// Waits until `count` returns at least `executions`.
    pub fn wait_for(
        &self,
        executions: u64,
        count: impl Fn(&Self) -> Result<u64>,
        timeout: Duration,
    ) -> Result<()> {
        let (start, mut said) = (Instant::now(), Instant::now());
        loop {
            let finished = count(self)?;
            if finished >= executions {
                return Ok(());
            }
            if said.elapsed() > REPORT {
                eprintln!("    {finished} of {executions} executions so far");
                said = Instant::now();
            }
            ensure!(
                start.elapsed() < timeout,
                "only {finished} of {executions} executions in {timeout:?}"
            );
            thread::sleep(POLL);
        }
    }

    /// Kills the first node without warning (SIGKILL).
    pub fn kill_the_first(&mut self) -> Result<()> {
        ensure!(!self.nodes.is_empty(), "there is no node to kill");
        self.nodes.remove(0).kill()
    }

    pub fn stop_store(&mut self) {
        self.store.stop();
    }

    pub fn start_store(&mut self) -> Result<()> {
        self.store.run()
    }

    /// Kills PostgreSQL, and starts it again.
    pub fn crash_postgres(&mut self) -> Result<()> {
        self.postgres.crash()
    }

    /// How many executions of the workflow have finished.
    pub fn finished(&self) -> Result<u64> {
        self.count(&format!(
            "SELECT count(*) FROM t_state WHERE ffqn = '{KEEP}' AND state = 'finished'"
        ))
    }

    /// How many executions of `function` have succeeded (`=`) or failed (`<>`).
    pub fn executions(&self, function: &str, comparison: &str) -> Result<u64> {
        self.count(&format!(
            "SELECT count(*) FROM t_state
             WHERE ffqn LIKE '%.{function}' AND state = 'finished' AND result_kind {comparison} '\"ok\"'"
        ))
    }

    /// The count that a query of Obelisk's database returns.
    pub fn count(&self, sql: &str) -> Result<u64> {
        self.postgres.count("obelisk", sql)
    }

    /// The results of the executions of the workflow.
    pub fn results(&self) -> Result<Vec<Kept>> {
        let values = self.postgres.ask(
            "obelisk",
            &format!(
                "SELECT log.json_value #> '{{finished,retval}}'
                 FROM t_execution_log log JOIN t_state USING (execution_id)
                 WHERE ffqn = '{KEEP}' AND variant = 'finished'"
            ),
        )?;
        let parse =
            |line| serde_json::from_str(line).with_context(|| format!("an execution gave {line}"));
        values.lines().map(parse).collect()
    }

    /// The requests to the API: time and status.
    pub fn requests(&self) -> Result<Vec<Request>> {
        let log = fs::read_to_string(self.folder.path().join("mock"))?;
        let requests = log.lines().filter(|line| line.contains("/camera/clip"));
        requests.map(Request::parse).collect()
    }

    /// The database or the log of a node that contains a secret, if there is one.
    pub fn leak(&self) -> Result<Option<String>> {
        let mut written = Vec::new();
        for database in ["obelisk", "turns"] {
            let dump = process::read(self.postgres.program("pg_dump").arg(database))?;
            written.push((format!("the database {database}"), dump));
        }
        for node in 0..self.started {
            let log = fs::read_to_string(self.node_folder(node).join("log"))?;
            written.push((format!("the log of node {node}"), log));
        }
        let secrets = [KEY, SECRET, PASSWORD];
        // Obelisk stores the output of components as bytes, which are hexadecimal in a dump.
        let has = |text: &str, secret| text.contains(secret) || text.contains(&hex::encode(secret));
        let leak = written
            .into_iter()
            .find(|(_, text)| secrets.iter().any(|secret| has(text, secret)));
        Ok(leak.map(|(place, _)| place))
    }

    /// The object that was stored, as [`Store::sha256`] knows it.
    pub fn stored(&self, object: &str) -> Result<String> {
        self.store.sha256(object)
    }

    /// The CPU time of the nodes and of PostgreSQL.
    pub fn cpu(&self) -> Result<(Duration, Duration)> {
        let of = |node: &Node| cpu::of_process(node.id());
        let nodes = self.nodes.iter().map(of).sum::<Result<_>>()?;
        Ok((nodes, cpu::of_family(self.postgres.id())?))
    }

    /// The size of the API's clip, in bytes.
    pub fn size_of_a_clip(&self) -> Result<u64> {
        Ok(fs::metadata(self.folder.path().join("clip.ts"))?.len())
    }

    /// The memory of the nodes, in KiB.
    pub fn memory(&self) -> Result<u64> {
        let of = |node: &Node| {
            let mut ps = Command::new("ps");
            let rss = process::read(ps.args(["-o", "rss=", "--pid", &node.id().to_string()]))?;
            rss.parse::<u64>().with_context(|| format!("ps says {rss}"))
        };
        self.nodes.iter().map(of).sum()
    }
}

/// The environment variables with which the example finds the API.
fn environment(base_url: &str) -> Vec<(&'static str, String)> {
    let origin = base_url.strip_suffix("/api/v1").unwrap_or(base_url);
    vec![
        ("MERAKI_BASE_URL", base_url.to_owned()),
        ("MERAKI_HOSTS", origin.to_owned()),
        ("MERAKI_DASHBOARD_API_KEY", KEY.to_owned()),
    ]
}

/// How an execution of the workflow ended, as the engine writes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    Ok {
        value: Vec<CameraClip>,
    },
    #[serde(untagged)]
    Failed(Value),
}

/// The workflow's result for one camera.
#[derive(Debug, Deserialize)]
pub struct CameraClip {
    pub serial: String,
    pub outcome: Outcome,
}

/// As the engine writes a result.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok(KeptClip),
    Err(Value),
}

#[derive(Debug, Deserialize)]
pub struct KeptClip {
    pub object: String,
    pub sha256: String,
}

/// One line of the mock's log.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// In milliseconds since 1970.
    pub at: i64,
    pub status: u16,
}

impl Request {
    fn parse(line: &str) -> Result<Self> {
        let parse = || {
            let time = line.split_whitespace().next()?;
            let at = chrono::DateTime::parse_from_rfc3339(time).ok()?;
            let (_, status) = line.rsplit_once("status=")?;
            Some(Self {
                at: at.timestamp_millis(),
                status: status.parse().ok()?,
            })
        };
        parse().with_context(|| format!("the mock's log has a line that is not understood: {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_mocks_log_is_understood() {
        let line = "2026-11-24T18:40:57.171333Z  INFO host_test::mock::server: request method=GET \
                    path=\"/api/v1/devices/Q/camera/clip\" authorization=Right status=429";
        let (at, status) = (1_795_545_657_171, 429);
        assert_eq!(Request::parse(line).unwrap(), Request { at, status });
        assert!(Request::parse("status=429").is_err());
    }

    #[test]
    fn what_a_camera_came_to_is_understood() {
        let json = r#"[{"serial":"Q","outcome":{"ok":{"object":"o","bytes":1,"sha256":"s"}}},
                       {"serial":"R","outcome":{"err":"no"}}]"#;
        let clips: Vec<CameraClip> = serde_json::from_str(json).unwrap();
        assert!(matches!(
            &clips[..],
            [
                CameraClip {
                    outcome: Outcome::Ok(_),
                    ..
                },
                CameraClip {
                    outcome: Outcome::Err(_),
                    ..
                },
            ]
        ));
    }
}
