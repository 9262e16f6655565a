//! Simulated traffic of one organisation with random faults and a shutdown in the middle. Every call gets one answer,
//! each API request belongs to a call and is within the rate limit, and nothing leaks.

mod call;
mod day;
mod ledger;
mod process;
mod sink;
mod totals;
mod traffic;

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::poll;
use mv_clip_host::{ClipHost, Shutdown};
use tokio::time::{Instant, sleep, timeout};

use self::day::{DRAIN_TIMEOUT, Day, FACTOR, FAULTS, rate_limit};
use self::process::Held;
use self::traffic::Arrival;
use crate::simulated::Simulated;
use crate::support::in_own_process;

/// The environment variable for the number of simulated minutes. CONTRIBUTING.md has the command.
const MINUTES: &str = "MV_CLIP_LOAD_MINUTES";
const FEW_MINUTES: u64 = 2;
const HOUR: u64 = 60;

const NAME: &str = "load::every_call_gets_one_answer_and_leaks_nothing";

/// The grace period of the first shutdown: too short for calls that wait for a silent server.
const GRACE: Duration = Duration::from_millis(500);

/// The maximum duration of a call: its deadline of 15 s, and its time in the queue.
const SLOW: Duration = Duration::from_secs(40);

/// The time limit for the child process, in addition to the duration of the traffic. It is in real time.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(1_800);

/// The maximum number of descriptors of idle connections: 32 to each of two servers, which run in this process too.
const IDLE: usize = 2 * 2 * 32;
/// How far the resident memory may grow, in MiB, until each of the host's 100 instance slots was used.
const WARMING_UP: f64 = 12.0;
/// How many bytes of heap each call may leak, measured between two quiet moments of the second host. An hour of traffic
/// gives 80 to 130 and two hours give 10, because of the calls in flight at either moment. A deliberate leak of
/// 300 bytes gives 410 or more.
const BYTES_PER_CALL: f64 = 200.0;
/// The share of all calls that arrive between those moments.
const SHARE_BETWEEN: f64 = 0.3;
/// How far the heap may grow over the whole test, in KiB. In an hour of traffic it shrinks.
const TOTAL_GROWTH: f64 = 512.0;
/// How far the heap may grow, in KiB, in a run that is too short for quiet moments.
const GROWTH_IN_SHORT_RUN: f64 = 12_288.0;

/// Runs in its own process, so that the resources of other tests do not count.
#[tokio::test]
async fn every_call_gets_one_answer_and_leaks_nothing() {
    let most = Duration::from_secs(60 * minutes()) / FACTOR + PROCESS_TIMEOUT;
    if in_own_process(NAME, most).await {
        let _time = Simulated::time();
        run_day().await;
    }
}

fn minutes() -> u64 {
    std::env::var(MINUTES).map_or(FEW_MINUTES, |minutes| minutes.parse().unwrap())
}

async fn run_day() {
    let minutes = minutes();
    let length = Duration::from_secs(60 * minutes);
    let all = traffic::draw(length);
    let mut day = Day::start(all.len(), length).await;
    // The first host of a process opens some descriptors for the lifetime of the process.
    drop(day.host());
    let before = Held::now();

    let first = day.host();
    let arrivals = &mut all.as_slice();
    let second_half = all.partition_point(|arrival| arrival.at < length / 2);
    let second_half = all.len() - second_half;
    day.begin();
    while arrivals.len() > second_half {
        day.step(arrivals, &first).await;
    }
    let Shutdown { ended, cut, left } = shut_down(&mut day, arrivals, first, GRACE).await;
    let (overtaken, late) = (day.overtaken, day.late);

    let second = day.host();
    while !arrivals.is_empty() {
        day.step(arrivals, &second).await;
    }
    let last = shut_down(&mut day, arrivals, second, Duration::MAX).await;

    let (at_first, at_last) = (day.at_first.held(), day.at_last.held());
    let (ledger, sink, mock) = day.end().await;
    let lost = ledger.lost();
    eprintln!("calls lost: {lost}");
    assert_eq!(lost, 0);
    let totals = ledger.settle(&sink);
    let after = settled(before).await;
    drop(mock);

    eprintln!("{minutes} simulated minutes, {FACTOR} times as fast: {totals}");
    eprintln!(
        "shutdown in the middle: {ended} calls finished, {cut} were cancelled, {} never started, {late} came later",
        overtaken - cut
    );
    let is_hard = cut > 0 && overtaken > cut && late > 0;
    assert!(
        is_hard && ended > 0,
        "the shutdown affected too few calls: {ended} finished, {cut} cancelled, {overtaken} rejected, {late} late"
    );
    assert_eq!(last.cut, 0, "no call is cancelled without a time limit");
    assert_eq!((left, last.left), (0, 0), "no call is left");
    totals.assert_within(rate_limit(), FAULTS, SLOW);
    match (before, at_first, at_last, after) {
        (Some(before), Some(first), Some(last), Some(after)) => {
            eprintln!(
                "before: {before}; early in the second host: {first}; late: {last}; after: {after}"
            );
            for later in [last, after] {
                let more = later.memory - first.memory;
                assert!(more < WARMING_UP, "resident memory grows");
            }
            let more = last.heap - first.heap;
            let most = if minutes < HOUR {
                GROWTH_IN_SHORT_RUN
            } else {
                BYTES_PER_CALL * SHARE_BETWEEN * f64::from(u32::try_from(all.len()).unwrap())
                    / 1024.0
            };
            assert!(more < most, "a host leaks {more} KiB");
            let more = after.heap - before.heap;
            assert!(more < TOTAL_GROWTH, "hosts leak {more} KiB");
            let more = last.descriptors.saturating_sub(first.descriptors);
            assert!(more <= IDLE, "descriptors leak");
            assert_eq!(after.descriptors, before.descriptors, "open descriptors");
        }
        _ if cfg!(target_os = "linux") && minutes >= HOUR => {
            panic!("a part of the test has no measurement")
        }
        _ => {
            eprintln!("skipped: memory and descriptors, which need Linux's /proc and a longer run")
        }
    }
}

/// Shuts a host down while calls continue to arrive, and drops it.
async fn shut_down(
    day: &mut Day,
    arrivals: &mut &[Arrival],
    host: ClipHost,
    grace: Duration,
) -> Shutdown {
    let mut shutting_down = pin!(timeout(SLOW, host.shut_down(grace)));
    let done = loop {
        // After the first poll the host accepts no calls.
        let done = poll!(&mut shutting_down);
        day.closing();
        if let Poll::Ready(done) = done {
            break done;
        }
        day.step(arrivals, &host).await;
    };
    day.drain().await;
    done.expect("the shutdown completes")
}

/// The resources in use after connections have closed, which takes a moment.
async fn settled(before: Option<Held>) -> Option<Held> {
    let until = Instant::now() + DRAIN_TIMEOUT;
    loop {
        let now = Held::now();
        let descriptors = |held: Option<Held>| held.map(|held| held.descriptors);
        if descriptors(now) <= descriptors(before) || Instant::now() > until {
            return now;
        }
        sleep(Duration::from_millis(50)).await;
    }
}
