//! The calls of a host: how many run at once, and how a shutdown ends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::deadline::Deadline;
use crate::error::{CallError, Phase};
use crate::processor::{Processor, Share};

/// What happened to the calls that were under way when a host began to shut down: see
/// [`ClipHost::shut_down`](crate::ClipHost::shut_down).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Calls that finished in time, successfully or not, or that their caller dropped.
    pub ended: usize,
    /// Calls that were stopped, and answered with [`CallError::ShuttingDown`].
    pub cut: usize,
    /// Calls that were stopped, and whose caller has not polled them since: they get their answer at the next
    /// poll. Most often they are in another branch of a `select!`.
    pub left: usize,
}

/// A call that is polled notices within a few milliseconds that it was stopped.
const NOTICE: Duration = Duration::from_secs(5);

/// All calls of one host, and of the hosts that share its limit on concurrent calls.
#[derive(Clone)]
pub(crate) struct Calls(Arc<Shared>);

struct Shared {
    /// A permit for each call that may run. Closed by a shutdown, which ends the wait for one.
    permits: Arc<Semaphore>,
    processor: Processor,
    /// Closed by a shutdown: from then on, new calls are refused.
    tracker: TaskTracker,
    /// Stops the calls that do not finish within the grace period.
    cut: CancellationToken,
    ended: AtomicUsize,
    cut_off: AtomicUsize,
}

impl Calls {
    /// Allows this many calls at once.
    pub(crate) fn at_most(calls: usize) -> Self {
        Self(Arc::new(Shared {
            permits: Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))),
            processor: Processor::of_this_runtime(),
            tracker: TaskTracker::new(),
            cut: CancellationToken::new(),
            ended: AtomicUsize::new(0),
            cut_off: AtomicUsize::new(0),
        }))
    }

    /// Waits until the call may run.
    ///
    /// # Errors
    ///
    /// [`CallError::WallTime`] if the deadline comes first, [`CallError::ShuttingDown`] if the host shuts
    /// down.
    pub(crate) async fn begin(&self, deadline: Deadline) -> Result<RunningCall, CallError> {
        let Self(shared) = self;
        // In this order: a call that finds the tracker open is counted before it closes.
        let counted = shared.tracker.token();
        if shared.tracker.is_closed() {
            return Err(CallError::ShuttingDown);
        }
        let permit = Arc::clone(&shared.permits).acquire_owned();
        let permit = deadline.bound(Phase::Waiting, permit).await?;
        Ok(RunningCall {
            deadline,
            share: shared.processor.share(),
            is_cut: AtomicBool::new(false),
            calls: Arc::clone(shared),
            _permit: permit.map_err(|_| CallError::ShuttingDown)?,
            _counted: counted,
        })
    }

    /// Refuses waiting and new calls, and stops the calls that still run after `grace`.
    pub(crate) async fn shut_down(&self, grace: Duration) -> Shutdown {
        let Self(shared) = self;
        shared.tracker.close();
        shared.permits.close();
        if timeout(grace, shared.tracker.wait()).await.is_err() {
            shared.cut.cancel();
            // Calls that are left after this are reported as such.
            let _ = timeout(NOTICE, shared.tracker.wait()).await;
        }
        Shutdown {
            ended: shared.ended.load(Ordering::Relaxed),
            cut: shared.cut_off.load(Ordering::Relaxed),
            left: shared.tracker.len(),
        }
    }
}

/// A call that may run. It is under way until this is dropped.
pub(crate) struct RunningCall {
    pub(crate) deadline: Deadline,
    share: Share,
    is_cut: AtomicBool,
    calls: Arc<Shared>,
    /// Lets the next call run when it is dropped.
    _permit: OwnedSemaphorePermit,
    /// A shutdown waits until it is dropped.
    _counted: TaskTrackerToken,
}

impl RunningCall {
    /// Drops `future` if it is not done by the deadline, or by the end of a shutdown's grace.
    pub(crate) async fn bound<T>(
        &self,
        phase: Phase,
        future: impl Future<Output = T>,
    ) -> Result<T, CallError> {
        // Guests' futures are large, and each layer around them would hold and move a copy.
        let future = Box::pin(future);
        let bounded = self.deadline.bound(phase, self.share.run(future));
        match self.calls.cut.run_until_cancelled(bounded).await {
            Some(result) => result,
            None => {
                self.is_cut.store(true, Ordering::Relaxed);
                Err(CallError::ShuttingDown)
            }
        }
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        let Shared {
            tracker,
            ended,
            cut_off,
            ..
        } = &*self.calls;
        if tracker.is_closed() {
            let count = if *self.is_cut.get_mut() {
                cut_off
            } else {
                ended
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::task::{Context, Waker};

    use tokio::time::{Instant, sleep};

    use super::*;

    const TICK: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(3600);

    fn outcome(ended: usize, cut: usize, left: usize) -> Shutdown {
        Shutdown { ended, cut, left }
    }

    fn hour() -> Deadline {
        Deadline::after(LONG)
    }

    #[track_caller]
    fn assert_refused<T>(result: Result<T, CallError>) {
        let error = result.map(drop).unwrap_err();
        assert!(matches!(error, CallError::ShuttingDown), "{error:?}");
    }

    #[track_caller]
    fn assert_took(started: Instant, expected: Duration) {
        // tokio's timers have steps of a millisecond.
        let late = started.elapsed() - expected;
        assert!(late <= Duration::from_millis(1), "{late:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_calls_a_shutdown_ends_at_once_any_number_of_times() {
        let calls = Calls::at_most(1);
        drop(calls.begin(hour()).await.unwrap());
        for _ in 0..2 {
            assert_eq!(calls.shut_down(LONG).await, outcome(0, 0, 0));
            assert_refused(calls.begin(hour()).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_calls_are_refused_at_once_and_running_calls_have_the_grace() {
        let calls = Calls::at_most(1);
        let call = calls.begin(hour()).await.unwrap();
        let mut waiting = pin!(calls.begin(hour()));
        let mut shut_down = pin!(calls.shut_down(LONG));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(context).is_pending());
        assert!(shut_down.as_mut().poll(context).is_pending());
        assert_refused(waiting.await);
        assert_refused(calls.begin(hour()).await);

        sleep(TICK).await;
        assert!(shut_down.as_mut().poll(context).is_pending());
        assert_eq!(call.bound(Phase::Running, ready(7)).await.unwrap(), 7);
        drop(call);
        assert_eq!(shut_down.await, outcome(1, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_outlast_the_grace_are_stopped() {
        let calls = Calls::at_most(3);
        let quick = calls.begin(hour()).await.unwrap();
        let slow = calls.begin(hour()).await.unwrap();
        let idle = calls.begin(hour()).await.unwrap();
        let running = async {
            sleep(TICK).await;
            drop(quick);
            assert_refused(slow.bound(Phase::Running, pending::<()>()).await);
            assert_refused(slow.bound(Phase::Running, ready(())).await);
            drop(slow);
            drop(idle);
        };
        let started = Instant::now();
        let (done, ()) = tokio::join!(calls.shut_down(3 * TICK), running);
        assert_eq!(done, outcome(2, 1, 0));
        assert_took(started, 3 * TICK);
    }

    #[tokio::test(start_paused = true)]
    async fn two_shutdowns_use_the_shorter_grace_and_return_the_same() {
        let calls = Calls::at_most(1);
        let call = calls.begin(hour()).await.unwrap();
        let running = async {
            assert_refused(call.bound(Phase::Running, pending::<()>()).await);
            drop(call);
        };
        let started = Instant::now();
        let (patient, hurried, ()) = tokio::join!(
            calls.shut_down(Duration::MAX),
            calls.shut_down(2 * TICK),
            running
        );
        assert_took(started, 2 * TICK);
        assert_eq!(patient, outcome(0, 1, 0));
        assert_eq!(hurried, patient);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_does_not_wait_for_ever_for_a_call_that_nobody_polls() {
        let calls = Calls::at_most(1);
        let call = calls.begin(hour()).await.unwrap();
        let kept = call.bound(Phase::Running, pending::<()>());
        let started = Instant::now();
        let done = calls.shut_down(TICK).await;
        assert_took(started, TICK + NOTICE);
        assert_eq!(done, outcome(0, 0, 1));
        assert_refused(kept.await);
    }
}
