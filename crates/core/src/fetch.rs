//! One clip as a state machine: wait for the footage, ask, follow redirects, try again, done.
//!
//! [`Fetch`] says what to do next as a [`Step`] and never does it. Its driver does the step and
//! reports back: [`Fetch::resume`] after a wait, [`Fetch::receive`] after a request. All times are
//! counted from the start of the call.

use std::time::Duration;

use crate::api::{self, Clip, Reply, Request, TransportError};
use crate::error::{ClipError, Failure, FailureKind};
use crate::redirect;
use crate::refusal::Refusal;
use crate::request::ClipRequest;
use crate::retry::{self, RetryDecision, StopReason, whole_seconds};
use crate::settings::{self, Settings};
use crate::time::Timestamp;
use crate::url::Url;

/// For so long after a window's end, "no video" means that the footage may still arrive: cameras
/// behind a slow uplink take minutes.
const RECENT: Duration = Duration::from_secs(300);

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait until this long after the start of the call, then [`Fetch::resume`].
    Wait(Duration),
    /// Send this, then [`Fetch::receive`] what comes back.
    Send(Request),
    /// The call is over.
    Done(Result<Clip, ClipError>),
}

/// The state of one call.
#[derive(Debug)]
pub struct Fetch<'a> {
    settings: &'a Settings,
    request: ClipRequest,
    started: Timestamp,
    first_url: Url,
    next_url: Url,
    not_before: Duration,
    last_attempt: Option<Duration>,
    attempts: u32,
    redirects: u32,
    /// What the attempt before came to, where it is to be repeated.
    refused: Option<Refused>,
}

/// What an attempt came to, and what the server said about it.
#[derive(Debug)]
struct Refused {
    refusal: Refusal,
    /// The host that was asked.
    host: String,
    status: Option<u16>,
    request_id: Option<String>,
    errors: Vec<String>,
}

impl<'a> Fetch<'a> {
    /// Prepares a call that starts now, at `started`.
    ///
    /// # Errors
    ///
    /// [`FailureKind::OutsideRetention`], and [`FailureKind::TooEarly`] where the footage will not
    /// be available within the deadline.
    pub fn new(
        settings: &'a Settings,
        request: ClipRequest,
        started: Timestamp,
    ) -> Result<Self, ClipError> {
        let window = request.window;
        if let Some(retention) = settings.retention
            && started.since(window.start()) > retention
        {
            let message = format!(
                "the window starts at {}, before the {} d of footage that the camera keeps \
                 (MV_CLIP_RETENTION_DAYS). Ask for a later window.",
                window.start(),
                retention.as_secs() / 86_400,
            );
            let failure = Failure::before_request(FailureKind::OutsideRetention, message);
            return Err(ClipError::Permanent(failure));
        }
        let footage_in = (window.end() + settings.lag).since(started);
        if footage_in >= settings.deadline {
            return Err(ClipError::Transient(too_early(
                settings, &request, footage_in,
            )));
        }
        let first_url = api::clip_url(&settings.base_url, &request)
            .map_err(|_| ClipError::Permanent(settings::invalid_base_url()))?;
        Ok(Self {
            settings,
            request,
            started,
            next_url: first_url.clone(),
            first_url,
            not_before: footage_in,
            last_attempt: None,
            attempts: 0,
            redirects: 0,
            refused: None,
        })
    }

    /// How often Meraki was asked so far, redirects not counted.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether the next request is one that a redirect asks for.
    pub fn is_redirected(&self) -> bool {
        self.redirects > 0
    }

    /// Goes on, `elapsed` after the start: the first step of a call, and the next one after a wait.
    pub fn resume(&mut self, elapsed: Duration) -> Step {
        if self.not_before.max(elapsed) >= self.settings.deadline {
            return self.out_of_time(elapsed);
        }
        if elapsed < self.not_before {
            return Step::Wait(self.not_before);
        }
        if !self.is_redirected() {
            self.attempts += 1;
            self.last_attempt = Some(elapsed);
        }
        Step::Send(Request {
            url: self.next_url.clone(),
            api_key: self.settings.api_key.clone(),
            give_up_at: self
                .settings
                .deadline
                .min(elapsed + self.settings.attempt_timeout),
        })
    }

    /// Takes what the last request came to, `elapsed` after the start: the call is over, or there is
    /// something to wait for, if only for no time. `random` gives a number that is uniform over all
    /// of `u64`; it is called where a retry is to be spread.
    pub fn receive(
        &mut self,
        elapsed: Duration,
        outcome: Result<Reply, TransportError>,
        random: impl FnOnce() -> u64,
    ) -> Step {
        let (refusal, reply) = match outcome {
            Err(error) => (Refusal::NoReply(error), None),
            Ok(reply) if redirect::is_redirect(reply.status) => {
                let location = reply.location.as_deref();
                let base = &self.settings.base_url;
                match redirect::target(base, &self.next_url, location, self.redirects) {
                    Ok(url) => return self.follow(url, elapsed),
                    Err(error) => (Refusal::Redirect(error), Some(reply)),
                }
            }
            Ok(reply) => match api::read(&reply) {
                Ok((url, expires_at)) => {
                    let request_id = reply.request_id.as_deref();
                    return Step::Done(Ok(Clip {
                        request: self.request.clone(),
                        url,
                        expires_at,
                        request_id: request_id.map(|id| self.settings.shown(id)),
                    }));
                }
                Err(Refusal::NoVideo) if self.is_recent(elapsed) => (Refusal::NotYet, Some(reply)),
                Err(refusal) => (refusal, Some(reply)),
            },
        };
        self.refuse(elapsed, refusal, reply.as_ref(), random)
    }

    /// A redirect belongs to its attempt: it is neither counted nor held back.
    fn follow(&mut self, url: Url, elapsed: Duration) -> Step {
        self.redirects += 1;
        self.next_url = url;
        self.not_before = elapsed;
        self.wait(elapsed)
    }

    fn refuse(
        &mut self,
        elapsed: Duration,
        refusal: Refusal,
        reply: Option<&Reply>,
        random: impl FnOnce() -> u64,
    ) -> Step {
        let asked_for = reply
            .and_then(|reply| reply.retry_after.as_deref())
            .and_then(|value| retry::retry_after(value, self.started + elapsed));
        let again = refusal.retryability();
        let refused = Refused {
            refusal,
            host: self.next_url.authority().to_owned(),
            status: reply.map(|reply| reply.status),
            request_id: reply.and_then(|reply| reply.request_id.clone()),
            errors: reply.map(api::errors).unwrap_or_default(),
        };
        let Self {
            settings, attempts, ..
        } = *self;
        match retry::decide(settings, again, attempts, elapsed, asked_for, random) {
            RetryDecision::Permanent => done(ClipError::Permanent(self.failure(
                &refused,
                StopReason::NotRetryable,
                None,
            ))),
            RetryDecision::Transient(ending, wait) => self.transient(&refused, ending, wait),
            RetryDecision::Retry(at) => {
                self.redirects = 0;
                self.next_url = self.first_url.clone();
                self.not_before = at.max(self.last_attempt.map_or(at, |at| at + settings.gap));
                self.refused = Some(refused);
                self.wait(elapsed)
            }
        }
    }

    /// Waits for what comes next, where there is time for it.
    fn wait(&self, elapsed: Duration) -> Step {
        if self.not_before < self.settings.deadline {
            return Step::Wait(self.not_before);
        }
        self.out_of_time(elapsed)
    }

    fn out_of_time(&self, elapsed: Duration) -> Step {
        let wait = Some(self.not_before.saturating_sub(elapsed));
        match &self.refused {
            Some(refused) => self.transient(refused, StopReason::PastDeadline, wait),
            None => {
                let refused = Refused {
                    refusal: Refusal::OutOfTime,
                    host: self.next_url.authority().to_owned(),
                    status: None,
                    request_id: None,
                    errors: Vec::new(),
                };
                self.transient(&refused, StopReason::NotRetryable, wait)
            }
        }
    }

    fn is_recent(&self, elapsed: Duration) -> bool {
        let window = self.request.window;
        (self.started + elapsed).since(window.end()) < RECENT + self.settings.lag
    }

    fn transient(&self, refused: &Refused, ending: StopReason, wait: Option<Duration>) -> Step {
        let wait = match refused.refusal {
            // No other wait tells how long footage takes.
            Refusal::NotYet => Some(wait.unwrap_or_default().max(self.settings.lag)),
            _ => wait,
        };
        let seconds = wait.map(whole_seconds).filter(|seconds| *seconds > 0);
        done(ClipError::Transient(self.failure(refused, ending, seconds)))
    }

    fn failure(&self, refused: &Refused, ending: StopReason, seconds: Option<u32>) -> Failure {
        let host = self.settings.shown(&refused.host);
        let mut message = refused.refusal.message(self.settings, &host);
        message.push_str(&ending.message(self.settings, self.attempts));
        let errors = refused.errors.iter().cloned();
        if let Some(errors) = errors.reduce(|all, error| all + "; " + &error) {
            let words = self.settings.shown(&errors);
            message.push_str(&format!(" Meraki says: \"{words}\"."));
        }
        Failure {
            kind: refused.refusal.kind(),
            message,
            status: refused.status,
            request_id: refused
                .request_id
                .as_deref()
                .map(|id| self.settings.shown(id)),
            attempts: self.attempts,
            retry_after_seconds: seconds,
        }
    }
}

fn done(error: ClipError) -> Step {
    Step::Done(Err(error))
}

fn too_early(settings: &Settings, request: &ClipRequest, footage_in: Duration) -> Failure {
    let message = format!(
        "the window ends at {}, and its footage is available {} s later (MV_CLIP_LAG_SECONDS): {} s \
         from now, after the call's deadline of {} s (MV_CLIP_DEADLINE_SECONDS). Call again then.",
        request.window.end(),
        settings.lag.as_secs(),
        whole_seconds(footage_in),
        settings.deadline.as_secs(),
    );
    Failure {
        retry_after_seconds: Some(whole_seconds(footage_in)),
        ..Failure::before_request(FailureKind::TooEarly, message)
    }
}
