//! [`Batch`]: getting many clips at once, as a state machine.
//!
//! As [`Fetch`], a [`Batch`] decides and does no I/O. Its driver sends each request that it is given, and reports
//! each response when it arrives. Requests are in flight together, but sent no faster than the organisation's
//! rate limit allows. Because that limit is the organisation's, a 429 for one clip delays all of them.

use std::time::Duration;

use crate::api::Clip;
use crate::error::{ClipError, Failure};
use crate::fetch::{self, Fetch};
use crate::request::ClipRequest;
use crate::settings::Settings;
use crate::time::Timestamp;
use crate::transport::{Request, Response, TransportError};

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this request for the clip with this index, call [`Batch::resume`] again, and call
    /// [`Batch::receive`] when there is an outcome.
    Send(usize, Request),
    /// There is nothing to send until this long after the start of the call; a response may arrive earlier.
    Wait(Duration),
    /// There is nothing to send until a response arrives.
    Await,
    /// The call is over. One result for each request, in the order of the requests.
    Done(Vec<Result<Clip, ClipError>>),
}

/// The state of a call for many clips.
#[derive(Debug)]
pub struct Batch<'a> {
    settings: &'a Settings,
    slots: Vec<Slot<'a>>,
    next_send: Duration,
}

/// The state of one clip.
#[derive(Debug)]
struct Slot<'a> {
    /// None if the request was an error from the start.
    fetch: Option<Fetch<'a>>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Has something to send, not before this.
    Waiting(Duration),
    /// Has sent a request.
    InFlight,
    Done(Result<Clip, ClipError>),
}

impl Slot<'_> {
    fn is_redirected(&self) -> bool {
        self.fetch.as_ref().is_some_and(Fetch::is_redirected)
    }

    #[expect(
        clippy::unreachable,
        reason = "called when no clip is waiting or in flight"
    )]
    fn into_result(self) -> Result<Clip, ClipError> {
        match self.state {
            State::Done(result) => result,
            State::Waiting(_) | State::InFlight => unreachable!(),
        }
    }
}

impl<'a> Batch<'a> {
    /// Prepares a call that starts now, at `started`. A request that is an error is not sent: the error is its
    /// result. It does not affect the other requests.
    pub fn new(
        settings: &'a Settings,
        requests: impl IntoIterator<Item = Result<ClipRequest, Failure>>,
        started: Timestamp,
    ) -> Self {
        let slot = |request: Result<ClipRequest, Failure>| {
            let fetch = request
                .map_err(ClipError::Permanent)
                .and_then(|request| Fetch::new(settings, request, started));
            match fetch {
                Ok(fetch) => Slot {
                    fetch: Some(fetch),
                    state: State::Waiting(Duration::ZERO),
                },
                Err(error) => Slot {
                    fetch: None,
                    state: State::Done(Err(error)),
                },
            }
        };
        let slots = requests.into_iter().map(slot).collect();
        Self {
            settings,
            slots,
            next_send: Duration::ZERO,
        }
    }

    /// Gives the next step, `elapsed` after the start of the call. After [`Step::Done`] the batch is empty.
    pub fn resume(&mut self, elapsed: Duration) -> Step {
        while let Some((index, ready)) = self.first_waiting() {
            // A redirect is part of its attempt: it is sent at once, and delays the next request instead.
            let redirected = self.slots.get(index).is_some_and(Slot::is_redirected);
            let paced = if redirected {
                ready
            } else {
                ready.max(self.next_send)
            };
            let at = paced.min(self.settings.deadline);
            if elapsed < at {
                return Step::Wait(at);
            }
            if let Some(request) = self.advance(index, |fetch| fetch.resume(elapsed)) {
                self.next_send = self.next_send.max(elapsed) + self.settings.min_interval;
                return Step::Send(index, request);
            }
        }
        let in_flight = |slot: &Slot<'_>| matches!(slot.state, State::InFlight);
        if self.slots.iter().any(in_flight) {
            return Step::Await;
        }
        let slots = std::mem::take(&mut self.slots).into_iter();
        Step::Done(slots.map(Slot::into_result).collect())
    }

    /// Takes the outcome of the request for the clip with this index, `elapsed` after the start of the call.
    /// `random` is as in [`Fetch::receive`].
    pub fn receive(
        &mut self,
        index: usize,
        elapsed: Duration,
        outcome: Result<Response, TransportError>,
        random: impl FnOnce() -> u64,
    ) {
        let is_rate_limited = outcome
            .as_ref()
            .is_ok_and(|response| response.status == 429);
        self.advance(index, |fetch| fetch.receive(elapsed, outcome, random));
        if is_rate_limited {
            self.delay_all(index, elapsed);
        }
    }

    /// Of the clips with something to send, the one that may send first. Redirects go first, because their
    /// attempt is running.
    fn first_waiting(&self) -> Option<(usize, Duration)> {
        let waiting = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| match slot.state {
                State::Waiting(until) => Some((slot.is_redirected(), index, until)),
                State::InFlight | State::Done(_) => None,
            });
        let first = waiting.min_by_key(|(redirected, _, until)| (!redirected, *until));
        first.map(|(_, index, until)| (index, until))
    }

    /// Does one step for one clip, and returns the request to send now, if there is one.
    fn advance(
        &mut self,
        index: usize,
        step: impl FnOnce(&mut Fetch<'a>) -> fetch::Step,
    ) -> Option<Request> {
        let slot = self.slots.get_mut(index)?;
        let (state, request) = match step(slot.fetch.as_mut()?) {
            fetch::Step::Wait(until) => (State::Waiting(until), None),
            fetch::Step::Send(request) => (State::InFlight, Some(request)),
            fetch::Step::Done(result) => (State::Done(result), None),
        };
        slot.state = state;
        request
    }

    /// Delays all clips for as long as the one with the 429 has to wait. If that is past the deadline, all
    /// waiting clips fail now, with the same failure.
    fn delay_all(&mut self, index: usize, elapsed: Duration) {
        match self.slots.get(index).map(|slot| &slot.state) {
            Some(State::Waiting(until)) => self.next_send = self.next_send.max(*until),
            Some(State::Done(Err(ClipError::Transient(failure)))) => {
                let wait = Duration::from_secs(failure.retry_after_seconds.unwrap_or(0).into());
                self.next_send = self.next_send.max(elapsed.saturating_add(wait));
                if self.next_send >= self.settings.deadline {
                    self.give_up(&failure.clone());
                }
            }
            _ => {}
        }
    }

    fn give_up(&mut self, failure: &Failure) {
        for Slot { fetch, state } in &mut self.slots {
            if let (Some(fetch), State::Waiting(_)) = (fetch, &*state) {
                let failure = Failure {
                    attempts: fetch.attempts(),
                    ..failure.clone()
                };
                *state = State::Done(Err(ClipError::Transient(failure)));
            }
        }
    }
}
