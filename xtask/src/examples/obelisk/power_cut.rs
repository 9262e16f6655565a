//! Two nodes, one of which is killed in the middle of its work.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Tools;
use super::cluster::{Api, CameraClip, Cluster, Outcome, Request};
use crate::workspace::Workspace;

/// How many motion alerts, with three cameras each.
const INCIDENTS: u64 = 200;

/// After so many of them a node is killed.
const BEFORE: u64 = 60;

/// For how long all of them may take: at eight clips a second, and what the killed node had begun a minute later.
const PATIENCE: Duration = Duration::from_secs(400);

/// What Meraki allows an organisation: ten requests a second, and ten more at once after a pause.
const PER_SECOND: usize = 10;
const BURST: usize = 10;

/// Submits alerts to two nodes, kills one, and sees that the other finishes all.
///
/// # Errors
///
/// An execution does not finish, or not once; a clip is not kept; the organisation's limit is not; or a secret is in
/// the database.
pub(super) fn check(workspace: &Workspace, tools: &Tools) -> Result<()> {
    let mut cluster = Cluster::start(workspace, tools, Api::Limited)?;
    cluster.add_node()?;
    cluster.add_node()?;
    let start = Instant::now();
    cluster.submit(INCIDENTS)?;
    cluster.wait(BEFORE, PATIENCE)?;
    cluster.kill_the_first()?;
    let before = cluster.finished()?;
    eprintln!("    {before} of {INCIDENTS} executions have finished: one of two nodes is killed");
    ensure!(before < INCIDENTS, "all had finished before the kill");
    cluster.wait(INCIDENTS, PATIENCE)?;
    let took = start.elapsed();

    let results = cluster.results()?;
    ensure!(
        results.len() as u64 == INCIDENTS,
        "{} ends of {INCIDENTS} executions",
        results.len()
    );
    let clips = results.into_iter().flatten().collect::<Vec<_>>();
    all_are_kept(&cluster, &clips)?;
    let executors = cluster.count(
        "SELECT count(DISTINCT json_value #>> '{locked,executor_id}')
         FROM t_execution_log JOIN t_state USING (execution_id)
         WHERE variant = 'locked' AND ffqn LIKE '%save-clip'",
    )?;
    ensure!(executors == 2, "{executors} nodes got clips, of two");
    ensure!(!cluster.knows_a_secret()?, "a secret is in the database");

    let requests = cluster.requests()?;
    let most = most_in_a_second(&requests);
    let refused = requests.iter().filter(|request| request.status == 429);
    let refused = refused.count();
    eprintln!(
        "    {INCIDENTS} of {INCIDENTS} executions finished once, {} clips are kept, in {} s; {} requests, at most \
         {most} in a second, {refused} over the limit",
        clips.len(),
        took.as_secs(),
        requests.len(),
    );
    ensure!(
        refused == 0 && most <= PER_SECOND + BURST,
        "the organisation's limit is not kept"
    );
    Ok(())
}

/// Each camera of each incident has a clip of its own in the store, and it is the one that was named.
fn all_are_kept(cluster: &Cluster<'_>, clips: &[CameraClip]) -> Result<()> {
    let mut objects = HashSet::new();
    for CameraClip { serial, outcome } in clips {
        let clip = match outcome {
            Outcome::Ok(clip) => clip,
            Outcome::Err(words) => anyhow::bail!("{serial} has no clip: {words}"),
        };
        ensure!(
            cluster.stored(&clip.object)? == clip.sha256,
            "{} is not what was named",
            clip.object
        );
        ensure!(
            objects.insert(&clip.object),
            "{} is there twice",
            clip.object
        );
    }
    ensure!(
        objects.len() as u64 == INCIDENTS * 3,
        "{} clips",
        objects.len()
    );
    Ok(())
}

/// The most requests within any second.
fn most_in_a_second(requests: &[Request]) -> usize {
    let within = |first: &Request| {
        let second = first.at..first.at + 1000;
        let within = requests
            .iter()
            .filter(|request| second.contains(&request.at));
        within.count()
    };
    requests.iter().map(within).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_second_begins_with_a_request() {
        let at = |at| Request { at, status: 200 };
        assert_eq!(most_in_a_second(&[]), 0);
        let requests = [0, 999, 1000, 1500, 1999, 2000].map(at);
        assert_eq!(most_in_a_second(&requests), 3);
    }
}
