//! [`ProgressTimeout`]: the timeout of one attempt of a transfer.

use std::time::Duration;

use mv_clip_core::transport::TransportError;

use crate::clock::Clock;
use crate::incoming::{Body, PendingResponse};
use crate::wasi::http::types::IncomingResponse;
use crate::wasi::io::poll::Pollable;

/// A timeout that restarts with each progress, and a deadline. Past the deadline an exchange times out even with
/// progress: otherwise a server that sends single bytes would never time out.
pub(crate) struct ProgressTimeout<'a> {
    clock: &'a Clock,
    timeout: Duration,
    last_progress: Duration,
    deadline: Duration,
}

impl<'a> ProgressTimeout<'a> {
    /// Expires after `timeout` without progress, and at `deadline`, which is counted from the start of the call.
    pub(crate) fn new(clock: &'a Clock, timeout: Duration, deadline: Duration) -> Self {
        Self {
            clock,
            timeout,
            last_progress: clock.elapsed(),
            deadline,
        }
    }

    /// Expires at `deadline`.
    pub(crate) fn until(clock: &'a Clock, deadline: Duration) -> Self {
        Self::new(clock, deadline, deadline)
    }

    /// Expires after one more timeout, with or without progress, and at the deadline.
    pub(crate) fn last(&self) -> Self {
        let end = self.clock.elapsed().saturating_add(self.timeout);
        Self::until(self.clock, self.deadline.min(end))
    }

    /// Restarts the timeout: there was progress. Fails if it has expired.
    pub(crate) fn reset(&mut self) -> Result<(), TransportError> {
        self.last_progress = self.clock.elapsed();
        self.check(self.last_progress)
    }

    /// Waits for one of these. Fails if the timeout expires.
    pub(crate) fn wait(&self, pollables: &[&Pollable]) -> Result<(), TransportError> {
        let end = self.last_progress.saturating_add(self.timeout);
        let until = self.deadline.min(end);
        self.clock.wait(pollables, until);
        self.check(self.clock.elapsed())
    }

    /// Waits for the head of a response.
    pub(crate) fn take(
        &self,
        response: &PendingResponse,
    ) -> Result<IncomingResponse, TransportError> {
        loop {
            if let Some(result) = response.take() {
                return result;
            }
            self.wait(&[response.pollable()])?;
        }
    }

    /// Waits for the next bytes of a body: at most `max`, and at least one; `None` after the last.
    pub(crate) fn read(
        &mut self,
        body: &Body,
        max: usize,
    ) -> Result<Option<Vec<u8>>, TransportError> {
        loop {
            match body.read(max)? {
                Some(bytes) if bytes.is_empty() => self.wait(&[body.pollable()])?,
                piece => {
                    self.reset()?;
                    return Ok(piece);
                }
            }
        }
    }

    fn check(&self, now: Duration) -> Result<(), TransportError> {
        let idle = now.saturating_sub(self.last_progress);
        let has_time = now < self.deadline && idle < self.timeout;
        has_time.then_some(()).ok_or(TransportError::TimedOut)
    }
}
