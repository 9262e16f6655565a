//! [`Fetch`]: getting one clip's URL, as a state machine.
//!
//! [`Fetch`] decides and does no I/O: it says what to do next as a [`Step`]. Its driver does that and reports
//! back: [`Fetch::resume`] after a wait, [`Fetch::receive`] after a request. All times are counted from the
//! start of the call.

use std::time::Duration;

use crate::api::{self, Clip};
use crate::api_error::ApiError;
use crate::attempts::{AttemptFailure, Attempts, Readiness};
use crate::error::{ClipError, Failure, FailureKind};
use crate::redirect;
use crate::request::ClipRequest;
use crate::retry::whole_seconds;
use crate::settings::{self, Settings};
use crate::time::Timestamp;
use crate::transport::{Request, Response, TransportError};
use crate::url::Url;

/// How long after a window's end "no video" means that the footage may still arrive: cameras behind a slow
/// uplink take minutes.
const RECENT: Duration = Duration::from_secs(300);

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait until this long after the start of the call, then call [`Fetch::resume`].
    Wait(Duration),
    /// Send this request, then call [`Fetch::receive`] with the outcome.
    Send(Request),
    /// The call is over.
    Done(Result<Clip, ClipError>),
}

/// The state of a call for one clip.
#[derive(Debug)]
pub struct Fetch<'a> {
    settings: &'a Settings,
    request: ClipRequest,
    attempts: Attempts<'a>,
    first_url: Url,
    next_url: Url,
    redirects: u32,
}

impl<'a> Fetch<'a> {
    /// Prepares a call that starts now, at `started`.
    ///
    /// # Errors
    ///
    /// [`FailureKind::OutsideRetention`] if the window starts before the camera's retention, and
    /// [`FailureKind::TooEarly`] if the footage is not available before the deadline.
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
        let available_in = (window.end() + settings.lag).since(started);
        if available_in >= settings.deadline {
            let failure = too_early(settings, &request, available_in);
            return Err(ClipError::Transient(failure));
        }
        let first_url = api::request_url(&settings.base_url, &request)
            .map_err(|_| ClipError::Permanent(settings::invalid_base_url()))?;
        Ok(Self {
            settings,
            request,
            attempts: Attempts::new(settings, started, available_in, settings.min_interval),
            next_url: first_url.clone(),
            first_url,
            redirects: 0,
        })
    }

    /// The number of attempts made so far. A redirect is part of its attempt.
    pub fn attempts(&self) -> u32 {
        self.attempts.count()
    }

    /// Whether the next request follows a redirect.
    pub fn is_redirected(&self) -> bool {
        self.redirects > 0
    }

    /// Gives the first step of a call, and the next one after a wait. `elapsed` is the time since the start.
    pub fn resume(&mut self, elapsed: Duration) -> Step {
        match self.attempts.readiness(elapsed) {
            Readiness::Ready => {}
            Readiness::Wait(until) => return Step::Wait(until),
            Readiness::Expired => return self.expire(elapsed),
        }
        if !self.is_redirected() {
            self.attempts.start(elapsed);
        }
        Step::Send(Request {
            url: self.next_url.clone(),
            api_key: self.settings.api_key.clone(),
            attempt_deadline: self.attempts.attempt_deadline(elapsed),
        })
    }

    /// Takes the outcome of the last request, `elapsed` after the start, and gives the next step: the end of
    /// the call or a wait, which may be zero. `random` returns a number that is uniform over all of `u64`; it
    /// is called only if there is a retry.
    pub fn receive(
        &mut self,
        elapsed: Duration,
        outcome: Result<Response, TransportError>,
        random: impl FnOnce() -> u64,
    ) -> Step {
        let (error, response) = match outcome {
            Err(error) => (ApiError::Transport(error), None),
            Ok(response) if redirect::is_redirect(response.status) => {
                let location = response.location.as_deref();
                let base = &self.settings.base_url;
                match redirect::api_target(base, &self.next_url, location, self.redirects) {
                    Ok(url) => return self.follow(url, elapsed),
                    Err(error) => (ApiError::Redirect(error), Some(response)),
                }
            }
            Ok(response) => match api::parse(&response) {
                Ok((url, expires_at)) => {
                    let request_id = response.request_id.as_deref();
                    return Step::Done(Ok(Clip {
                        request: self.request.clone(),
                        url,
                        expires_at,
                        request_id: request_id.map(|id| self.settings.redact(id)),
                    }));
                }
                Err(ApiError::NoVideo) if self.is_recent(elapsed) => {
                    (ApiError::NotYet, Some(response))
                }
                Err(error) => (error, Some(response)),
            },
        };
        let response = response.as_ref();
        let failure = failure(self.settings, &self.next_url, &error, response);
        let retry_after = response.and_then(|response| response.retry_after.as_deref());
        match self.attempts.fail(elapsed, failure, retry_after, random) {
            Ok(until) => {
                self.redirects = 0;
                self.next_url = self.first_url.clone();
                Step::Wait(until)
            }
            Err(error) => Step::Done(Err(error)),
        }
    }

    /// A redirect is part of its attempt: it is neither counted nor delayed.
    fn follow(&mut self, url: Url, elapsed: Duration) -> Step {
        self.redirects += 1;
        self.next_url = url;
        self.attempts.proceed(elapsed);
        if elapsed >= self.settings.deadline {
            return self.expire(elapsed);
        }
        Step::Wait(elapsed)
    }

    fn expire(&mut self, elapsed: Duration) -> Step {
        let timed_out = failure(self.settings, &self.next_url, &ApiError::OutOfTime, None);
        Step::Done(Err(self.attempts.expire(elapsed, timed_out)))
    }

    fn is_recent(&self, elapsed: Duration) -> bool {
        let age = self.attempts.wall_clock(elapsed);
        age.since(self.request.window.end()) < RECENT + self.settings.lag
    }
}

/// Why an attempt failed whose last request went to `url`.
fn failure(
    settings: &Settings,
    url: &Url,
    error: &ApiError,
    response: Option<&Response>,
) -> AttemptFailure {
    let errors = response.map(api::errors).unwrap_or_default().into_iter();
    let server_message = match errors.reduce(|all, error| all + "; " + &error) {
        Some(errors) => format!(" Meraki says: \"{}\".", settings.redact(&errors)),
        None => String::new(),
    };
    let request_id = response.and_then(|response| response.request_id.as_deref());
    AttemptFailure {
        kind: error.kind(),
        message: error.message(settings, &settings.redact(url.authority())),
        server_message,
        status: response.map(|response| response.status),
        request_id: request_id.map(|id| settings.redact(id)),
        retryability: error.retryability(),
        // No server says how long footage takes.
        min_retry_after: (*error == ApiError::NotYet).then_some(settings.lag),
    }
}

fn too_early(settings: &Settings, request: &ClipRequest, available_in: Duration) -> Failure {
    let message = format!(
        "the window ends at {}, and its footage is available {} s later (MV_CLIP_LAG_SECONDS): {} s \
         from now, after the call's deadline of {} s (MV_CLIP_DEADLINE_SECONDS). Call again then.",
        request.window.end(),
        settings.lag.as_secs(),
        whole_seconds(available_in),
        settings.deadline.as_secs(),
    );
    Failure {
        retry_after_seconds: Some(whole_seconds(available_in)),
        ..Failure::before_request(FailureKind::TooEarly, message)
    }
}
