//! A hundred calls of one organisation at once, through one limiter, against Meraki's own limit.

use std::time::Instant;

use anyhow::Result;
use futures_util::future::join_all;
use meraki_mock::MockConfig;
use mv_clip_host::{Limits, RateLimit, RateLimiter};

use super::arms;
use super::peers::Peers;
use super::report::{Limited, Report};
use super::site::{MockThread, SERIAL, Site, window};

const CALLS: u32 = 100;

pub fn measure(site: &Site, _: &Peers, report: &mut Report) -> Result<()> {
    let mock = MockThread::start(MockConfig::default())?;
    let limit = RateLimit::default();
    let host = arms::host(&mock, Limits::default())?;
    let host = host
        .tenant()
        .rate_limiter(RateLimiter::new(limit))
        .build()?;
    // One attempt, so that a 429 is an error and not retried.
    let settings = mock.settings().max_attempts(1);
    let (start, end) = window();
    let started = Instant::now();
    let calls = (0..CALLS).map(|_| host.get_clip(&settings, SERIAL, &start, &end));
    let results = site.runtime.block_on(join_all(calls));
    let left = f64::from(CALLS - limit.burst.get());
    report.limiter(Limited {
        seconds: started.elapsed().as_secs_f64(),
        ideal: left / f64::from(limit.per_second.get()),
        refused: results.iter().filter(|result| result.is_err()).count(),
    });
    Ok(())
}
