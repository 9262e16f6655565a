//! A simulation of 100,000 calls. Clocks, settings, requests and the behavior of the server are drawn from a seed.
//!
//! To replay one seed and print what happens:
//! `MV_CLIP_SEED=7 cargo test -p mv-clip-core --test clip seeds -- --nocapture`. `MV_CLIP_SEEDS` sets the number of
//! calls.

#![expect(
    clippy::disallowed_macros,
    reason = "tests print for developers, through the test harness"
)]

mod clock;
mod draw;
mod media;
mod origin;
mod rules;
mod server;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use mv_clip_core::api::Clip;
use mv_clip_core::batch::Batch;
use mv_clip_core::error::{ClipError, Failure};
use mv_clip_core::events;
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transfer::{Destination, Transfer};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};

use self::clock::Lateness;
use self::draw::pick;
use self::media::Media;
use self::rules::rule;
use self::server::Server;
use crate::simulation::KEY;
use crate::transfer::DESTINATION;
use crate::{batch, transfer};

const CALLS: u64 = 100_000;

/// A call that takes longer never ends: normal ones take less than a thousandth of this.
const ENDLESS: Duration = Duration::from_secs(20);

#[expect(
    clippy::disallowed_methods,
    reason = "how long the test itself takes, on all processors"
)]
#[test]
fn every_call_keeps_the_rules() {
    let variable = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let alone = variable("MV_CLIP_SEED");
    let seeds = match alone {
        Some(seed) => seed..seed + 1,
        None => 0..variable("MV_CLIP_SEEDS").unwrap_or(CALLS),
    };
    let started = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = mpsc::channel();
    for thread in 0..threads {
        let (seeds, sender) = (seeds.clone().skip(thread).step_by(threads), sender.clone());
        // Not in a scope, which would wait for a call that never ends.
        std::thread::spawn(move || {
            for seed in seeds {
                let verbose = alone.is_some();
                let call = sender.send((seed, None)).is_ok().then(|| {
                    catch_unwind(AssertUnwindSafe(|| simulate(seed, verbose)))
                        .unwrap_or_else(|_| Err("it panicked, see above".to_owned()))
                });
                if call.is_none() || sender.send((seed, call)).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    let (mut calls, mut total) = (0, Tally::default());
    let mut under_way = BTreeSet::new();
    loop {
        let (seed, broken) = match receiver.recv_timeout(ENDLESS) {
            Ok((seed, None)) => {
                under_way.insert(seed);
                continue;
            }
            Ok((seed, Some(Ok(tally)))) => {
                under_way.remove(&seed);
                calls += 1;
                total.requests += tally.requests;
                total.clips += tally.clips;
                total.saved += tally.saved;
                continue;
            }
            Ok((seed, Some(Err(broken)))) => (seed, broken),
            Err(RecvTimeoutError::Timeout) => match under_way.pop_first() {
                Some(seed) => (seed, "it does not end".to_owned()),
                None => panic!("no call started"),
            },
            Err(RecvTimeoutError::Disconnected) => break,
        };
        panic!(
            "seed {seed}: {broken}\nreplay it alone: \
             MV_CLIP_SEED={seed} cargo test -p mv-clip-core --test clip seeds -- --nocapture"
        );
    }
    println!(
        "{calls} calls simulated, {} requests, {} clips, {} of them saved: {:.1} s",
        total.requests,
        total.clips,
        total.saved,
        started.elapsed().as_secs_f64()
    );
}

#[derive(Default)]
struct Tally {
    requests: usize,
    clips: usize,
    saved: usize,
}

/// Simulates one call and checks the rules.
fn simulate(seed: u64, verbose: bool) -> Result<Tally, String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let variables = settings(&mut rng);
    let settings = Settings::from_variables(variables.clone()).unwrap();
    let started = clock::started(&mut rng);
    let asked = ask(&mut rng, started);
    let ends: Vec<_> = asked
        .iter()
        .map(|one| one.as_ref().ok().map(|one| one.window.end()))
        .collect();
    let requests: Vec<_> = asked.iter().map(|one| one.as_ref().ok().cloned()).collect();
    let saves = asked.len() == 1 && rng.random_bool(0.5);
    let lateness = Lateness::new(fork(&mut rng));
    let mut server = Server::new(&settings, started, ends, lateness, fork(&mut rng), verbose);
    if verbose {
        println!("seed {seed}, at {started} ({started:?}): {variables:?}");
        for (index, one) in requests.iter().enumerate() {
            match one.as_ref().map(|one| (&one.serial, one.window)) {
                Some((serial, window)) => {
                    println!(
                        "clip {index}: {serial:?} {} to {}",
                        window.start(),
                        window.end()
                    );
                }
                None => println!("clip {index}: no request"),
            }
        }
    }

    let calls = batch::drive(Batch::new(&settings, asked, started), &mut server);
    if verbose {
        println!("after {:?}: {:?}", calls.took, calls.results);
    }
    rules::requests(&settings, started, &requests, &server.seen)?;
    rules::outcomes(
        &settings,
        &requests,
        &calls.results,
        &server.seen,
        (calls.took, calls.late),
    )?;
    let mut tally = Tally {
        requests: server.seen.len(),
        clips: calls.results.iter().filter(|result| result.is_ok()).count(),
        saved: 0,
    };
    let clip = calls.results.into_iter().next().and_then(Result::ok);
    if let Some(clip) = clip.filter(|_| saves) {
        let is_saved = save(&settings, started, calls.took, clip, &mut rng, verbose)?;
        tally.saved = usize::from(is_saved);
    }
    Ok(tally)
}

/// Simulates the transfer of the clip, as in `save-clip`, and returns whether it is saved.
fn save(
    settings: &Settings,
    started: Timestamp,
    begins: Duration,
    clip: Clip,
    rng: &mut TestRng,
    verbose: bool,
) -> Result<bool, String> {
    let destination = Destination::parse(DESTINATION).unwrap();
    let mut random = fork(rng);
    let mut lateness = Lateness::new(fork(rng));
    let media = std::cell::RefCell::new(Media::new(fork(rng), verbose));
    let call = match Transfer::new(settings, started, clip, destination) {
        Ok(transfer) => transfer::drive(
            transfer,
            begins,
            || random.random(),
            || lateness.draw(),
            |now, get| media.borrow_mut().head(now, get),
            |now, put| media.borrow_mut().store(now, put),
        ),
        Err(error) => return rules::hides_secrets(&error).map(|()| false),
    };
    if verbose {
        println!("after {:?}: {:?}", call.took, call.result);
    }
    let most = settings.max_attempts as usize;
    rules::in_time(settings, call.took, call.late)?;
    rule!(
        call.puts <= most && call.asked.len() <= most * 4,
        "too many attempts to save"
    );
    rules::hides_secrets(&call.result)?;
    if let Err(ClipError::Permanent(failure)) = &call.result {
        rule!(
            failure.retry_after_seconds.is_none(),
            "permanent with a wait"
        );
    }
    if let Err(error) = &call.result {
        let failure = error.failure();
        rule!(
            failure.attempts as usize <= most,
            "{} tries",
            failure.attempts
        );
        rule!(
            failure.retry_after_seconds != Some(0),
            "transient without a wait"
        );
    }
    media
        .into_inner()
        .check(call.result.as_ref().ok().map(|saved| &saved.digest))?;
    Ok(call.result.is_ok())
}

fn fork(rng: &mut TestRng) -> TestRng {
    TestRng::from_seed(RngAlgorithm::ChaCha, &rng.random::<[u8; 32]>())
}

fn settings(rng: &mut TestRng) -> Vec<(&'static str, String)> {
    let few = rng.random_bool(0.3);
    let deadline = rng.random_range(1..if few { 6 } else { 200 });
    let mut variables = vec![
        ("MV_CLIP_DEADLINE_SECONDS", deadline.to_string()),
        (
            "MV_CLIP_ATTEMPT_TIMEOUT_SECONDS",
            rng.random_range(1..60).to_string(),
        ),
        ("MV_CLIP_MAX_ATTEMPTS", rng.random_range(1..=10).to_string()),
        (
            "MV_CLIP_REQUESTS_PER_SECOND",
            pick(rng, &[1, 2, 5, 10, 100]).to_string(),
        ),
        ("MV_CLIP_LAG_SECONDS", rng.random_range(0..120).to_string()),
    ];
    variables.push(("MERAKI_DASHBOARD_API_KEY", KEY.into()));
    let bases = [
        "https://api.meraki.com/api/v1",
        "https://api.meraki.ca/api/v1",
        "https://api.meraki.cn/api/v1",
        "https://api.meraki.in/api/v1",
        "https://api.gov-meraki.com/api/v1",
        "https://proxy.corp.example/meraki",
        "http://127.0.0.1:8080/api/v1",
    ];
    if rng.random_bool(0.6) {
        variables.push(("MERAKI_BASE_URL", pick(rng, &bases).into()));
    }
    if rng.random_bool(0.1) {
        let days = rng.random_range(1..=365);
        variables.push(("MV_CLIP_RETENTION_DAYS", days.to_string()));
    }
    variables
}

/// The requests of a clip, a range or a coverage, in the past, now or in the future.
fn ask(rng: &mut TestRng, started: Timestamp) -> Vec<Result<ClipRequest, Failure>> {
    const SERIAL: &str = "Q2XX-ABCD-1234";
    let around = clock::asked_around(rng, started);
    let end = match rng.random_range(0..10) {
        0 => around + Duration::from_millis(rng.random_range(0..200_000)),
        1..=5 => around - Duration::from_millis(rng.random_range(0..400_000)),
        _ => around - Duration::from_secs(86_400),
    };
    match rng.random_range(0..10) {
        0 => {
            let length = Duration::from_secs(rng.random_range(1..4_000));
            let range = events::range(SERIAL, &(end - length).to_string(), &end.to_string(), None);
            range.unwrap().into_iter().map(Ok).collect()
        }
        1 => {
            let serials = [
                "Q2XX-ABCD-1234",
                "q2xx-abcd-1234",
                "Q2XX-ABCD-0001",
                "Q2XX-ABCD-0002",
                "nonsense",
            ];
            let serials: Vec<String> = (0..rng.random_range(0..8))
                .map(|_| pick(rng, &serials).into())
                .collect();
            events::coverage(&serials, &end.to_string(), None)
                .unwrap()
                .requests
        }
        _ => {
            let length = Duration::from_secs(rng.random_range(1..=300));
            let request =
                ClipRequest::parse(SERIAL, &(end - length).to_string(), &end.to_string(), None);
            vec![request]
        }
    }
}
