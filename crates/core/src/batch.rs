//! Many clips at once: sends are paced to the organisation's rate, replies are awaited together.
//!
//! Like [`Fetch`], a [`Batch`] says what to do next and never does it. Its driver sends what it is
//! given, and reports each reply as it comes. The request limit is the organisation's, so a 429 to
//! one clip holds back all of them.

use std::time::Duration;

use crate::api::{Clip, Reply, Request, TransportError};
use crate::error::{ClipError, Failure};
use crate::fetch::{self, Fetch};
use crate::request::ClipRequest;
use crate::settings::Settings;
use crate::time::Timestamp;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this for the clip with this index, go on, and [`Batch::receive`] what comes back.
    Send(usize, Request),
    /// Nothing is to be sent until this long after the start of the call; a reply may come sooner.
    Wait(Duration),
    /// Nothing is to be sent until a reply comes.
    Await,
    /// All clips have come to an end: [`Batch::into_results`].
    Done,
}

/// The state of one call for many clips.
#[derive(Debug)]
pub struct Batch<'a> {
    settings: &'a Settings,
    slots: Vec<Slot<'a>>,
    next_send: Duration,
}

#[derive(Debug)]
struct Slot<'a> {
    /// None where the request was refused at the outset.
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
}

impl<'a> Batch<'a> {
    /// Prepares a call that starts now, at `started`. A request that could not be parsed has its
    /// outcome already, and leaves the others alone.
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

    /// Goes on, `elapsed` after the start.
    pub fn resume(&mut self, elapsed: Duration) -> Step {
        while let Some((index, ready)) = self.first_waiting() {
            // A redirect is part of its attempt: it is sent at once, and paid for afterwards.
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
                self.next_send = self.next_send.max(elapsed) + self.settings.gap;
                return Step::Send(index, request);
            }
        }
        let in_flight = |slot: &Slot<'_>| matches!(slot.state, State::InFlight);
        if self.slots.iter().any(in_flight) {
            Step::Await
        } else {
            Step::Done
        }
    }

    /// Takes what the request of the clip with this index came to, `elapsed` after the start.
    /// `random` is that of [`Fetch::receive`].
    pub fn receive(
        &mut self,
        index: usize,
        elapsed: Duration,
        outcome: Result<Reply, TransportError>,
        random: impl FnOnce() -> u64,
    ) {
        let limited = outcome.as_ref().is_ok_and(|reply| reply.status == 429);
        self.advance(index, |fetch| fetch.receive(elapsed, outcome, random));
        if limited {
            self.hold_back(index, elapsed);
        }
    }

    /// The outcomes, in the order of the requests. A clip that is not done is left out; there is
    /// none after [`Step::Done`].
    pub fn into_results(self) -> impl Iterator<Item = Result<Clip, ClipError>> {
        self.slots.into_iter().filter_map(|slot| match slot.state {
            State::Done(result) => Some(result),
            State::Waiting(_) | State::InFlight => None,
        })
    }

    /// Of the clips that have something to send, the one that may send first. Redirects go before all
    /// else, because their time runs.
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

    /// Moves one clip on, and hands out the request that it sends now, if it does.
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

    /// Holds back all clips for as long as the one that met the limit has to wait. Where that is
    /// longer than the deadline, those that wait end now, with the same failure.
    fn hold_back(&mut self, index: usize, elapsed: Duration) {
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
