//! The calls of a host: whose turn it is, who is under way, and how all of them come to an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::clip::{CallError, Phase};
use crate::deadline::Deadline;

/// What became of the calls that were under way when a host began to shut down: see
/// [`ClipHost::shut_down`](crate::ClipHost::shut_down).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// So many came to their own end within the grace, whatever that was, or were dropped by whoever made them.
    pub ended: usize,
    /// So many were ended, and answered with [`CallError::ShuttingDown`].
    pub cut: usize,
    /// So many are still there, although they were ended: whoever made them has stopped polling them, and they are
    /// answered once polled again. Most often, because they are in another branch of a `select!`.
    pub left: usize,
}

/// A call that is polled notices within a few milliseconds that it was ended.
const NOTICE: Duration = Duration::from_secs(5);

/// All calls of one host and of those that share its turns.
#[derive(Clone)]
pub(crate) struct Calls(Arc<Shared>);

struct Shared {
    /// Closed by a shut-down, which ends the wait for a turn.
    turns: Arc<Semaphore>,
    /// Closed by a shut-down: from then on, who comes is turned away.
    tracker: TaskTracker,
    /// Ends what the grace was too short for.
    cut: CancellationToken,
    ended: AtomicUsize,
    cut_off: AtomicUsize,
}

impl Calls {
    /// At most so many run at once.
    pub(crate) fn at_most(calls: usize) -> Self {
        Self(Arc::new(Shared {
            turns: Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))),
            tracker: TaskTracker::new(),
            cut: CancellationToken::new(),
            ended: AtomicUsize::new(0),
            cut_off: AtomicUsize::new(0),
        }))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    ///
    /// [`CallError::WallTime`] where it does not come by the deadline, [`CallError::ShuttingDown`] where
    /// it never will.
    pub(crate) async fn begin(&self, deadline: Deadline) -> Result<Call, CallError> {
        let Self(shared) = self;
        // In this order: who finds the tracker open has been counted by whoever closes it.
        let counted = shared.tracker.token();
        if shared.tracker.is_closed() {
            return Err(CallError::ShuttingDown);
        }
        let turn = Arc::clone(&shared.turns).acquire_owned();
        let turn = deadline.bound(Phase::Waiting, turn).await?;
        Ok(Call {
            deadline,
            is_cut: AtomicBool::new(false),
            calls: Arc::clone(shared),
            _turn: turn.map_err(|_| CallError::ShuttingDown)?,
            _counted: counted,
        })
    }

    /// Turns away who waits or comes, and ends after `grace` what is under way then.
    pub(crate) async fn shut_down(&self, grace: Duration) -> Shutdown {
        let Self(shared) = self;
        shared.tracker.close();
        shared.turns.close();
        if timeout(grace, shared.tracker.wait()).await.is_err() {
            shared.cut.cancel();
            // What is left then is counted.
            let _ = timeout(NOTICE, shared.tracker.wait()).await;
        }
        Shutdown {
            ended: shared.ended.load(Ordering::Relaxed),
            cut: shared.cut_off.load(Ordering::Relaxed),
            left: shared.tracker.len(),
        }
    }
}

/// One call that has its turn. It is under way until this is dropped.
pub(crate) struct Call {
    pub(crate) deadline: Deadline,
    is_cut: AtomicBool,
    calls: Arc<Shared>,
    /// Held for its drop, which lets the next call in.
    _turn: OwnedSemaphorePermit,
    /// Held for its drop, which a shut-down waits for.
    _counted: TaskTrackerToken,
}

impl Call {
    /// Drops `future` if it is not done by the deadline, or by the end of a shut-down's grace.
    pub(crate) async fn bound<T>(
        &self,
        phase: Phase,
        future: impl Future<Output = T>,
    ) -> Result<T, CallError> {
        let bounded = self.deadline.bound(phase, future);
        match self.calls.cut.run_until_cancelled(bounded).await {
            Some(result) => result,
            None => {
                self.is_cut.store(true, Ordering::Relaxed);
                Err(CallError::ShuttingDown)
            }
        }
    }
}

impl Drop for Call {
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
    fn assert_turned_away<T>(result: Result<T, CallError>) {
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
    async fn with_nothing_under_way_it_is_over_at_once_and_any_number_of_times() {
        let calls = Calls::at_most(1);
        drop(calls.begin(hour()).await.unwrap());
        for _ in 0..2 {
            assert_eq!(calls.shut_down(LONG).await, outcome(0, 0, 0));
            assert_turned_away(calls.begin(hour()).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_turned_away_at_once_and_who_runs_has_the_grace() {
        let calls = Calls::at_most(1);
        let call = calls.begin(hour()).await.unwrap();
        let mut waiting = pin!(calls.begin(hour()));
        let mut shut_down = pin!(calls.shut_down(LONG));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(context).is_pending());
        assert!(shut_down.as_mut().poll(context).is_pending());
        assert_turned_away(waiting.await);
        assert_turned_away(calls.begin(hour()).await);

        sleep(TICK).await;
        assert!(shut_down.as_mut().poll(context).is_pending());
        assert_eq!(call.bound(Phase::Running, ready(7)).await.unwrap(), 7);
        drop(call);
        assert_eq!(shut_down.await, outcome(1, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_after_the_grace_is_cut_and_then_nothing_begins_in_it() {
        let calls = Calls::at_most(3);
        let quick = calls.begin(hour()).await.unwrap();
        let slow = calls.begin(hour()).await.unwrap();
        let idle = calls.begin(hour()).await.unwrap();
        let running = async {
            sleep(TICK).await;
            drop(quick);
            assert_turned_away(slow.bound(Phase::Running, pending::<()>()).await);
            assert_turned_away(slow.bound(Phase::Running, ready(())).await);
            drop(slow);
            drop(idle);
        };
        let started = Instant::now();
        let (done, ()) = tokio::join!(calls.shut_down(3 * TICK), running);
        assert_eq!(done, outcome(2, 1, 0));
        assert_took(started, 3 * TICK);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_shut_downs_the_shorter_grace_counts_and_both_say_the_same() {
        let calls = Calls::at_most(1);
        let call = calls.begin(hour()).await.unwrap();
        let running = async {
            assert_turned_away(call.bound(Phase::Running, pending::<()>()).await);
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
    async fn a_call_that_nobody_polls_is_not_waited_for_for_ever() {
        let calls = Calls::at_most(1);
        let call = calls.begin(hour()).await.unwrap();
        let kept = call.bound(Phase::Running, pending::<()>());
        let started = Instant::now();
        let done = calls.shut_down(TICK).await;
        assert_took(started, TICK + NOTICE);
        assert_eq!(done, outcome(0, 0, 1));
        assert_turned_away(kept.await);
    }
}
