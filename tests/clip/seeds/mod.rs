//! A hundred thousand calls, each drawn from a seed: its settings, what is asked, and a server with moods.
//!
//! A seed that fails replays alone, with the story of its call:
//! `MV_CLIP_SEED=7 cargo test --test clip seeds -- --nocapture`. `MV_CLIP_SEEDS` is how many calls there
//! are.

mod media;
mod rules;
mod server;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mv_clip::api::Clip;
use mv_clip::batch::Batch;
use mv_clip::error::{ClipError, Failure};
use mv_clip::events;
use mv_clip::request::ClipRequest;
use mv_clip::settings::Settings;
use mv_clip::time::Timestamp;
use mv_clip::transfer::{Destination, Transfer};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};

use self::media::Media;
use self::rules::{Verdict, rule};
use self::server::{Server, pick};
use crate::simulation::KEY;
use crate::transfer::DESTINATION;
use crate::{batch, transfer};

const CALLS: u64 = 100_000;

#[expect(clippy::disallowed_methods, reason = "how long the test itself takes")]
#[test]
fn every_call_keeps_the_promises_of_the_design() {
    let variable = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    if let Some(seed) = variable("MV_CLIP_SEED") {
        return match simulate(seed, true) {
            Ok(_) => println!("seed {seed}: all rules hold"),
            Err(rule) => panic!("seed {seed}: {rule}"),
        };
    }
    let started = Instant::now();
    let calls = variable("MV_CLIP_SEEDS").unwrap_or(CALLS);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let (requests, clips) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (requests, clips) = (&requests, &clips);
            scope.spawn(move || {
                for seed in (thread..calls).step_by(threads as usize) {
                    let call = catch_unwind(AssertUnwindSafe(|| simulate(seed, false)));
                    let broken = match call {
                        Ok(Ok(tally)) => {
                            requests.fetch_add(tally.requests, Ordering::Relaxed);
                            clips.fetch_add(tally.clips, Ordering::Relaxed);
                            continue;
                        }
                        Ok(Err(rule)) => rule,
                        Err(_) => "it panicked".to_owned(),
                    };
                    panic!(
                        "seed {seed}: {broken}\nreplay it alone: \
                         MV_CLIP_SEED={seed} cargo test --test clip seeds -- --nocapture"
                    );
                }
            });
        }
    });
    println!(
        "{calls} calls simulated, {} requests, {} clips: {:.1} s",
        requests.into_inner(),
        clips.into_inner(),
        started.elapsed().as_secs_f64()
    );
}

#[derive(Default)]
struct Tally {
    requests: usize,
    clips: usize,
}

/// One call, and whether it keeps the rules.
fn simulate(seed: u64, told: bool) -> Result<Tally, String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let variables = settings(&mut rng);
    let settings = Settings::from_variables(variables.clone()).unwrap();
    let started = Timestamp::parse("2026-03-12T15:00:00Z").unwrap();
    let asked = ask(&mut rng, started);
    let ends: Vec<_> = asked
        .iter()
        .map(|one| one.as_ref().ok().map(|one| one.window.end()))
        .collect();
    let requests: Vec<_> = asked.iter().map(|one| one.as_ref().ok().cloned()).collect();
    let saves = asked.len() == 1 && rng.random_bool(0.5);
    let mut random = fork(&mut rng);
    let mut server = Server::new(&settings, started, ends, fork(&mut rng));

    let batch = Batch::new(&settings, asked, started);
    let calls = batch::drive(
        batch,
        || random.random(),
        |now, index, request| server.answer(now, index, request),
    );
    if told {
        println!("{variables:?}\n{} clips are asked for", requests.len());
        for seen in &server.seen {
            println!("{seen:?}");
        }
        println!("after {:?}: {:?}", calls.took, calls.results);
    }
    rules::requests(&settings, &server.seen)?;
    rules::outcomes(
        &settings,
        &requests,
        &calls.results,
        &server.seen,
        calls.took,
    )?;
    let tally = Tally {
        requests: server.seen.len(),
        clips: calls.results.iter().filter(|result| result.is_ok()).count(),
    };
    let clip = calls.results.into_iter().next().and_then(Result::ok);
    if let Some(clip) = clip.filter(|_| saves) {
        save(&settings, started, calls.took, clip, &mut rng, told)?;
    }
    Ok(tally)
}

/// Goes on where the call has a URL, as `save-clip` does.
fn save(
    settings: &Settings,
    started: Timestamp,
    begins: Duration,
    clip: Clip,
    rng: &mut TestRng,
    told: bool,
) -> Verdict {
    let destination = Destination::parse(DESTINATION).unwrap();
    let mut random = fork(rng);
    let media = std::cell::RefCell::new(Media::new(fork(rng)));
    let call = match Transfer::new(settings, started, clip, destination) {
        Ok(transfer) => transfer::drive(
            transfer,
            begins,
            || random.random(),
            |_, get| media.borrow_mut().head(get),
            |_, put| media.borrow_mut().store(put),
        ),
        Err(error) => return rules::hides_secrets(&error),
    };
    if told {
        println!(
            "{} requests to the media host, {} PUTs: {:?}",
            call.asked.len(),
            call.puts,
            call.result
        );
    }
    let most = settings.max_attempts as usize;
    rule!(call.took <= settings.deadline, "deadline: {:?}", call.took);
    rule!(
        call.puts <= most && call.asked.len() <= most * 4,
        "too many tries to save"
    );
    rules::hides_secrets(&call.result)?;
    if let Err(ClipError::Permanent(failure)) = &call.result {
        rule!(
            failure.retry_after_seconds.is_none(),
            "permanent, and yet a wait"
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
            "to be tried again at once"
        );
    }
    media
        .into_inner()
        .check(call.result.as_ref().ok().map(|saved| &saved.digest))
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
    let elsewhere = [
        "https://proxy.corp.example/meraki",
        "http://127.0.0.1:8080/api/v1",
    ];
    if rng.random_bool(0.2) {
        variables.push(("MERAKI_BASE_URL", pick(rng, &elsewhere).into()));
    }
    variables
}

/// A clip, a range or a coverage, long since or just now.
fn ask(rng: &mut TestRng, now: Timestamp) -> Vec<Result<ClipRequest, Failure>> {
    const SERIAL: &str = "Q2XX-ABCD-1234";
    let ago = Duration::from_secs(match rng.random_bool(0.5) {
        true => rng.random_range(0..400),
        false => 86_400,
    });
    let end = now - ago;
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
