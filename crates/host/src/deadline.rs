//! The wall time of one call.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::error::{CallError, Phase};

/// When a call has to end. Counts from its creation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    started: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self {
            started: Instant::now(),
            limit,
        }
    }

    /// How long the call has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Drops `future` if it is not done by the deadline.
    pub(crate) async fn bound<T>(
        &self,
        phase: Phase,
        future: impl Future<Output = T>,
    ) -> Result<T, CallError> {
        // A limit of centuries is no limit.
        let Some(at) = self.started.checked_add(self.limit) else {
            return Ok(future.await);
        };
        timeout_at(at, future)
            .await
            .map_err(|_| CallError::WallTime {
                limit: self.limit,
                phase,
            })
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn phases_share_one_deadline() {
        let limit = Duration::from_secs(50);
        let deadline = Deadline::after(limit);
        for phase in [Phase::Waiting, Phase::Starting, Phase::Running] {
            let error = deadline.bound(phase, pending::<()>()).await.unwrap_err();
            assert!(
                matches!(error, CallError::WallTime { limit: l, phase: p } if l == limit && p == phase),
                "{error:?}"
            );
            // tokio's timers have steps of a millisecond.
            let late = deadline.elapsed() - limit;
            assert!(late <= Duration::from_millis(1), "{late:?}");
        }
    }

    #[tokio::test]
    async fn the_longest_limit_is_none() {
        let deadline = Deadline::after(Duration::MAX);
        assert_eq!(deadline.bound(Phase::Running, ready(7)).await.unwrap(), 7);
    }
}
