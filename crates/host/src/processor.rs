//! Shares the processor among the calls of a host.
//!
//! Each guest that computes gives way at every tick of the epoch. With many of them, a round would still take a tick for
//! each, and a call beside them takes several rounds. So a guest that has computed for longer than [`FREE`] goes on only
//! with one of few permits, and gives it back whenever it gives way or waits, after all others. A call for a clip computes for less.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::yield_now;

/// How long a call computes without a permit. A call for one clip takes a fraction of a millisecond.
const FREE: Duration = Duration::from_millis(10);

/// The processor, as the calls of one host may use it.
#[derive(Clone, Debug)]
pub(crate) struct Processor(Arc<Mutex<Queue>>);

#[derive(Debug)]
struct Queue {
    permits: usize,
    /// By how long they have computed, and by their number.
    waiting: BTreeMap<(Duration, u64), Waker>,
    calls: u64,
}

/// What one call has computed.
#[derive(Debug)]
pub(crate) struct Share {
    processor: Processor,
    number: u64,
    used: Mutex<Duration>,
}

impl Processor {
    /// For the runtime of this thread: one of its threads stays free for other calls, if there are several.
    pub(crate) fn of_this_runtime() -> Self {
        let threads = Handle::try_current().map_or(1, |runtime| runtime.metrics().num_workers());
        Self::with_permits(threads.saturating_sub(1).max(1))
    }

    fn with_permits(permits: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            permits,
            waiting: BTreeMap::new(),
            calls: 0,
        })))
    }

    /// The share of a new call.
    pub(crate) fn share(&self) -> Share {
        let mut queue = self.queue();
        queue.calls += 1;
        Share {
            processor: self.clone(),
            number: queue.calls,
            used: Mutex::default(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0)
    }
}

impl Share {
    /// Runs a part of the call. The time in which it is polled counts, and that in which it waits does not.
    pub(crate) async fn run<F: Future>(&self, part: F) -> F::Output {
        let mut part = pin!(part);
        let mut place = Place::new(self);
        poll_fn(|context| {
            let permit = match *lock(&self.used) {
                used if used < FREE => None,
                used => Some(ready!(place.poll_permit(used, context))),
            };
            let started = Instant::now();
            let polled = part.as_mut().poll(context);
            *lock(&self.used) += started.elapsed();
            if let (Poll::Pending, Some(permit)) = (&polled, permit) {
                // Later, so that all tasks that are ready now run before the next call with a permit.
                tokio::spawn(async move {
                    yield_now().await;
                    drop(permit);
                });
            }
            polled
        })
        .await
    }
}

/// Lets one call compute.
struct Permit(Processor);

impl Drop for Permit {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.permits += 1;
        // All of them, because nobody may be polling the first. A runtime polls tasks in the order in which they are
        // woken, so those that have computed least come first.
        let waiting: Vec<_> = queue.waiting.values().cloned().collect();
        drop(queue);
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// The place of a call in the queue.
struct Place<'a> {
    share: &'a Share,
    key: Option<(Duration, u64)>,
}

impl<'a> Place<'a> {
    fn new(share: &'a Share) -> Self {
        Self { share, key: None }
    }

    fn poll_permit(&mut self, used: Duration, context: &Context<'_>) -> Poll<Permit> {
        let processor = &self.share.processor;
        let mut queue = processor.queue();
        let is_next = self.key.is_some() || queue.waiting.is_empty();
        if queue.permits > 0 && is_next {
            queue.permits -= 1;
            if let Some(key) = self.key.take() {
                queue.waiting.remove(&key);
            }
            return Poll::Ready(Permit(processor.clone()));
        }
        let key = *self.key.get_or_insert((used, self.share.number));
        queue.waiting.insert(key, context.waker().clone());
        if queue.permits > 0 {
            // Those that waited before have been woken. If nobody polls them, it is this one's turn.
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.share.processor.queue().waiting.remove(&key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use futures_util::FutureExt as _;
    use tokio::task::JoinHandle;

    use super::*;

    const CALLS: usize = 20;

    /// A call that computes until it is aborted, and gives way after each tick.
    fn computing(processor: &Processor, ticks: &Arc<AtomicUsize>) -> JoinHandle<()> {
        let (share, ticks) = (processor.share(), Arc::clone(ticks));
        let endless = async move {
            loop {
                thread::sleep(FREE);
                ticks.fetch_add(1, Ordering::Relaxed);
                yield_now().await;
            }
        };
        tokio::spawn(async move { share.run(endless).await })
    }

    #[tokio::test]
    async fn a_call_waits_for_one_of_those_that_compute_and_not_for_all() {
        const WAITS: usize = 5;
        let (processor, ticks) = (Processor::with_permits(1), Arc::default());
        let hostile: Vec<_> = (0..CALLS).map(|_| computing(&processor, &ticks)).collect();
        yield_now().await;
        assert_eq!(
            ticks.load(Ordering::Relaxed),
            CALLS,
            "each computes for a tick"
        );
        let quiet = async {
            for _ in 0..WAITS {
                yield_now().await;
            }
        };
        processor.share().run(quiet).await;
        let ticks = ticks.load(Ordering::Relaxed) - CALLS;
        assert!((1..=2 * WAITS).contains(&ticks), "{ticks}");
        hostile.iter().for_each(JoinHandle::abort);
    }

    #[tokio::test]
    async fn those_that_compute_take_turns() {
        let processor = Processor::with_permits(1);
        let each: Vec<Arc<AtomicUsize>> = (0..3).map(|_| Arc::default()).collect();
        let calls = each.iter().map(|ticks| computing(&processor, ticks));
        let calls: Vec<_> = calls.collect();
        let total = || {
            each.iter()
                .map(|ticks| ticks.load(Ordering::Relaxed))
                .sum::<usize>()
        };
        while total() < 30 {
            yield_now().await;
        }
        calls.iter().for_each(JoinHandle::abort);
        for ticks in &each {
            assert!(ticks.load(Ordering::Relaxed) > 5, "{each:?}");
        }
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_or_not_polled_keeps_no_other_from_computing() {
        let processor = Processor::with_permits(1);
        let call = || {
            let share = processor.share();
            async move {
                let part = async {
                    thread::sleep(FREE);
                    yield_now().await;
                    thread::sleep(FREE);
                    yield_now().await;
                };
                share.run(part).await;
            }
        };
        let mut first = Box::pin(call());
        let mut second = Box::pin(call());
        // Both have computed for too long. Neither has the permit while it waits.
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        call().await;
        drop(first);
        drop(second);
        call().await;
        yield_now().await;
        assert_eq!(processor.queue().permits, 1);
        assert!(processor.queue().waiting.is_empty());
    }
}
