//! Nodes of Obelisk on one PostgreSQL, with the store and the mock that the example needs.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::node::Node;
use super::postgres::Postgres;
use super::store::{SECRET, Store};
use super::{FOLDER, Tools};
use crate::examples::{size, text};
use crate::harness::Harness;
use crate::mock::{KEY, Mock};
use crate::process;
use crate::workspace::Workspace;

/// The workflow of the example.
const KEEP: &str = "example:incident/incidents.keep";

/// The cameras of each incident.
pub(super) const CAMERAS: [&str; 3] = ["Q2MV-MOCK-0001", "Q2MV-MOCK-0002", "Q2MV-MOCK-0003"];

/// Between two looks at how far the executions are.
const LOOK: Duration = Duration::from_millis(200);

/// Between two words about it.
const SAY: Duration = Duration::from_secs(10);

/// How fast the API may be asked, and what it gives.
#[derive(Clone, Copy)]
pub(super) enum Api {
    /// As fast as the organisation's limit allows, which the example stays below.
    Limited,
    /// As fast as it goes, to see how fast that is: clips of so many times the mock's own.
    Unlimited { times: usize },
}

/// All that runs.
pub(super) struct Cluster<'a> {
    workspace: &'a Workspace,
    tools: &'a Tools,
    nodes: Vec<Node>,
    postgres: Postgres,
    store: Store,
    mock: Mock,
    api: Api,
    folder: TempDir,
}

impl<'a> Cluster<'a> {
    /// Starts everything but a node.
    pub(super) fn start(workspace: &'a Workspace, tools: &'a Tools, api: Api) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        // PostgreSQL may run as somebody else, who has to get to its folder in this one.
        let mut chmod = workspace.command("chmod", ["755"]);
        process::read(chmod.arg(folder.path()))?;
        let postgres = Postgres::start(workspace, &tools.postgres, folder.path().join("postgres"))?;
        let setup = workspace.root().join(FOLDER).join("setup.sql");
        let mut psql = postgres.program("psql");
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f"]);
        process::read(psql.arg(setup))?;
        let store = Store::start(workspace, &tools.s3s, &folder.path().join("store"))?;
        let mut args = Vec::from(CAMERAS.map(|camera| ["--serial", camera]).as_flattened());
        let clip = folder.path().join("clip.ts");
        let clip_argument = clip.display().to_string();
        if let Api::Unlimited { times } = api {
            let short = fs::read(workspace.root().join("host-test/fixtures/clip.ts"));
            fs::write(&clip, short.context("cannot read the clip")?.repeat(times))?;
            args.extend(["--rate", "1000000", "--clip", &clip_argument]);
        }
        let harness = Harness::build(workspace)?;
        let mock = Mock::with_log(&harness, &args, &folder.path().join("mock"))?;
        Ok(Self {
            workspace,
            tools,
            nodes: Vec::new(),
            postgres,
            store,
            mock,
            api,
            folder,
        })
    }

    /// Starts a further node. The first brings the deployment, the others find it in the database.
    pub(super) fn add_node(&mut self) -> Result<()> {
        let example = self.workspace.root().join(FOLDER);
        let config = fs::read_to_string(example.join("server.toml"));
        let config = config.context("cannot read server.toml")?;
        let deployment = example.join("deployment.toml");
        let deployment = self.nodes.is_empty().then_some(deployment);
        let mut environment = environment(self.mock.base_url());
        environment.extend(self.postgres.environment());
        environment.extend(self.store.environment());
        if let Api::Unlimited { .. } = self.api {
            environment.push(("PACE", "0".to_owned()));
        }
        let node = Node::start(
            self.workspace,
            &self.tools.obelisk,
            &self
                .folder
                .path()
                .join(format!("node-{}", self.nodes.len())),
            &config,
            deployment.as_deref(),
            &environment,
        )?;
        self.nodes.push(node);
        Ok(())
    }

    /// Has the nodes, in turn, take `incidents` motion alerts.
    pub(super) fn submit(&self, incidents: u64) -> Result<()> {
        let occurred_at = text(Utc::now() - TimeDelta::minutes(10));
        for (incident, node) in (0..incidents).zip(self.nodes.iter().cycle()) {
            let alert = json!({
                "id": format!("alert-{incident}"),
                "organisation": "acme",
                "occurred_at": occurred_at,
            });
            process::read(&mut node.submit(KEEP, &json!([alert, CAMERAS])))?;
        }
        Ok(())
    }

    /// Waits until so many executions of the workflow have finished.
    pub(super) fn wait(&self, executions: u64, patience: Duration) -> Result<()> {
        let (start, mut said) = (Instant::now(), Instant::now());
        loop {
            let finished = self.finished()?;
            if finished >= executions {
                return Ok(());
            }
            if said.elapsed() >= SAY {
                eprintln!("    {finished} of {executions} executions have finished");
                said = Instant::now();
            }
            ensure!(
                start.elapsed() < patience,
                "only {finished} of {executions} executions finished in {patience:?}"
            );
            thread::sleep(LOOK);
        }
    }

    /// Ends the first node as a power cut does.
    pub(super) fn kill_the_first(&mut self) -> Result<()> {
        ensure!(!self.nodes.is_empty(), "there is no node to kill");
        self.nodes.remove(0).kill()
    }

    /// How many executions of the workflow have finished.
    pub(super) fn finished(&self) -> Result<u64> {
        self.count(&format!(
            "SELECT count(*) FROM t_state WHERE ffqn = '{KEEP}' AND state = 'finished'"
        ))
    }

    /// What Obelisk's database counts.
    pub(super) fn count(&self, sql: &str) -> Result<u64> {
        self.postgres.count("obelisk", sql)
    }

    /// What each execution of the workflow gave, each time that it finished.
    pub(super) fn results(&self) -> Result<Vec<Vec<CameraClip>>> {
        let values = self.postgres.ask(
            "obelisk",
            &format!(
                "SELECT log.json_value #> '{{finished,retval,ok,value}}'
                 FROM t_execution_log log JOIN t_state USING (execution_id)
                 WHERE ffqn = '{KEEP}' AND variant = 'finished'"
            ),
        )?;
        let parse = |line| serde_json::from_str(line).with_context(|| format!("it gave {line}"));
        values.lines().map(parse).collect()
    }

    /// What was asked of the API: when, and with which status.
    pub(super) fn requests(&self) -> Result<Vec<Request>> {
        let log = fs::read_to_string(self.folder.path().join("mock"))?;
        let requests = log.lines().filter(|line| line.contains("/camera/clip"));
        requests.map(Request::parse).collect()
    }

    /// Whether a dump of Obelisk's database has the API key, or the store's secret, in it.
    pub(super) fn knows_a_secret(&self) -> Result<bool> {
        let dump = process::read(self.postgres.program("pg_dump").arg("obelisk"))?;
        Ok(dump.contains(KEY) || dump.contains(SECRET))
    }

    /// The object that was stored, as [`Store::sha256`] knows it.
    pub(super) fn stored(&self, object: &str) -> Result<String> {
        self.store.sha256(object)
    }

    /// How long the nodes and how long PostgreSQL have computed, in seconds.
    pub(super) fn cpu(&self) -> Result<(u64, u64)> {
        let server = self.postgres.id().to_string();
        // A connection is a process of its own.
        let postgres = ps("cputimes=", &["--pid", &server, "--ppid", &server])?;
        Ok((self.of_nodes("cputimes=")?, postgres))
    }

    /// The size of the clip that the API gives, in bytes.
    pub(super) fn size_of_a_clip(&self) -> Result<u64> {
        size(&self.folder.path().join("clip.ts"))
    }

    /// How much memory the nodes have now, in KiB.
    pub(super) fn memory(&self) -> Result<u64> {
        self.of_nodes("rss=")
    }

    fn of_nodes(&self, what: &str) -> Result<u64> {
        let of = |node: &Node| ps(what, &["--pid", &node.id().to_string()]);
        self.nodes.iter().map(of).sum()
    }
}

/// What the example takes to find the API.
pub(super) fn environment(base_url: &str) -> Vec<(&'static str, String)> {
    let origin = base_url.strip_suffix("/api/v1").unwrap_or(base_url);
    vec![
        ("MERAKI_BASE_URL", base_url.to_owned()),
        ("MERAKI_HOSTS", origin.to_owned()),
        ("MERAKI_DASHBOARD_API_KEY", KEY.to_owned()),
    ]
}

/// The sum of `what` over the processes that `which` chooses.
fn ps(what: &str, which: &[&str]) -> Result<u64> {
    let mut ps = Command::new("ps");
    let numbers = process::read(ps.args(["-o", what]).args(which))?;
    let numbers = numbers.lines().map(|line| line.trim().parse::<u64>());
    let sum = numbers.sum::<Result<u64, _>>();
    sum.context("ps says something else than numbers")
}

/// What the workflow says of one camera.
#[derive(Debug, Deserialize)]
pub(super) struct CameraClip {
    pub(super) serial: String,
    pub(super) outcome: Outcome,
}

/// As the engine writes a result.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Ok(KeptClip),
    Err(Value),
}

#[derive(Debug, Deserialize)]
pub(super) struct KeptClip {
    pub(super) object: String,
    pub(super) sha256: String,
}

/// One line of the mock's log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// In milliseconds since 1970.
    pub(super) at: i64,
    pub(super) status: u16,
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
