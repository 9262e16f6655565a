//! Every fault, in every place, at every attempt. Each call ends by its deadline with the clip or with the specified
//! error, and leaks no connection.
//!
//! The cells are generated. To run only the cells whose names start with a prefix:
//! `MV_CLIP_CELL=handshake/stall cargo test -p mv-clip-cli --test it matrix -- --nocapture`.

mod cell;
mod connections;
mod expected;
mod injection;
mod listener;
mod reply;
mod resolver;
mod server;
mod site;
mod state;

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use meraki_mock::CLIP;
use mv_clip_host::{CallError, ClipError, ClipHost};
use tokio::runtime;
use tokio::task::JoinError;
use tokio::time::Instant;

use self::cell::{Cell, Place};
use self::expected::{Expected, expected};
use self::site::{SECRETS, Site};
use crate::simulated::Simulated;
use crate::support::{SERIAL, footage};

/// How long a call may take beyond its deadline.
const SLACK: Duration = STEP.saturating_mul(50);

/// The step of simulated time.
const STEP: Duration = Duration::from_millis(20);

const CONCURRENCY: usize = 64;

/// The number of cells. Nine places and nine faults, without three for lookup and connect, at three attempts; and two
/// lasting faults at the deadline, without one for lookup and connect.
const CELLS: usize = (9 * 9 - 2 * 3) * 3 + (9 * 2 - 2);

#[test]
fn every_fault_ends_as_specified() {
    let wanted = std::env::var("MV_CLIP_CELL").unwrap_or_default();
    let mut cells = Vec::new();
    for (cell, impossible) in Cell::all().filter(|(cell, _)| cell.to_string().starts_with(&wanted))
    {
        match impossible {
            Some(reason) => println!("{cell} is impossible: {reason}"),
            None => cells.push(cell),
        }
    }
    assert!(!cells.is_empty(), "there is no cell {wanted}");
    assert!(
        !wanted.is_empty() || cells.len() == CELLS,
        "{}",
        cells.len()
    );
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let parts: Vec<Vec<_>> = (0..threads)
        .map(|part| cells.iter().skip(part).step_by(threads).copied().collect())
        .collect();
    let results: Vec<_> = thread::scope(|scope| {
        let running = parts.into_iter().map(|part| scope.spawn(|| run(part)));
        let running: Vec<_> = running.collect();
        let results = running.into_iter().map(|thread| thread.join().unwrap());
        results.flatten().collect()
    });

    let mut failed = Vec::new();
    let (mut clips, mut errors) = (0, 0);
    for (cell, result) in &results {
        match result {
            Ok(Ok(true)) => clips += 1,
            Ok(Ok(false)) => errors += 1,
            Ok(Err(rule)) => failed.push(format!("{cell}: {rule}")),
            Err(panic) => failed.push(format!("{cell}: {panic}")),
        }
    }
    println!(
        "{} cells: {clips} clips, {errors} errors as specified, {} failed",
        results.len(),
        failed.len(),
    );
    failed.sort();
    assert!(
        failed.is_empty(),
        "{}\nTo run one cell: MV_CLIP_CELL=name cargo test -p mv-clip-cli --test it matrix -- --nocapture",
        failed.join("\n")
    );
}

/// A cell and its result: whether the call returned a clip, or the broken rule, or the panic of its task.
type Outcome = (Cell, Result<Result<bool, String>, JoinError>);

fn run(cells: Vec<Cell>) -> Vec<Outcome> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let _time = Simulated::in_steps_of(STEP);
        stream::iter(cells)
            .map(|cell| async move { (cell, tokio::spawn(cell_ends_as_specified(cell)).await) })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await
    })
}

/// Returns whether the call returned a clip.
async fn cell_ends_as_specified(cell: Cell) -> Result<bool, String> {
    let site = Site::open(cell).await;
    let host = site.host();
    let started = Instant::now();
    let result = call(&host, &site).await;
    let took = started.elapsed();
    if took > cell.when.deadline() + SLACK {
        return Err(format!("it took {took:?}: {result:?}"));
    }
    let arrivals = site.arrivals();
    let is_a_clip = check(cell, result, arrivals)?;
    if is_a_clip && cell.place.is_transfer() && site.stored() != CLIP {
        return Err("the destination does not have the clip that was reported as saved".to_owned());
    }
    if !is_a_clip && cell.place == Place::Media && !site.stored().is_empty() {
        return Err("the destination has an invalid clip".to_owned());
    }
    connections::none_but_healthy(&site).await?;
    drop(host);
    connections::none(&site).await?;
    Ok(is_a_clip)
}

/// Runs the call of this cell.
async fn call(host: &ClipHost, site: &Site) -> Result<(), CallError> {
    let request = footage(SERIAL);
    let settings = site.settings();
    if site.cell().place.is_transfer() {
        let destination = site.destination();
        let saved = host.save_clip(&settings, &request, &destination).await;
        saved.map(drop)
    } else {
        let clip = host.request_clip(&settings, &request).await;
        clip.map(|clip| assert_eq!(clip.url.expose(), site.clip_url()))
    }
}

/// Compares the result with the specification of the cell. Returns whether there is a clip.
fn check(cell: Cell, result: Result<(), CallError>, arrivals: u32) -> Result<bool, String> {
    let specified = expected(cell);
    let faulty = cell.when.attempt();
    let (found, attempts, message) = match &result {
        Ok(()) => (None, arrivals, ""),
        Err(CallError::Clip(ClipError::Permanent(failure))) => (
            Some((true, failure.kind)),
            failure.attempts,
            failure.message.as_str(),
        ),
        Err(CallError::Clip(ClipError::Transient(failure))) => (
            Some((false, failure.kind)),
            failure.attempts,
            failure.message.as_str(),
        ),
        Err(other) => return Err(format!("{other:?}")),
    };
    let expected = match specified {
        Expected::Success => (None, faulty),
        Expected::Permanent(kind) => (Some((true, kind)), faulty),
        Expected::Final(kind) => (Some((false, kind)), faulty),
        Expected::Retried(kind) if faulty == cell.when.attempts() => (Some((false, kind)), faulty),
        Expected::Retried(_) => (None, faulty + 1),
    };
    if (found, attempts) != expected || arrivals != attempts {
        return Err(format!(
            "{specified:?} is specified, so {expected:?}; but there were {arrivals} attempts, and \
             {result:?}"
        ));
    }
    match SECRETS.iter().find(|secret| message.contains(*secret)) {
        Some(secret) => Err(format!("the message contains {secret}: {message}")),
        None => Ok(found.is_none()),
    }
}
