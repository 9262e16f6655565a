//! Many calls at a time: calls a second.

use anyhow::Result;

use super::arm::{Arm, Batch};
use super::arms;
use super::peers::Peers;
use super::report::Report;
use super::site::Site;
use super::stats::Spread;

const IN_FLIGHT: usize = 32;
const ROUNDS: usize = 7;
const LOCAL: Batch = Batch {
    calls: 3_200,
    in_flight: IN_FLIGHT,
};
const PEER: Batch = Batch {
    calls: 320,
    in_flight: IN_FLIGHT,
};

const PACED: Batch = Batch {
    calls: 32,
    in_flight: IN_FLIGHT,
};

pub fn measure(site: &Site, peers: &Peers, report: &mut Report) -> Result<()> {
    let mut local = [arms::native(site)?, arms::in_harness(site)?];
    let mut started = peers.start(&site.mock)?;
    let mut all: Vec<(&mut dyn Arm, Batch)> = Vec::new();
    for arm in &mut local {
        all.push((arm, LOCAL));
    }
    for peer in &mut started {
        let batch = if peer.is_paced { PACED } else { PEER };
        all.push((peer, batch));
    }
    for (arm, batch) in all {
        let mut rates = Vec::new();
        for round in 0..=ROUNDS {
            match arm.run(batch) {
                Ok(sample) if round > 0 => rates.push(batch.calls as f64 / sample.elapsed),
                Ok(_) => {}
                Err(error) => {
                    report.note(format!("not measured at {IN_FLIGHT} in flight: {error}"));
                    break;
                }
            }
        }
        if !rates.is_empty() {
            report.throughput(arm.name(), Spread::of(&rates));
        }
    }
    Ok(())
}
