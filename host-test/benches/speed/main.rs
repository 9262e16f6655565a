//! Compares the speed of the component with that of other clients. `cargo xtask bench` runs it with all
//! peers; `docs/BENCHMARKS.md` explains the tables.
//!
//! Everything runs on one core: this program, the mock, the peers. Arms that are compared alternate, a
//! batch of calls each, so that a disturbance of the machine affects all of them.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "benchmarks print for developers"
)]

mod arm;
mod arms;
mod cold;
#[path = "../../tests/component/mod.rs"]
mod component;
mod concurrency;
mod default_transport;
mod limiter;
mod native;
mod peers;
mod raw;
mod refuse;
mod report;
mod site;
mod stats;
mod throughput;
mod warm;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

use self::report::Report;
use self::site::Site;

/// Compares the component with other clients of the API.
#[derive(Parser)]
struct Args {
    /// The list of peers that `cargo xtask bench` writes.
    #[arg(long, value_name = "FILE")]
    peers: Option<PathBuf>,

    /// Where the report goes, as JSON.
    #[arg(
        long,
        value_name = "FILE",
        default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench/report.json")
    )]
    report: PathBuf,

    /// Run only the measurements whose name contains this.
    #[arg(value_name = "NAME")]
    only: Option<String>,

    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,

    /// For a child process: the number of calls at once, and the URL of the mock.
    #[arg(long, hide = true, num_args = 2)]
    concurrent_calls: Option<Vec<String>>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some([calls, base_url]) = args.concurrent_calls.as_deref() {
        return concurrency::child(calls.parse()?, base_url);
    }
    pin()?;
    let site = Site::start()?;
    let peers = peers::read(args.peers.as_deref())?;
    let mut report = Report::new(&peers);
    type Measure = fn(&Site, &peers::Peers, &mut Report) -> Result<()>;
    let measures: [(&str, Measure); 6] = [
        ("warm", warm::measure),
        ("refuse", refuse::measure),
        ("throughput", throughput::measure),
        ("cold", cold::measure),
        ("concurrency", concurrency::measure),
        ("limiter", limiter::measure),
    ];
    for (name, measure) in measures {
        if args.only.as_ref().is_none_or(|only| name.contains(only)) {
            eprintln!("measuring: {name}");
            measure(&site, &peers, &mut report)
                .with_context(|| format!("cannot measure {name}"))?;
        }
    }
    println!("{report}");
    report.write(&args.report)
}

/// Keeps this process, and the children that it starts, on one core.
fn pin() -> Result<()> {
    let core = core_affinity::get_core_ids()
        .and_then(|cores| cores.last().copied())
        .context("the system does not say which cores there are")?;
    let pinned = core_affinity::set_for_current(core);
    pinned
        .then_some(())
        .context("cannot pin this program to a core")
}
