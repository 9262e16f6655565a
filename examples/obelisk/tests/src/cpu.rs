//! The CPU time of processes on Linux (proc(5)).

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

/// The ticks per second of proc(5): `sysconf(_SC_CLK_TCK)`, which is 100 on all common systems.
const TICKS_PER_SECOND: u32 = 100;

/// Of the process `id`.
pub(crate) fn of_process(id: u32) -> Result<Duration> {
    Ok(Times::read(id)?.own)
}

/// Of the process `id` and its children, those that have ended included.
pub(crate) fn of_family(id: u32) -> Result<Duration> {
    let parent = Times::read(id)?;
    let children = Command::new("ps")
        .args(["-o", "pid=", "--ppid", &id.to_string()])
        .output()
        .context("ps does not start")?;
    let children = String::from_utf8_lossy(&children.stdout).into_owned();
    let children = children.split_whitespace().filter_map(|id| id.parse().ok());
    // One that has ended since is counted with its parent the next time.
    let alive = children.filter_map(|id| Times::read(id).ok());
    Ok(parent.own + parent.ended_children + alive.map(|times| times.own).sum::<Duration>())
}

#[derive(Debug, PartialEq, Eq)]
struct Times {
    own: Duration,
    ended_children: Duration,
}

impl Times {
    fn read(id: u32) -> Result<Self> {
        let file = format!("/proc/{id}/stat");
        let stat = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
        Self::parse(&stat).with_context(|| format!("{file} says {stat}"))
    }

    fn parse(stat: &str) -> Option<Self> {
        // The name may hold anything, a parenthesis included.
        let (_, fields) = stat.rsplit_once(')')?;
        // From the third field, `state`, to the 14th, `utime`.
        let mut ticks = fields.split_whitespace().skip(11);
        let mut next = || ticks.next()?.parse::<u32>().ok();
        let (user, system) = (next()?, next()?);
        let (children_user, children_system) = (next()?, next()?);
        let time = |ticks| Duration::from_secs(1) * ticks / TICKS_PER_SECOND;
        Some(Self {
            own: time(user + system),
            ended_children: time(children_user + children_system),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 25 75 20 0 1 0 99";
        let (own, ended_children) = (Duration::from_secs(2), Duration::from_secs(1));
        let times = Times {
            own,
            ended_children,
        };
        assert_eq!(Times::parse(stat), Some(times));
        assert_eq!(Times::parse("7 (a) S 1"), None);
    }
}
