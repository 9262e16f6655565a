//! Shares the processor among the calls of a host.
//!
//! Each guest that computes gives way at every tick of the epoch. With many of them, a round would still take a tick for
//! each, and a call beside them takes several rounds. So a call that has computed for longer than [`FREE`] goes on only
//! with one of few permits. It gives its permit back when it gives way or waits, after all tasks that are ready have run.
//! The call that has computed least is next. A call for one clip computes for less than [`FREE`].

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

/// How long a call computes without a permit.
const FREE: Duration = Duration::from_millis(10);

/// How long a free permit waits for the call that is next. Nobody may be polling that call.
const PATIENCE: Duration = Duration::from_millis(50);

/// The processor, as the calls of one host may use it.
#[derive(Clone, Debug)]
pub(crate) struct Processor(Arc<Mutex<Queue>>);

#[derive(Debug)]
struct Queue {
    permits: usize,
    waiting: BTreeMap<Key, Waker>,
    /// How long the call had computed that got a permit last. A call that comes later counts as having computed as long:
    /// otherwise it would go first until it has.
    floor: Duration,
    calls: u64,
}

/// How long a call has computed, and its number.
type Key = (Duration, u64);

/// What one call computes.
#[derive(Debug)]
pub(crate) struct Share {
    processor: Processor,
    number: u64,
    used: Mutex<Duration>,
    /// The permit of a call that gave way, until it returns.
    kept: Arc<Mutex<Option<Permit>>>,
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
            floor: Duration::ZERO,
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
            kept: Arc::default(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0)
    }
}

impl Share {
    /// Runs a part of the call. The time in which it is polled counts, and that in which it waits does not.
    pub(crate) async fn run<F: Future>(&self, part: F) -> F::Output {
        // tokio's clock: where tests stop it, no call computes for long.
        let started = Instant::now();
        self.run_by(|| started.elapsed(), part).await
    }

    async fn run_by<F: Future>(&self, clock: impl Fn() -> Duration, part: F) -> F::Output {
        let mut part = pin!(part);
        let mut entry = QueueEntry::new(self);
        poll_fn(|context| {
            let used = *lock(&self.used);
            let permit = match used < FREE {
                true => None,
                false => Some(ready!(entry.poll_permit(used, context))),
            };
            let started = clock();
            let polled = part.as_mut().poll(context);
            *lock(&self.used) += clock().saturating_sub(started);
            if let (Poll::Pending, Some(permit)) = (&polled, permit) {
                self.return_later(permit);
            }
            polled
        })
        .await
    }

    /// Returns a permit when all tasks have run that are ready now.
    fn return_later(&self, permit: Permit) {
        *lock(&self.kept) = Some(permit);
        let kept = Arc::clone(&self.kept);
        tokio::spawn(async move {
            yield_now().await;
            drop(lock(&kept).take());
        });
    }
}

/// Lets one call compute.
#[derive(Debug)]
struct Permit(Processor);

impl Drop for Permit {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.permits += 1;
        let next = queue.waiting.first_key_value();
        let next = next.map(|(key, waker)| (*key, waker.clone()));
        drop(queue);
        if let Some((key, waker)) = next {
            waker.wake();
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(skip(self.0.clone(), key));
            }
        }
    }
}

/// Lets others go first while nobody polls the call that is next.
async fn skip(processor: Processor, mut next: Key) {
    loop {
        sleep(PATIENCE).await;
        let mut queue = processor.queue();
        let first = queue.waiting.first_key_value().map(|(key, _)| *key);
        if queue.permits == 0 || first != Some(next) {
            return;
        }
        // Whoever polls it adds it again.
        queue.waiting.remove(&next);
        let Some((key, waker)) = queue.waiting.first_key_value() else {
            return;
        };
        next = *key;
        let waker = waker.clone();
        drop(queue);
        waker.wake();
    }
}

/// A call in the queue.
struct QueueEntry<'a> {
    share: &'a Share,
    key: Option<Key>,
}

impl<'a> QueueEntry<'a> {
    fn new(share: &'a Share) -> Self {
        Self { share, key: None }
    }

    fn poll_permit(&mut self, used: Duration, context: &Context<'_>) -> Poll<Permit> {
        let processor = &self.share.processor;
        let kept = lock(&self.share.kept).take();
        let mut queue = processor.queue();
        if queue.waiting.is_empty()
            && let Some(kept) = kept
        {
            return Poll::Ready(kept);
        } else if kept.is_some() {
            // Its drop needs the lock.
            drop(queue);
            drop(kept);
            queue = processor.queue();
        }
        let key = *self
            .key
            .get_or_insert((used.max(queue.floor), self.share.number));
        let first = queue.waiting.keys().next();
        if queue.permits > 0 && first.is_none_or(|first| key <= *first) {
            queue.permits -= 1;
            queue.waiting.remove(&key);
            queue.floor = queue.floor.max(key.0);
            *lock(&self.share.used) = key.0;
            self.key = None;
            // Another permit may be free for the next.
            let next = queue.waiting.values().next().filter(|_| queue.permits > 0);
            let next = next.cloned();
            drop(queue);
            next.into_iter().for_each(Waker::wake);
            return Poll::Ready(Permit(processor.clone()));
        }
        queue.waiting.insert(key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for QueueEntry<'_> {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let mut queue = self.share.processor.queue();
        queue.waiting.remove(&key);
        let next = queue.waiting.values().next().filter(|_| queue.permits > 0);
        let next = next.cloned();
        drop(queue);
        next.into_iter().for_each(Waker::wake);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "processor_tests.rs"]
mod tests;
