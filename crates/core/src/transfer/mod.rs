//! [`Transfer`]: saving one clip at a destination, as a state machine.
//!
//! As [`Fetch`](crate::fetch::Fetch), [`Transfer`] decides and does no I/O: it says what to do next as a
//! [`Step`]. Its driver sends the request to the media host and reports the head of the response
//! ([`Transfer::receive_head`]), streams the body through a [`StreamChecker`] to the destination, and reports the
//! outcome ([`Transfer::receive_outcome`]). Each attempt starts at the first byte.

mod destination;
mod error;
mod stream;

use std::fmt;
use std::time::Duration;

pub use self::destination::Destination;
pub use self::error::{Peer, TransferError};
pub use self::stream::{Digest, PACKET, StreamChecker, StreamError};

use self::error::Context;
use crate::api::Clip;
use crate::attempts::{AttemptFailure, Attempts, Readiness};
use crate::error::{ClipError, Failure, FailureKind};
use crate::media::{self, MediaStatus};
use crate::redirect;
use crate::settings::Settings;
use crate::text;
use crate::time::Timestamp;
use crate::transport::TransportError;
use crate::url::Url;

/// The most bytes that are read of the body of an error response by the destination.
pub const MAX_ERROR_BODY: usize = 4 * 1024;

/// What to do next. Times are counted from the start of the call.
#[derive(Debug)]
pub enum Step {
    /// Wait until then, then call [`Transfer::resume`].
    Wait(Duration),
    /// Send this request, and call [`Transfer::receive_head`] with the head of the response.
    Get(Get),
    /// Stream the body of that response to the destination, and call [`Transfer::receive_outcome`].
    Put(Put),
    /// The call is over.
    Done(Result<SavedClip, ClipError>),
}

/// A GET request to the media host, without credentials.
#[derive(Debug)]
pub struct Get {
    /// The URL to send it to.
    pub url: Url,
    /// When the head of the response must be there.
    pub attempt_deadline: Duration,
}

/// The head of the media host's response. `Debug` does not print the location, which may be a clip's URL.
#[derive(Clone, Default)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The value of the header `Location`. Secret if it is a clip's URL.
    pub location: Option<String>,
    /// The value of the header `Retry-After`.
    pub retry_after: Option<String>,
    /// The length of the clip in bytes, if the response has it.
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

/// A PUT request to the destination.
///
/// Its body is that of the media host's response. Each piece passes a [`StreamChecker`] first, which gets
/// `length`. Send the request when the first piece has passed, and end its body when all have.
#[derive(Debug)]
pub struct Put {
    /// The URL to send it to, and the header fields.
    pub destination: Destination,
    /// The length of the body in bytes, if the media host sent it.
    pub length: Option<u64>,
    /// The longest time without progress before the attempt fails.
    pub progress_timeout: Duration,
    /// When the attempt fails in any case.
    pub attempt_deadline: Duration,
}

/// Why a [`Put`] failed.
#[non_exhaustive]
pub enum PutError {
    /// One of the two servers sent no response, or no whole one.
    Transport(Peer, TransportError),
    /// The media host did not send a whole clip.
    Stream(StreamError),
    /// The destination responded with another status than 2xx.
    Status {
        /// The status code.
        status: u16,
        /// The value of the header `Retry-After`.
        retry_after: Option<String>,
        /// The start of the body, as far as it was received: at most [`MAX_ERROR_BODY`] bytes.
        body: Vec<u8>,
    },
}

/// Without the body, which may contain the destination's URL.
impl fmt::Debug for PutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(peer, error) => write!(f, "Transport({peer:?}, {error:?})"),
            Self::Stream(error) => write!(f, "Stream({error:?})"),
            Self::Status { status, .. } => write!(f, "Status({status})"),
        }
    }
}

impl From<StreamError> for PutError {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

/// A clip that is stored at its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedClip {
    /// The clip.
    pub clip: Clip,
    /// Its size and hash.
    pub digest: Digest,
}

/// The state of one transfer.
#[derive(Debug)]
pub struct Transfer<'a> {
    settings: &'a Settings,
    attempts: Attempts<'a>,
    clip: Clip,
    destination: Destination,
    first_url: Url,
    next_url: Url,
    redirects: u32,
    /// The status of the media host's last response, and whether it had the length of the clip.
    media: Option<(u16, bool)>,
}

impl<'a> Transfer<'a> {
    /// Prepares to save a clip, in a call that started at `started`.
    ///
    /// # Errors
    ///
    /// [`FailureKind::BadResponse`] if no request can be sent to the clip's URL.
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
            attempts: Attempts::new(settings, started, Duration::ZERO, Duration::ZERO),
            clip,
            destination,
            next_url: url.clone(),
            first_url: url,
            redirects: 0,
            media: None,
        })
    }

    /// Gives the first step, and the next one after a wait. `elapsed` is the time since the start of the call.
    pub fn resume(&mut self, elapsed: Duration) -> Step {
        match self.attempts.readiness(elapsed) {
            Readiness::Ready => {}
            Readiness::Wait(until) => return Step::Wait(until),
            Readiness::Expired => {
                let timed_out = self.failure(&TransferError::OutOfTime, None);
                return Step::Done(Err(self.attempts.expire(elapsed, timed_out)));
            }
        }
        self.attempts.start(elapsed);
        self.redirects = 0;
        self.media = None;
        self.next_url = self.first_url.clone();
        self.get(elapsed)
    }

    /// Takes the head of the media host's response, `elapsed` after the start of the call, and gives the next
    /// step. `random` returns a number that is uniform over all of `u64`; it is called only if there is a retry.
    pub fn receive_head(
        &mut self,
        elapsed: Duration,
        head: Result<Head, TransportError>,
        random: impl FnOnce() -> u64,
    ) -> Step {
        let head = match head {
            Ok(head) => head,
            Err(error) => {
                let error = TransferError::Transport(Peer::Media, error);
                return self.fail(elapsed, &error, None, None, random);
            }
        };
        self.media = Some((head.status, head.length.is_some()));
        let error = match media::classify(head.status, false) {
            MediaStatus::Whole => {
                return Step::Put(Put {
                    destination: self.destination.clone(),
                    length: head.length,
                    progress_timeout: self.settings.attempt_timeout,
                    attempt_deadline: self.settings.deadline,
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
                    Err(error) => TransferError::Redirect(error),
                }
            }
            _ => TransferError::Media(head.status),
        };
        let (status, retry_after) = (Some(head.status), head.retry_after.as_deref());
        self.fail(elapsed, &error, status, retry_after, random)
    }

    /// Takes the outcome of a [`Put`], `elapsed` after the start of the call, and gives the next step. `random` is
    /// as in [`Transfer::receive_head`].
    pub fn receive_outcome(
        &mut self,
        elapsed: Duration,
        outcome: Result<Digest, PutError>,
        random: impl FnOnce() -> u64,
    ) -> Step {
        let media_status = self.media.map(|(status, _)| status);
        let (error, status, retry_after) = match outcome {
            Ok(digest) => {
                return Step::Done(Ok(SavedClip {
                    clip: self.clip.clone(),
                    digest,
                }));
            }
            Err(PutError::Transport(_, TransportError::TimedOut))
                if elapsed >= self.settings.deadline =>
            {
                (TransferError::Unfinished, None, None)
            }
            Err(PutError::Transport(peer, error)) => {
                let status = media_status.filter(|_| peer == Peer::Media);
                (TransferError::Transport(peer, error), status, None)
            }
            Err(PutError::Stream(error)) => (TransferError::Stream(error), media_status, None),
            Err(PutError::Status {
                status,
                retry_after,
                body,
            }) => {
                let message = text::words(&body).map(|line| self.destination.redact(&line));
                let error = TransferError::Destination(status, message);
                (error, Some(status), retry_after)
            }
        };
        self.fail(elapsed, &error, status, retry_after.as_deref(), random)
    }

    fn get(&self, elapsed: Duration) -> Step {
        Step::Get(Get {
            url: self.next_url.clone(),
            attempt_deadline: self.attempts.attempt_deadline(elapsed),
        })
    }

    fn fail(
        &mut self,
        elapsed: Duration,
        error: &TransferError,
        status: Option<u16>,
        retry_after: Option<&str>,
        random: impl FnOnce() -> u64,
    ) -> Step {
        let failure = self.failure(error, status);
        match self.attempts.fail(elapsed, failure, retry_after, random) {
            Ok(until) => Step::Wait(until),
            Err(error) => Step::Done(Err(error)),
        }
    }

    fn failure(&self, error: &TransferError, status: Option<u16>) -> AttemptFailure {
        let context = Context {
            media: &self.settings.redact(self.next_url.authority()),
            destination: &self.settings.redact(self.destination.url().authority()),
            has_length: self.media.is_some_and(|(_, has_length)| has_length),
        };
        AttemptFailure {
            kind: error.kind(),
            message: error.message(self.settings, context),
            server_message: String::new(),
            status,
            request_id: self.clip.request_id.clone(),
            retryability: error.retryability(),
            min_retry_after: None,
        }
    }
}
