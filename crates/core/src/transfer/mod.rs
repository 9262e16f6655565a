//! Saving one clip as a state machine: fetch it, stream it to the destination, try again, done.
//!
//! As [`Fetch`](crate::fetch::Fetch) does for the API, [`Transfer`] says what to do next as a [`Step`]
//! and never does it. Its driver asks the media host, reports the head of the reply
//! ([`Transfer::fetched`]), streams the body through [`Footage`] to the destination, and reports what
//! became of that ([`Transfer::stored`]). A try begins with the first byte each time.

mod destination;
mod footage;
mod refusal;

use std::fmt;
use std::time::Duration;

pub use self::destination::Destination;
pub use self::footage::{Digest, Footage, NotFootage, PACKET};
pub use self::refusal::{Refusal, Side};

use self::refusal::Context;
use crate::api::{Clip, TransportError};
use crate::error::{ClipError, Failure, FailureKind};
use crate::media::{self, MediaStatus};
use crate::redirect;
use crate::retry::{self, RetryDecision, StopReason, whole_seconds};
use crate::settings::Settings;
use crate::text;
use crate::time::Timestamp;
use crate::url::Url;

/// How much is read of what a destination says about a refusal, in bytes.
pub const MAX_WORDS: usize = 4 * 1024;

/// What to do next. Times are counted from the start of the call.
#[derive(Debug)]
pub enum Step {
    /// Wait until then, and [`Transfer::resume`].
    Wait(Duration),
    /// Ask the media host, and report the head of its reply to [`Transfer::fetched`].
    Get(Get),
    /// Stream the body of that reply to the destination, and report to [`Transfer::stored`].
    Put(Put),
    /// The call is over.
    Done(Result<SavedClip, ClipError>),
}

/// A request for a clip. It takes no credentials.
#[derive(Debug)]
pub struct Get {
    /// Where the clip is.
    pub url: Url,
    /// When the head of the reply is due.
    pub give_up_at: Duration,
}

/// The head of the media host's reply. `Debug` does not show the location, which may be a clip's URL.
#[derive(Clone, Default)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The header field `Location`: a secret, where it leads to a clip.
    pub location: Option<String>,
    /// The header field `Retry-After`.
    pub retry_after: Option<String>,
    /// How long the body is, in bytes, where that is said.
    pub length: Option<u64>,
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// A request that stores a clip.
///
/// Its body is what the media host sends. Each piece passes [`Footage`] first, which is told the length;
/// there is no request before the first piece has passed, and no end of its body before all have.
#[derive(Debug)]
pub struct Put {
    /// Where to, and with which header fields.
    pub destination: Destination,
    /// How long the body is, in bytes, where the media host says so.
    pub length: Option<u64>,
    /// For how long nothing may move before the try is given up.
    pub patience: Duration,
    /// When to give up in any case.
    pub give_up_at: Duration,
}

/// How a [`Put`] came to nothing.
pub enum PutError {
    /// No reply of one side, or no whole one.
    NoReply(Side, TransportError),
    /// What came is no clip.
    NotFootage(NotFootage),
    /// The destination answered, but not with 2xx.
    Refused {
        /// The status code.
        status: u16,
        /// The header field `Retry-After`.
        retry_after: Option<String>,
        /// The start of the reply's body, as far as it came: at most [`MAX_WORDS`].
        body: Vec<u8>,
    },
}

/// Without what the destination says, which may repeat its URL.
impl fmt::Debug for PutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReply(side, error) => write!(f, "NoReply({side:?}, {error:?})"),
            Self::NotFootage(error) => write!(f, "NotFootage({error:?})"),
            Self::Refused { status, .. } => write!(f, "Refused({status})"),
        }
    }
}

impl From<NotFootage> for PutError {
    fn from(error: NotFootage) -> Self {
        Self::NotFootage(error)
    }
}

/// A clip that is at its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedClip {
    /// The clip.
    pub clip: Clip,
    /// Its size and its hash.
    pub digest: Digest,
}

/// The state of one transfer.
#[derive(Debug)]
pub struct Transfer<'a> {
    settings: &'a Settings,
    started: Timestamp,
    clip: Clip,
    destination: Destination,
    first_url: Url,
    next_url: Url,
    not_before: Duration,
    attempts: u32,
    redirects: u32,
    /// The status of the media host's last reply, and whether it said how long the clip is.
    media: Option<(u16, bool)>,
    /// What the try before came to, where there is to be another.
    refused: Option<Refused>,
}

#[derive(Debug)]
struct Refused {
    refusal: Refusal,
    status: Option<u16>,
}

impl<'a> Transfer<'a> {
    /// Prepares to save a clip, in a call that started at `started`.
    ///
    /// # Errors
    ///
    /// [`FailureKind::BadResponse`] where the clip's URL is none that can be asked.
    pub fn new(
        settings: &'a Settings,
        started: Timestamp,
        clip: Clip,
        destination: Destination,
    ) -> Result<Self, ClipError> {
        let url = Url::parse(clip.url.expose()).map_err(|error| {
            let message = format!(
                "Meraki answered with a clip URL that {}. Try again later.",
                error.reason()
            );
            ClipError::Transient(Failure {
                request_id: clip.request_id.clone(),
                ..Failure::before_request(FailureKind::BadResponse, message)
            })
        })?;
        Ok(Self {
            settings,
            started,
            clip,
            destination,
            next_url: url.clone(),
            first_url: url,
            not_before: Duration::ZERO,
            attempts: 0,
            redirects: 0,
            media: None,
            refused: None,
        })
    }

    /// Goes on, `elapsed` after the start of the call: the first step, and the next one after a wait.
    pub fn resume(&mut self, elapsed: Duration) -> Step {
        if self.not_before.max(elapsed) >= self.settings.deadline {
            return self.out_of_time(elapsed);
        }
        if elapsed < self.not_before {
            return Step::Wait(self.not_before);
        }
        self.attempts += 1;
        self.redirects = 0;
        self.media = None;
        self.next_url = self.first_url.clone();
        self.get(elapsed)
    }

    /// Takes what the media host answered, `elapsed` after the start. `random` gives a number that is
    /// uniform over all of `u64`; it is called where a retry is to be spread.
    pub fn fetched(
        &mut self,
        elapsed: Duration,
        head: Result<Head, TransportError>,
        random: impl FnOnce() -> u64,
    ) -> Step {
        let head = match head {
            Ok(head) => head,
            Err(error) => {
                let refusal = Refusal::NoReply(Side::Media, error);
                return self.refuse(elapsed, refusal, None, None, random);
            }
        };
        self.media = Some((head.status, head.length.is_some()));
        let refusal = match media::classify(head.status, false) {
            MediaStatus::Whole => {
                return Step::Put(Put {
                    destination: self.destination.clone(),
                    length: head.length,
                    patience: self.settings.attempt_timeout,
                    give_up_at: self.settings.deadline,
                });
            }
            MediaStatus::Redirect => {
                let location = head.location.as_deref();
                match redirect::media_target(&self.next_url, location, self.redirects) {
                    Ok(url) => {
                        self.redirects += 1;
                        self.next_url = url;
                        return self.get(elapsed);
                    }
                    Err(error) => Refusal::Redirect(error),
                }
            }
            _ => Refusal::Media(head.status),
        };
        let (status, retry_after) = (Some(head.status), head.retry_after.as_deref());
        self.refuse(elapsed, refusal, status, retry_after, random)
    }

    /// Takes what became of storing the clip, `elapsed` after the start.
    pub fn stored(
        &mut self,
        elapsed: Duration,
        outcome: Result<Digest, PutError>,
        random: impl FnOnce() -> u64,
    ) -> Step {
        match outcome {
            Ok(digest) => Step::Done(Ok(SavedClip {
                clip: self.clip.clone(),
                digest,
            })),
            Err(PutError::NoReply(_, TransportError::TimedOut))
                if elapsed >= self.settings.deadline =>
            {
                self.refuse(elapsed, Refusal::Unfinished, None, None, random)
            }
            Err(PutError::NoReply(side, error)) => {
                let status = match side {
                    Side::Media => self.media.map(|(status, _)| status),
                    Side::Destination => None,
                };
                self.refuse(elapsed, Refusal::NoReply(side, error), status, None, random)
            }
            Err(PutError::NotFootage(error)) => {
                let status = self.media.map(|(status, _)| status);
                self.refuse(elapsed, Refusal::NotFootage(error), status, None, random)
            }
            Err(PutError::Refused {
                status,
                retry_after,
                body,
            }) => {
                let words = text::words(&body).map(|line| self.destination.redact(&line));
                let refusal = Refusal::Destination(status, words);
                self.refuse(
                    elapsed,
                    refusal,
                    Some(status),
                    retry_after.as_deref(),
                    random,
                )
            }
        }
    }

    fn get(&self, elapsed: Duration) -> Step {
        let Settings {
            deadline,
            attempt_timeout,
            ..
        } = *self.settings;
        Step::Get(Get {
            url: self.next_url.clone(),
            give_up_at: deadline.min(elapsed + attempt_timeout),
        })
    }

    fn refuse(
        &mut self,
        elapsed: Duration,
        refusal: Refusal,
        status: Option<u16>,
        retry_after: Option<&str>,
        random: impl FnOnce() -> u64,
    ) -> Step {
        let asked_for =
            retry_after.and_then(|value| retry::retry_after(value, self.started + elapsed));
        let again = refusal.retryability();
        let refused = Refused { refusal, status };
        let Self {
            settings, attempts, ..
        } = *self;
        match retry::decide(settings, again, attempts, elapsed, asked_for, random) {
            RetryDecision::Permanent => Step::Done(Err(ClipError::Permanent(self.failure(
                &refused,
                StopReason::NotRetryable,
                None,
            )))),
            RetryDecision::Transient(ending, wait) => self.transient(&refused, ending, wait),
            RetryDecision::Retry(at) => {
                self.not_before = at;
                self.refused = Some(refused);
                if at < settings.deadline {
                    return Step::Wait(at);
                }
                self.out_of_time(elapsed)
            }
        }
    }

    fn out_of_time(&self, elapsed: Duration) -> Step {
        let wait = Some(self.not_before.saturating_sub(elapsed));
        match &self.refused {
            Some(refused) => self.transient(refused, StopReason::PastDeadline, wait),
            None => {
                let refused = Refused {
                    refusal: Refusal::OutOfTime,
                    status: None,
                };
                self.transient(&refused, StopReason::NotRetryable, wait)
            }
        }
    }

    fn transient(&self, refused: &Refused, ending: StopReason, wait: Option<Duration>) -> Step {
        let seconds = wait.map(whole_seconds).filter(|seconds| *seconds > 0);
        Step::Done(Err(ClipError::Transient(
            self.failure(refused, ending, seconds),
        )))
    }

    fn failure(&self, refused: &Refused, ending: StopReason, seconds: Option<u32>) -> Failure {
        let context = Context {
            media: &self.settings.shown(self.next_url.authority()),
            destination: &self.settings.shown(self.destination.url().authority()),
            has_length: self.media.is_some_and(|(_, has_length)| has_length),
        };
        let message = refused.refusal.message(self.settings, context);
        Failure {
            kind: refused.refusal.kind(),
            message: message + &ending.message(self.settings, self.attempts),
            status: refused.status,
            request_id: self.clip.request_id.clone(),
            attempts: self.attempts,
            retry_after_seconds: seconds,
        }
    }
}
