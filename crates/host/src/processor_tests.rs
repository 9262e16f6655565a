use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;

use super::*;

/// What calls have computed, in ticks. A tick is [`FREE`].
type Ticks = Arc<AtomicUsize>;

fn count(ticks: &Ticks) -> usize {
    ticks.load(Ordering::Relaxed)
}

fn clock(ticks: &Ticks) -> impl Fn() -> Duration + Send + use<> {
    let ticks = Arc::clone(ticks);
    move || FREE * u32::try_from(count(&ticks)).unwrap()
}

async fn compute(ticks: Ticks) {
    ticks.fetch_add(1, Ordering::Relaxed);
    yield_now().await;
}

/// A call that computes until it is aborted, and gives way after each tick.
fn computing(processor: &Processor, ticks: &Ticks) -> JoinHandle<()> {
    let (share, ticks) = (processor.share(), Arc::clone(ticks));
    tokio::spawn(async move {
        let endless = async {
            loop {
                compute(Arc::clone(&ticks)).await;
            }
        };
        share.run_by(clock(&ticks), endless).await
    })
}

fn all_computing(processor: &Processor, each: &[Ticks]) -> Vec<JoinHandle<()>> {
    let calls = each.iter().map(|ticks| computing(processor, ticks));
    calls.collect()
}

fn ticks_of(calls: usize) -> Vec<Ticks> {
    (0..calls).map(|_| Ticks::default()).collect()
}

fn total(each: &[Ticks]) -> usize {
    each.iter().map(count).sum()
}

#[tokio::test]
async fn a_call_waits_for_one_of_those_that_compute_and_not_for_all() {
    const WAITS: usize = 5;
    let (processor, each) = (Processor::with_permits(1), ticks_of(20));
    let hostile = all_computing(&processor, &each);
    yield_now().await;
    assert_eq!(total(&each), each.len(), "each computes for a tick");
    let quiet = async {
        for _ in 0..WAITS {
            yield_now().await;
        }
    };
    processor.share().run(quiet).await;
    let ticks = total(&each) - each.len();
    assert!((1..=2 * WAITS).contains(&ticks), "{ticks}");
    hostile.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn those_that_compute_take_turns() {
    let (processor, each) = (Processor::with_permits(1), ticks_of(3));
    let calls = all_computing(&processor, &each);
    while total(&each) < 30 {
        yield_now().await;
    }
    calls.iter().for_each(JoinHandle::abort);
    for ticks in &each {
        assert!((9..=11).contains(&count(ticks)), "{each:?}");
    }
}

/// A worker of tokio polls the task first that it woke last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_that_compute_take_turns_on_several_threads() {
    let (processor, each) = (Processor::with_permits(1), ticks_of(10));
    let calls = all_computing(&processor, &each);
    while total(&each) < 1_000 {
        yield_now().await;
    }
    calls.iter().for_each(JoinHandle::abort);
    for ticks in &each {
        assert!(count(ticks) > 10, "{each:?}");
    }
}

/// As a transfer does, which waits for the network again and again.
#[tokio::test]
async fn a_call_that_computes_little_is_before_those_that_compute_much() {
    const PIECES: usize = 50;
    let (processor, each) = (Processor::with_permits(1), ticks_of(20));
    let hostile = all_computing(&processor, &each);
    while total(&each) < 10 * each.len() {
        yield_now().await;
    }
    let before = total(&each);
    let (share, own) = (processor.share(), Ticks::default());
    let transfer = async move {
        let piece = || compute(Arc::clone(&own));
        // From here on it needs a permit.
        share.run_by(clock(&own), piece()).await;
        let pieces = async {
            for _ in 0..PIECES {
                yield_now().await;
            }
        };
        share.run_by(clock(&own), pieces).await;
    };
    tokio::spawn(transfer).await.unwrap();
    let ticks = total(&each) - before;
    assert!(ticks <= 4 * PIECES, "{ticks} ticks for {PIECES} pieces");
    hostile.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn a_call_that_is_dropped_or_not_polled_keeps_no_other_from_computing() {
    let processor = Processor::with_permits(1);
    let call = || {
        let (share, ticks) = (processor.share(), Ticks::default());
        async move {
            let part = async {
                compute(Arc::clone(&ticks)).await;
                compute(Arc::clone(&ticks)).await;
            };
            share.run_by(clock(&ticks), part).await;
        }
    };
    let mut first = Box::pin(call());
    let mut second = Box::pin(call());
    // Both have computed for too long. The first has the permit, which it returns. The second waits, and nobody polls it.
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    call().await;
    drop(first);
    drop(second);
    call().await;
    yield_now().await;
    assert_eq!(processor.queue().permits, 1);
    assert!(processor.queue().waiting.is_empty());
}

#[tokio::test]
async fn a_call_that_computes_alone_does_not_wait() {
    let (processor, ticks) = (Processor::with_permits(1), Ticks::default());
    let share = processor.share();
    let part = async {
        for _ in 0..5 {
            compute(Arc::clone(&ticks)).await;
        }
    };
    let mut polls = 0;
    let mut run = pin!(share.run_by(clock(&ticks), part));
    poll_fn(|context| {
        polls += 1;
        run.as_mut().poll(context)
    })
    .await;
    assert_eq!(polls, 6, "one for each time it gives way, and the last");
}
