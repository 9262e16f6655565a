//! Runs in one folder that are killed at any moment.

use std::path::Path;
use std::time::Duration;

use meraki_mock::{Camera, MockConfig};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tokio::process::Child;
use tokio::time::sleep;

use super::command::{ago, command, json, run, words};
use super::folder;
use crate::support::World;

const PROCESSES: usize = 8;

/// How many processes are killed. More: `MV_CLIP_KILLS=200 cargo test -p mv-clip-cli --test it killed`.
fn kills() -> usize {
    let given = std::env::var("MV_CLIP_KILLS").ok();
    given.map_or(20, |kills| kills.parse().unwrap())
}

/// A range of three clips, which no other command asks for.
fn arguments(process: usize, turn: usize, out: &str) -> Vec<String> {
    let serial = format!("Q2MV-{process:04}-0000");
    let minutes = 20 + 15 * i64::try_from(turn).unwrap();
    let (start, end) = (ago(minutes + 15), ago(minutes));
    [
        "range", &serial, "--start", &start, "--end", &end, "--out", out,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Variables of a command's environment.
type Variables<'a> = [(&'a str, &'a str)];

fn start(world: &World, arguments: &[String], variables: &Variables<'_>) -> Child {
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut command = command(world, &arguments);
    command.envs(variables.iter().copied()).spawn().unwrap()
}

/// The whole lines of the log.
fn lines(folder: &Path) -> Vec<u8> {
    let log = std::fs::read(folder.join("log.jsonl")).unwrap_or_default();
    let end = log.iter().rposition(|byte| *byte == b'\n');
    log[..end.map_or(0, |end| end + 1)].to_vec()
}

/// The process that has the folder: the last one that began a run.
fn writer(log: &[u8]) -> Option<usize> {
    let lines = log.rsplit(|byte| *byte == b'\n');
    let mut entries = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let run = entries.find(|entry| entry["type"] == "run")?;
    let serial = run["windows"][0]["serial"].as_str()?;
    serial.split('-').nth(1)?.parse().ok()
}

pub(super) async fn eight_processes_are_killed(kills: usize, variables: &Variables<'_>) {
    let seed = rand::random();
    println!("{kills} kills, seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let cameras = (0..PROCESSES).map(|n| Camera::new(format!("Q2MV-{n:04}-0000")));
    let config = MockConfig::default().cameras(cameras.collect());
    let (world, folder) = (World::with(config).await, folder());
    let out = folder.path().to_str().unwrap();

    let mut commands = Vec::new();
    let mut running = Vec::new();
    for process in 0..PROCESSES {
        let arguments = arguments(process, 0, out);
        running.push((start(&world, &arguments, variables), 0));
        commands.push(arguments);
    }
    let mut before = Vec::new();
    let mut killed = 0;
    while killed < kills {
        sleep(Duration::from_millis(random.random_range(0..250))).await;
        // The others only wait.
        let process = match writer(&lines(folder.path())) {
            Some(writer) if random.random_bool(0.8) => writer,
            _ => random.random_range(0..PROCESSES),
        };
        let (child, turn) = &mut running[process];
        if child.try_wait().unwrap().is_none() {
            // SIGKILL.
            child.kill().await.unwrap();
            killed += 1;
        }
        *turn += 1;
        let arguments = arguments(process, *turn, out);
        *child = start(&world, &arguments, variables);
        commands.push(arguments);
        let now = lines(folder.path());
        assert!(now.starts_with(&before), "a record is gone");
        before = now;
    }
    drop(running);

    for arguments in &commands {
        let output = start(&world, arguments, variables).wait_with_output();
        let output = output.await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    }
    assert!(lines(folder.path()).starts_with(&before));
    let verified = run(&world, &["verify", out, "--json"]).await;
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    assert_eq!(json(&verified)["files"], commands.len() * 3 * 2);
    let manifest = std::fs::read(folder.path().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    for (list, expected) in [("files", commands.len() * 3), ("pending", 0), ("lost", 0)] {
        assert_eq!(manifest[list].as_array().unwrap().len(), expected, "{list}");
    }
}

#[tokio::test]
async fn no_record_is_lost_when_processes_are_killed() {
    eight_processes_are_killed(kills(), &[]).await;
}
