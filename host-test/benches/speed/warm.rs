//! One call at a time, everything warm: the time of a call.

use anyhow::Result;

use super::arm::{Arm, Batch};
use super::arms;
use super::peers::Peers;
use super::report::Report;
use super::site::Site;
use super::stats::Spread;

const ROUNDS: usize = 15;
const LOCAL: Batch = Batch {
    calls: 200,
    in_flight: 1,
};
/// Peers take a hundred times as long.
const PEER: Batch = Batch {
    calls: 20,
    in_flight: 1,
};

const PACED: Batch = Batch {
    calls: 3,
    in_flight: 1,
};

pub fn measure(site: &Site, peers: &Peers, report: &mut Report) -> Result<()> {
    let mut local: Vec<Box<dyn Arm + '_>> = vec![
        Box::new(arms::raw(site)?),
        Box::new(arms::native(site)?),
        Box::new(arms::in_harness(site)?),
        Box::new(arms::over_default_transport(site)?),
    ];
    let mut all: Vec<(&mut dyn Arm, Batch)> = Vec::new();
    for arm in &mut local {
        all.push((arm.as_mut(), LOCAL));
    }
    let mut started = peers.start(&site.mock)?;
    for peer in &mut started {
        let batch = if peer.is_paced { PACED } else { PEER };
        all.push((peer, batch));
    }
    let mut medians = vec![Vec::new(); all.len()];
    for round in 0..=ROUNDS {
        for ((arm, batch), medians) in all.iter_mut().zip(&mut medians) {
            let sample = arm.run(*batch)?;
            // The first round warms up.
            if round > 0 {
                medians.push(Spread::of(&sample.seconds).median);
            }
        }
    }
    let arms = all.iter().zip(&medians);
    report.warm(arms.map(|((arm, _), medians)| (arm.name().to_owned(), Spread::of(medians))));

    let before = site.mock.connections()?;
    let mut fresh = arms::in_harness(site)?;
    fresh.run(Batch {
        calls: 1_000,
        in_flight: 1,
    })?;
    report.connections(site.mock.connections()? - before);
    Ok(())
}
