//! The results, as tables and as JSON.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::arms::{COMPONENT, NATIVE};
use super::peers::Peers;
use super::stats::Spread;

/// The time and memory of calls at once.
#[derive(Serialize, Deserialize)]
pub struct ConcurrentCalls {
    pub calls: u32,
    /// From the first call to the last URL, in seconds.
    pub elapsed: f64,
    /// The median time of a call, in seconds.
    pub p50: f64,
    /// The most memory that the process had in RAM, in bytes, and what it had before the calls.
    pub peak: u64,
    pub before: u64,
}

#[derive(Default, Serialize)]
pub struct Report {
    /// Microseconds a call, one at a time.
    warm: Vec<(String, Spread)>,
    /// Connections opened for 1,000 calls, one at a time.
    connections: Option<usize>,
    /// Microseconds to instantiate, refuse a bad serial and drop.
    refuse: Option<Spread>,
    /// Calls a second at 32 in flight.
    throughput: Vec<(String, Spread)>,
    /// Milliseconds from the start of a process to its first URL.
    cold: Vec<(String, Spread)>,
    /// Many calls at once, each of which the mock answers after a second.
    concurrent_calls: Vec<ConcurrentCalls>,
    /// 100 calls of one organisation through one limiter.
    limiter: Option<Limited>,
    component_bytes: Option<usize>,
    notes: Vec<String>,
}

/// The result of the limiter.
#[derive(Clone, Copy, Serialize)]
pub struct Limited {
    pub seconds: f64,
    pub ideal: f64,
    pub refused: usize,
}

impl Report {
    pub fn new(peers: &Peers) -> Self {
        let missing = peers.all().iter().filter_map(|peer| {
            let why = peer.missing.as_ref()?;
            Some(format!("skipped: {}, because {why}", peer.name))
        });
        Self {
            notes: missing.collect(),
            component_bytes: super::arms::component().map(|bytes| bytes.len()).ok(),
            ..Self::default()
        }
    }

    pub fn warm(&mut self, arms: impl Iterator<Item = (String, Spread)>) {
        self.warm = arms
            .map(|(name, spread)| (name, spread.scaled(1e6)))
            .collect();
    }

    pub fn connections(&mut self, count: usize) {
        self.connections = Some(count);
    }

    pub fn refuse(&mut self, spread: Spread) {
        self.refuse = Some(spread.scaled(1e6));
    }

    pub fn throughput(&mut self, name: &str, spread: Spread) {
        self.throughput.push((name.to_owned(), spread));
    }

    pub fn cold(&mut self, name: &str, spread: Spread) {
        self.cold.push((name.to_owned(), spread.scaled(1e3)));
    }

    pub fn concurrent_calls(&mut self, measured: ConcurrentCalls) {
        self.concurrent_calls.push(measured);
    }

    pub fn limiter(&mut self, limited: Limited) {
        self.limiter = Some(limited);
    }

    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub fn write(&self, file: &Path) -> Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let json = serde_json::to_vec_pretty(self)?;
        std::fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// A section of the table; the last column is the ratio to the component.
fn section(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    unit: &str,
    rows: &[(String, Spread)],
) -> fmt::Result {
    let Some((_, component)) = rows
        .iter()
        .find(|(name, _)| name.starts_with("component, "))
    else {
        return Ok(());
    };
    let component = rows
        .iter()
        .find(|(name, _)| name == COMPONENT)
        .map_or(component, |(_, spread)| spread);
    writeln!(
        f,
        "\n{title}\n{:44}{unit:>10}{:>22}{:>14}",
        "", "quartiles", "÷ component"
    )?;
    for (name, Spread { low, median, high }) in rows {
        let ratio = median / component.median;
        let quartiles = format!("{low:.1} to {high:.1}");
        writeln!(f, "{name:44}{median:>10.1}{quartiles:>22}{ratio:>14.2}")?;
    }
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        section(f, "One call at a time", "µs", &self.warm)?;
        let median = |name| self.warm.iter().find(|(other, _)| other == name);
        if let (Some((_, component)), Some((_, native))) = (median(COMPONENT), median(NATIVE)) {
            let ratio = component.median / native.median;
            writeln!(f, "component ÷ native: {ratio:.2}")?;
        }
        if let Some(connections) = self.connections {
            writeln!(f, "connections for 1,000 calls: {connections}")?;
        }
        if let Some(Spread { low, median, high }) = self.refuse {
            writeln!(
                f,
                "\nInstantiate, refuse, drop: {median:.1} µs ({low:.1} to {high:.1})"
            )?;
        }
        section(f, "32 calls at a time", "calls/s", &self.throughput)?;
        section(
            f,
            "From the start of a process to its first URL",
            "ms",
            &self.cold,
        )?;
        for ConcurrentCalls {
            calls,
            elapsed,
            p50,
            peak,
            before,
        } in &self.concurrent_calls
        {
            if *calls == 1 {
                writeln!(
                    f,
                    "\nAt once, the mock answering after 1 s\n{:>8}{:>10}{:>10}{:>10}{:>16}",
                    "calls", "all in s", "p50 in s", "peak MB", "KB for each"
                )?;
            }
            let megabytes = *peak as f64 / 1e6;
            let each = peak.saturating_sub(*before) as f64 / 1e3 / f64::from(*calls);
            writeln!(
                f,
                "{calls:>8}{elapsed:>10.2}{p50:>10.2}{megabytes:>10.0}{each:>16.0}"
            )?;
        }
        if let Some(Limited {
            seconds,
            ideal,
            refused,
        }) = self.limiter
        {
            writeln!(
                f,
                "\n100 calls through one limiter: {seconds:.2} s, ideal {ideal:.2} s, 429 to {refused}"
            )?;
        }
        if let Some(bytes) = self.component_bytes {
            writeln!(f, "\nThe component: {bytes} bytes")?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        Ok(())
    }
}
