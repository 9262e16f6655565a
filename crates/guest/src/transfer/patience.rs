//! Waiting for what moves: for as long as it does, and until it is time to give up.

use std::time::Duration;

use mv_clip_core::api::TransportError;

use crate::clock::Clock;
use crate::incoming::{Body, Response};
use crate::wasi::http::types::IncomingResponse;
use crate::wasi::io::poll::Pollable;

/// How long to wait for the next thing to move. Once it is time to give up nothing else counts: a
/// server that moves a byte now and then would keep the call for ever.
pub(crate) struct Patience<'a> {
    clock: &'a Clock,
    each: Duration,
    moved_at: Duration,
    give_up_at: Duration,
}

impl<'a> Patience<'a> {
    /// Nothing may take longer than `each`, nor all of it longer than `give_up_at`.
    pub(crate) fn new(clock: &'a Clock, each: Duration, give_up_at: Duration) -> Self {
        Self {
            clock,
            each,
            moved_at: clock.elapsed(),
            give_up_at,
        }
    }

    /// No more than until then.
    pub(crate) fn until(clock: &'a Clock, give_up_at: Duration) -> Self {
        Self::new(clock, give_up_at, give_up_at)
    }

    /// What remains after this, and no more than one wait.
    pub(crate) fn last(&self) -> Self {
        let now = self.clock.elapsed();
        Self::until(
            self.clock,
            self.give_up_at.min(now.saturating_add(self.each)),
        )
    }

    /// Something moved.
    pub(crate) fn moved(&mut self) -> Result<(), TransportError> {
        self.moved_at = self.clock.elapsed();
        self.check(self.moved_at)
    }

    /// Waits for one of these.
    pub(crate) fn wait(&self, pollables: &[&Pollable]) -> Result<(), TransportError> {
        let until = self.give_up_at.min(self.moved_at.saturating_add(self.each));
        self.clock.wait(pollables, until);
        self.check(self.clock.elapsed())
    }

    /// Waits for the head of a reply.
    pub(crate) fn take(&self, response: &Response) -> Result<IncomingResponse, TransportError> {
        loop {
            if let Some(result) = response.take() {
                return result;
            }
            self.wait(&[response.pollable()])?;
        }
    }

    /// Waits for the next bytes of a body: at least one, or nothing after the last.
    pub(crate) fn read(
        &mut self,
        body: &Body,
        most: usize,
    ) -> Result<Option<Vec<u8>>, TransportError> {
        loop {
            match body.read(most)? {
                Some(bytes) if bytes.is_empty() => self.wait(&[body.pollable()])?,
                piece => {
                    self.moved()?;
                    return Ok(piece);
                }
            }
        }
    }

    fn check(&self, now: Duration) -> Result<(), TransportError> {
        let patient = now < self.give_up_at && now.saturating_sub(self.moved_at) < self.each;
        patient.then_some(()).ok_or(TransportError::TimedOut)
    }
}
