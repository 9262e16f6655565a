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
use crate::retry::{self, Again};
use crate::settings::Settings;
use crate::text::printable;
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
    last_sent: Option<Duration>,
    attempts: u32,
    redirects: u32,
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
                "the window starts at {}, before the {} days of footage that the camera keeps \
                 (MV_CLIP_RETENTION_DAYS).",
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
        let first_url = api::clip_url(&settings.base_url, &request).map_err(|error| {
            let message = format!("the setting MERAKI_BASE_URL {}.", error.reason());
            ClipError::Permanent(Failure::before_request(
                FailureKind::InvalidSetting,
                message,
            ))
        })?;
        Ok(Self {
            settings,
            request,
            started,
            next_url: first_url.clone(),
            first_url,
            not_before: footage_in,
            last_sent: None,
            attempts: 0,
            redirects: 0,
        })
    }

    /// Goes on, `elapsed` after the start: the first step of a call, and the next one after a wait.
    pub fn resume(&mut self, elapsed: Duration) -> Step {
        if elapsed >= self.settings.deadline {
            let refusal = Refusal::NoReply(TransportError::TimedOut);
            return done(ClipError::Transient(self.failure(&refusal, None, "")));
        }
        if elapsed < self.not_before {
            return Step::Wait(self.not_before);
        }
        if self.redirects == 0 {
            self.attempts += 1;
        }
        self.last_sent = Some(elapsed);
        Step::Send(Request {
            url: self.next_url.clone(),
            api_key: self.settings.api_key.clone(),
            ends: self
                .settings
                .deadline
                .min(elapsed + self.settings.attempt_timeout),
        })
    }

    /// Takes what the last request came to, `elapsed` after the start. `random` gives a number that
    /// is uniform over all of `u64`; it is called where a retry is to be spread.
    pub fn receive(
        &mut self,
        elapsed: Duration,
        outcome: Result<Reply, TransportError>,
        random: impl FnOnce() -> u64,
    ) -> Step {
        let reply = match outcome {
            Ok(reply) => reply,
            Err(error) => return self.refused(elapsed, &Refusal::NoReply(error), None, random),
        };
        if redirect::is_redirect(reply.status) {
            let location = reply.location.as_deref();
            let base = &self.settings.base_url;
            return match redirect::target(base, &self.next_url, location, self.redirects) {
                Ok(url) => {
                    self.redirects += 1;
                    self.ask(url, elapsed);
                    self.resume(elapsed)
                }
                Err(error) => {
                    self.refused(elapsed, &Refusal::Redirect(error), Some(&reply), random)
                }
            };
        }
        match api::read(&reply) {
            Ok((url, expires_at)) => Step::Done(Ok(Clip {
                request: self.request.clone(),
                url,
                expires_at,
            })),
            Err(Refusal::NoVideo) if self.is_recent(elapsed) => {
                self.refused(elapsed, &Refusal::NotYet, Some(&reply), random)
            }
            Err(refusal) => self.refused(elapsed, &refusal, Some(&reply), random),
        }
    }

    fn refused(
        &mut self,
        elapsed: Duration,
        refusal: &Refusal,
        reply: Option<&Reply>,
        random: impl FnOnce() -> u64,
    ) -> Step {
        let asked_for = reply
            .and_then(|reply| reply.retry_after.as_deref())
            .and_then(|value| retry::retry_after(value, self.started + elapsed));
        let base = match retry::again(refusal) {
            Again::Never => return done(ClipError::Permanent(self.failure(refusal, reply, ""))),
            Again::Later => {
                return done(self.transient(refusal, reply, "", asked_for));
            }
            Again::Soon(base) => base,
        };
        if self.attempts >= self.settings.max_attempts {
            let note = format!(" Gave up after {} attempts.", self.attempts);
            let hint = asked_for.or((*refusal == Refusal::NotYet).then_some(self.settings.lag));
            return done(self.transient(refusal, reply, &note, hint));
        }
        let delay = retry::delay(base, self.attempts.saturating_sub(1), asked_for, random());
        self.redirects = 0;
        self.ask(self.first_url.clone(), elapsed.saturating_add(delay));
        if self.not_before >= self.settings.deadline {
            let wait = self.not_before.saturating_sub(elapsed);
            let note = format!(
                " The next attempt would come after the call's deadline of {} s \
                 (MV_CLIP_DEADLINE_SECONDS).",
                self.settings.deadline.as_secs(),
            );
            return done(self.transient(refusal, reply, &note, Some(wait)));
        }
        self.resume(elapsed)
    }

    /// Sets what to send next: not before `at`, and not sooner after the last request than the
    /// organisation's rate has it.
    fn ask(&mut self, url: Url, at: Duration) {
        let gap = Duration::from_secs(1) / self.settings.requests_per_second;
        self.next_url = url;
        self.not_before = at.max(self.last_sent.map_or(Duration::ZERO, |sent| sent + gap));
    }

    fn is_recent(&self, elapsed: Duration) -> bool {
        let window = self.request.window;
        (self.started + elapsed).since(window.end()) < RECENT + self.settings.lag
    }

    fn transient(
        &self,
        refusal: &Refusal,
        reply: Option<&Reply>,
        note: &str,
        wait: Option<Duration>,
    ) -> ClipError {
        let retry_after_seconds = wait.filter(|wait| !wait.is_zero()).map(whole_seconds);
        let failure = self.failure(refusal, reply, note);
        ClipError::Transient(Failure {
            retry_after_seconds,
            ..failure
        })
    }

    fn failure(&self, refusal: &Refusal, reply: Option<&Reply>, note: &str) -> Failure {
        let mut message = refusal.message(self.settings) + note;
        let errors = reply.map(api::errors).unwrap_or_default();
        if !errors.is_empty() {
            message.push_str(&format!(" Meraki says: \"{}\".", errors.join("; ")));
        }
        let request_id = reply
            .and_then(|reply| reply.request_id.as_deref())
            .map(printable);
        let redact = |text: String| match &self.settings.api_key {
            Some(key) => key.redact(&text),
            None => text,
        };
        Failure {
            kind: refusal.kind(),
            message: redact(message),
            status: reply.map(|reply| reply.status),
            request_id: request_id.map(redact),
            attempts: self.attempts,
            retry_after_seconds: None,
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

/// Rounded up, so that whoever waits for it does not come too early.
fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
