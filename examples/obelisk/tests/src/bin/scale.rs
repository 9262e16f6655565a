//! Measures the throughput of nodes, and prints the table of docs/SCALE.md.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use obelisk_tests::cluster::{Api, CAMERAS, Cluster};

/// The timeout for the alerts of one case.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long the idle load is measured after that.
const IDLE: Duration = Duration::from_secs(30);

/// The cases: the number of nodes, the number of motion alerts, and the size of a clip in clips of the mock (56 KB).
const CASES: [Case; 3] = [
    Case {
        nodes: 1,
        alerts: 200,
        times: 1,
    },
    Case {
        nodes: 2,
        alerts: 200,
        times: 1,
    },
    Case {
        nodes: 1,
        alerts: 40,
        times: 180,
    },
];

#[derive(Debug)]
struct Case {
    nodes: u64,
    alerts: u64,
    times: usize,
}

/// The results of one case.
#[derive(Debug)]
struct Row {
    nodes: u64,
    clips: u64,
    /// The size of a clip.
    size: u64,
    took: Duration,
    /// The CPU time of the nodes and of PostgreSQL.
    cpu: (Duration, Duration),
    /// The CPU time of all of them while idle.
    idle: Duration,
    /// The memory of a node at the end, in KiB.
    memory: u64,
    transactions: u64,
    /// By how much the database has grown.
    bytes: u64,
}

fn main() -> Result<()> {
    let rows = CASES.iter().map(Case::measure).collect::<Result<_>>()?;
    println!("{}", Report(rows));
    Ok(())
}

impl Case {
    fn measure(&self) -> Result<Row> {
        const TRANSACTIONS: &str =
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'obelisk'";
        const BYTES: &str = "SELECT pg_database_size('obelisk')";
        let Self {
            nodes,
            alerts,
            times,
        } = *self;
        let mut cluster = Cluster::start(Api::Unlimited { times })?;
        for _ in 0..nodes {
            cluster.add_node()?;
        }
        let (transactions, bytes) = (cluster.count(TRANSACTIONS)?, cluster.count(BYTES)?);
        let cpu = cluster.cpu()?;
        let start = Instant::now();
        cluster.submit(0..alerts)?;
        cluster.wait(alerts, PATIENCE)?;
        let took = start.elapsed();
        let after = cluster.cpu()?;
        let transactions = cluster.count(TRANSACTIONS)? - transactions;
        let bytes = cluster.count(BYTES)? - bytes;
        thread::sleep(IDLE);
        let idle = cluster.cpu()?;
        Ok(Row {
            nodes,
            clips: alerts * CAMERAS.len() as u64,
            size: cluster.size_of_a_clip()?,
            took,
            cpu: (after.0 - cpu.0, after.1 - cpu.1),
            idle: idle.0 + idle.1 - after.0 - after.1,
            memory: cluster.memory()? / nodes,
            transactions,
            bytes,
        })
    }
}

/// The table of docs/SCALE.md.
struct Report(Vec<Row>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| nodes | size of a clip | clips a second | CPU of nodes, a clip | CPU of PostgreSQL, a clip | \
             transactions, a clip | database, a clip | idle: CPU of both | idle: memory of a node |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for row in &self.0 {
            let clips = row.clips as f64;
            writeln!(
                f,
                "| {} | {:.2} MB | {:.1} | {:.0} ms | {:.0} ms | {:.0} | {:.0} KB | {:.0} % | {} MB |",
                row.nodes,
                row.size as f64 / 1e6,
                clips / row.took.as_secs_f64(),
                row.cpu.0.as_secs_f64() * 1e3 / clips,
                row.cpu.1.as_secs_f64() * 1e3 / clips,
                row.transactions as f64 / clips,
                row.bytes as f64 / clips / 1e3,
                row.idle.as_secs_f64() * 1e2 / IDLE.as_secs_f64(),
                row.memory * 1024 / 1_000_000,
            )?;
        }
        Ok(())
    }
}
