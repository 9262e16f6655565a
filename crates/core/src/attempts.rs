//! [`Attempts`]: the attempt loop that [`Fetch`](crate::fetch::Fetch) and
//! [`Transfer`](crate::transfer::Transfer) have in common.
//!
//! It counts attempts, applies retry policy and deadline, and turns a failed attempt into the time of the next
//! one or into the error that the caller gets. All times are counted from the start of the call.

use std::time::Duration;

use crate::error::{ClipError, Failure, FailureKind};
use crate::retry::{self, RetryDecision, Retryability, StopReason, whole_seconds};
use crate::settings::Settings;
use crate::time::Timestamp;

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    settings: &'a Settings,
    started: Timestamp,
    /// The shortest time between the starts of two attempts.
    min_interval: Duration,
    not_before: Duration,
    count: u32,
    last_start: Duration,
    /// Why the last attempt failed, if another one follows.
    last_failure: Option<AttemptFailure>,
}

/// Why an attempt failed, and what the caller is told if no other one follows.
#[derive(Debug)]
pub(crate) struct AttemptFailure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
    /// A sentence with the server's own words, to end the message; with a space before it.
    pub(crate) server_message: String,
    pub(crate) status: Option<u16>,
    pub(crate) request_id: Option<String>,
    pub(crate) retryability: Retryability,
    /// The shortest time after which the caller should try again, if that is known without the server.
    pub(crate) min_retry_after: Option<Duration>,
}

/// Whether the next request may be sent.
pub(crate) enum Readiness {
    /// Send it now.
    Ready,
    /// Wait until then.
    Wait(Duration),
    /// The deadline is past, or the next request would be: end the call with [`Attempts::expire`].
    Expired,
}

impl<'a> Attempts<'a> {
    /// The attempts of a call that started at `started`, of which the first may start at `not_before`.
    pub(crate) fn new(
        settings: &'a Settings,
        started: Timestamp,
        not_before: Duration,
        min_interval: Duration,
    ) -> Self {
        Self {
            settings,
            started,
            min_interval,
            not_before,
            count: 0,
            last_start: Duration::ZERO,
            last_failure: None,
        }
    }

    /// The number of attempts started so far.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The wall clock, `elapsed` after the start of the call.
    pub(crate) fn wall_clock(&self, elapsed: Duration) -> Timestamp {
        self.started + elapsed
    }

    /// When a request that is sent now must have its response.
    pub(crate) fn attempt_deadline(&self, elapsed: Duration) -> Duration {
        let Settings {
            deadline,
            attempt_timeout,
            ..
        } = *self.settings;
        deadline.min(elapsed + attempt_timeout)
    }

    /// Says whether the next request may be sent now.
    pub(crate) fn readiness(&self, elapsed: Duration) -> Readiness {
        if self.not_before.max(elapsed) >= self.settings.deadline {
            Readiness::Expired
        } else if elapsed < self.not_before {
            Readiness::Wait(self.not_before)
        } else {
            Readiness::Ready
        }
    }

    /// Starts an attempt.
    pub(crate) fn start(&mut self, elapsed: Duration) {
        self.count += 1;
        self.last_start = elapsed;
    }

    /// Continues an attempt with another request, which may be sent at once.
    pub(crate) fn proceed(&mut self, elapsed: Duration) {
        self.not_before = elapsed;
    }

    /// Ends an attempt that failed, and gives the time of the next one or the error that ends the call.
    ///
    /// `retry_after` is the value of the header, and `random` is as in [`retry::decide`].
    pub(crate) fn fail(
        &mut self,
        elapsed: Duration,
        failure: AttemptFailure,
        retry_after: Option<&str>,
        random: impl FnOnce() -> u64,
    ) -> Result<Duration, ClipError> {
        let now = self.wall_clock(elapsed);
        let retry_after = retry_after.and_then(|value| retry::retry_after(value, now));
        let retryability = failure.retryability;
        let decision = retry::decide(
            self.settings,
            retryability,
            self.count,
            elapsed,
            retry_after,
            random,
        );
        match decision {
            RetryDecision::Permanent => Err(ClipError::Permanent(self.failure(
                failure,
                StopReason::NotRetryable,
                None,
            ))),
            RetryDecision::Transient(reason, wait) => Err(self.transient(failure, reason, wait)),
            RetryDecision::Retry(at) => {
                self.not_before = at.max(self.last_start + self.min_interval);
                if self.not_before >= self.settings.deadline {
                    let wait = self.not_before.saturating_sub(elapsed);
                    return Err(self.transient(failure, StopReason::PastDeadline, Some(wait)));
                }
                self.last_failure = Some(failure);
                Ok(self.not_before)
            }
        }
    }

    /// Gives the error of a call that expired: that of the last attempt, or `timed_out` if none has failed yet.
    pub(crate) fn expire(&mut self, elapsed: Duration, timed_out: AttemptFailure) -> ClipError {
        let wait = Some(self.not_before.saturating_sub(elapsed));
        match self.last_failure.take() {
            Some(failure) => self.transient(failure, StopReason::PastDeadline, wait),
            None => self.transient(timed_out, StopReason::NotRetryable, wait),
        }
    }

    fn transient(
        &self,
        failure: AttemptFailure,
        reason: StopReason,
        wait: Option<Duration>,
    ) -> ClipError {
        let wait = match failure.min_retry_after {
            Some(min) => Some(wait.unwrap_or_default().max(min)),
            None => wait,
        };
        let seconds = wait.map(whole_seconds).filter(|seconds| *seconds > 0);
        ClipError::Transient(self.failure(failure, reason, seconds))
    }

    fn failure(
        &self,
        failure: AttemptFailure,
        reason: StopReason,
        retry_after_seconds: Option<u32>,
    ) -> Failure {
        let reason = reason.message(self.settings, self.count);
        Failure {
            kind: failure.kind,
            message: failure.message + &reason + &failure.server_message,
            status: failure.status,
            request_id: failure.request_id,
            attempts: self.count,
            retry_after_seconds,
        }
    }
}
