//! Very many calls at once, in a process of their own: time, and memory for each.

use std::num::NonZeroU32;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use meraki_mock::MockConfig;
use mv_clip_host::Limits;
use tokio::runtime::Builder;

use super::arms;
use super::peers::Peers;
use super::report::{ConcurrentCalls, Report};
use super::site::{MockThread, SERIAL, Site, window};
use super::stats::Spread;

const CALLS_AT_ONCE: [u32; 4] = [1, 10, 100, 1_000];
const LATENCY: Duration = Duration::from_secs(1);

pub fn measure(_: &Site, _: &Peers, report: &mut Report) -> Result<()> {
    let mock = MockThread::start(MockConfig::default().rate_limit(None).latency(LATENCY))?;
    for calls in CALLS_AT_ONCE {
        let output = Command::new(std::env::current_exe()?)
            .args(["--concurrent-calls", &calls.to_string(), &mock.base_url])
            .output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        report.concurrent_calls(serde_json::from_slice(&output.stdout)?);
    }
    Ok(())
}

/// The child process, which makes the calls.
pub fn child(calls: u32, base_url: &str) -> Result<()> {
    let mock = MockThread::at(base_url);
    let limits = Limits::default().concurrent_calls(NonZeroU32::new(calls).context("no calls")?);
    let host = arms::host(&mock, limits)?;
    let settings = mock.settings();
    let (start, end) = window();
    let before = memory("VmRSS:")?;
    let started = Instant::now();
    let call = async || {
        let url = host.get_clip(&settings, SERIAL, &start, &end).await?;
        ensure!(url.expose().starts_with("http"), "the call gave no URL");
        Ok(started.elapsed().as_secs_f64())
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let seconds = runtime.block_on(try_join_all((0..calls).map(|_| call())))?;
    let measured = ConcurrentCalls {
        calls,
        elapsed: started.elapsed().as_secs_f64(),
        p50: Spread::of(&seconds).median,
        peak: memory("VmHWM:")?,
        before,
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// A line of `/proc/self/status`, in bytes.
fn memory(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kilobytes.context("Linux does not say")?.parse::<u64>()? * 1_024)
}
