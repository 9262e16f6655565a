//! The cost of an instance alone: instantiate, refuse an invalid serial, drop.

use std::time::Instant;

use anyhow::{Result, ensure};
use mv_clip_host::{CallError, Limits};

use super::arms;
use super::peers::Peers;
use super::report::Report;
use super::site::Site;
use super::stats::Spread;

const ROUNDS: usize = 31;
const CALLS: u32 = 500;

pub fn measure(site: &Site, _: &Peers, report: &mut Report) -> Result<()> {
    let host = arms::host(&site.mock, Limits::default())?;
    let settings = site.mock.settings();
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let started = Instant::now();
        for _ in 0..CALLS {
            let call = host.get_clip(&settings, "none", "", "");
            let refused = site.runtime.block_on(call);
            ensure!(matches!(refused, Err(CallError::Clip(_))), "not refused");
        }
        if round > 0 {
            rounds.push(started.elapsed().as_secs_f64() / f64::from(CALLS));
        }
    }
    report.refuse(Spread::of(&rounds));
    Ok(())
}
