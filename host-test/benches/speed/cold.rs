//! From the start of a process to its first URL.

use std::process::Command;

use anyhow::{Result, ensure};
use meraki_mock::DEFAULT_KEY;

use super::peers::{Peers, cold};
use super::report::Report;
use super::site::{MockThread, SERIAL, Site, window};
use super::stats::Spread;

const ROUNDS: usize = 15;

pub fn measure(site: &Site, peers: &Peers, report: &mut Report) -> Result<()> {
    let mut ours = Vec::new();
    let mut others: Vec<(String, Vec<f64>)> = Vec::new();
    for round in 0..=ROUNDS {
        // The first run compiles the component, and fills the cache.
        let (took, url) = cold(&mut get(&site.mock))?;
        ensure!(url.starts_with("http"), "{url}");
        if round > 0 {
            ours.push(took);
        }
        for (name, took) in peers.cold(&site.mock) {
            let took = took?;
            match others.iter_mut().find(|(other, _)| other == name) {
                Some((_, all)) => all.push(took),
                None => others.push((name.to_owned(), Vec::new())),
            }
        }
    }
    report.cold("component, host-test get", Spread::of(&ours));
    for (name, all) in others {
        report.cold(&name, Spread::of(&all));
    }
    Ok(())
}

fn get(mock: &MockThread) -> Command {
    let (start, end) = window();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mv-clip"));
    command
        .args(["get", SERIAL, "--start", &start, "--end", &end])
        .env("MERAKI_BASE_URL", &mock.base_url)
        .env("MERAKI_DASHBOARD_API_KEY", DEFAULT_KEY);
    command
}
