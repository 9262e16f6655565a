//! The ways in which a try to save a clip comes to nothing: kind, words, and whether another may help.

use super::footage::{NotFootage, PACKET};
use crate::api::TransportError;
use crate::error::FailureKind;
use crate::media::{MediaStatus, classify};
use crate::redirect::{MAX_REDIRECTS, RedirectError};
use crate::retry::{BASE, BASE_NOT_YET, BASE_RATE_LIMITED, Retryability};
use crate::settings::Settings;

/// Why a try saved nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No reply, or no whole one.
    NoReply(Side, TransportError),
    /// The media host answered with this status.
    Media(u16),
    /// The media host redirects to where a clip is not fetched from.
    Redirect(RedirectError),
    /// What the media host sent is no clip.
    NotFootage(NotFootage),
    /// The destination answered with this status, and perhaps a word on it.
    Destination(u16, Option<String>),
    /// The deadline came while the clip was on its way.
    Unfinished,
    /// The deadline came before anything else did.
    OutOfTime,
}

/// How S3 says (with 400) that nothing came for so long that it hung up: the media host's fault, not
/// that of the request. Source: "Error responses" in its API reference.
const IDLE: &str = "RequestTimeout";

/// The two that a transfer talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Whoever has the clip.
    Media,
    /// Where it is saved.
    Destination,
}

/// What a message tells beside the refusal itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// The media host.
    pub(super) media: &'a str,
    /// The destination's host.
    pub(super) destination: &'a str,
    /// Whether the media host said how long the clip is.
    pub(super) has_length: bool,
}

impl Refusal {
    /// The kind that the caller is told.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::NoReply(_, TransportError::TimedOut) | Self::Unfinished | Self::OutOfTime => {
                FailureKind::TimedOut
            }
            Self::NoReply(_, TransportError::Denied | TransportError::TooLarge) => {
                FailureKind::Rejected
            }
            Self::NoReply(..) => FailureKind::ConnectionFailed,
            Self::Media(206) => FailureKind::BadResponse,
            Self::Media(_) => FailureKind::Unavailable,
            Self::NotFootage(_) | Self::Redirect(RedirectError::NoLocation) => {
                FailureKind::BadResponse
            }
            Self::Redirect(_) => FailureKind::Rejected,
            Self::Destination(..) if self.retryability() == Retryability::Never => {
                FailureKind::DestinationRefused
            }
            Self::Destination(..) => FailureKind::Unavailable,
        }
    }

    /// When to try again.
    pub fn retryability(&self) -> Retryability {
        match self {
            Self::NoReply(
                _,
                TransportError::Certificate | TransportError::Denied | TransportError::TooLarge,
            )
            | Self::Redirect(_) => Retryability::Never,
            Self::Media(status) => match classify(*status, false) {
                MediaStatus::NotAvailable(retryability) => retryability,
                _ => Retryability::Later,
            },
            Self::Destination(429, _) => Retryability::Soon(BASE_RATE_LIMITED),
            Self::NotFootage(NotFootage::Empty) => Retryability::Soon(BASE_NOT_YET),
            Self::Destination(408 | 500 | 502 | 503 | 504, _)
            | Self::NoReply(..)
            | Self::NotFootage(_)
            | Self::OutOfTime => Retryability::Soon(BASE),
            Self::Destination(400, Some(words)) if words.starts_with(IDLE) => {
                Retryability::Soon(BASE)
            }
            // By a longer deadline or a faster line.
            Self::Unfinished => Retryability::Later,
            // 501 is how S3 refuses a clip without a length.
            Self::Destination(501 | 505, _) => Retryability::Never,
            Self::Destination(500.., _) => Retryability::Later,
            Self::Destination(..) => Retryability::Never,
        }
    }

    /// What happened, and what to do next.
    pub(super) fn message(&self, settings: &Settings, context: Context<'_>) -> String {
        let Context {
            media,
            destination,
            has_length,
        } = context;
        match self {
            Self::NoReply(Side::Media, error) => {
                no_reply(&format!("{media}, which has the clip"), *error)
            }
            Self::NoReply(Side::Destination, error) => {
                no_reply(&format!("{destination}, the destination"), *error)
            }
            Self::Media(status @ (202 | 204 | 205 | 404)) => format!(
                "{media} does not have the clip yet ({status}), or no more. Call again: that gets a new \
                 URL."
            ),
            Self::Media(206) => format!(
                "{media} sent a part of the clip (206), and the whole was requested. Try again later."
            ),
            Self::Media(status) => format!(
                "{media} does not give the clip ({status}); its URL may have expired. Call again: \
                 that gets a new one."
            ),
            Self::Redirect(error) => redirect(settings, media, error),
            Self::NotFootage(NotFootage::Empty) => {
                format!("{media} has an empty clip. Try again later.")
            }
            Self::NotFootage(NotFootage::NoTransportStream) => format!(
                "what {media} has is not an MPEG transport stream. Nothing of it was saved. Try \
                 again later."
            ),
            Self::NotFootage(NotFootage::LostSync(packet)) => format!(
                "the clip from {media} is damaged: packet {packet} (byte {}) does not start with \
                 0x47. Try again later.",
                packet * PACKET
            ),
            Self::NotFootage(NotFootage::CutOff) => format!(
                "the clip from {media} is cut off: its length is no multiple of {PACKET} bytes. \
                 Try again later."
            ),
            Self::Destination(status, words) => {
                let says = match words {
                    Some(words) => format!(": \"{}\"", settings.shown(words)),
                    None => String::new(),
                };
                let advice = advice(*status, self.retryability(), has_length);
                format!(
                    "{destination}, the destination, refused the clip ({status}){says}. {advice}"
                )
            }
            Self::Unfinished => format!(
                "the clip was still on its way from {media} to {destination} when the call's deadline of \
                 {} s (MV_CLIP_DEADLINE_SECONDS) came. Set a longer one.",
                settings.deadline.as_secs(),
            ),
            Self::OutOfTime => format!(
                "the call's deadline of {} s (MV_CLIP_DEADLINE_SECONDS) left no time to save the \
                 clip. Try again later, or set a longer one.",
                settings.deadline.as_secs(),
            ),
        }
    }
}

fn no_reply(who: &str, error: TransportError) -> String {
    match error {
        TransportError::Connection(what) => {
            format!("the exchange with {who}, failed: {what}. Check the network.")
        }
        TransportError::TooLarge => format!(
            "the engine that runs this component lets no clip of this size pass from {who}. Raise its \
             limit for bodies, or ask for a shorter window."
        ),
        TransportError::Certificate => format!(
            "the TLS certificate of {who}, is not trusted. Check whether a proxy intercepts the \
             connection."
        ),
        TransportError::TimedOut => {
            format!("the exchange with {who}, came to a halt. Try again later.")
        }
        TransportError::Denied => format!(
            "the engine that runs this component does not let it send to {who}. Allow that host \
             there."
        ),
    }
}

fn advice(status: u16, retryability: Retryability, has_length: bool) -> &'static str {
    match (status, retryability) {
        (_, Retryability::Soon(_) | Retryability::Later) => "Try again later.",
        (300..400, _) => "Redirects of a PUT are not followed: use the URL of the right region.",
        (411 | 501, _) if !has_length => {
            "It wants the length, which the media host did not give: download the clip, and store it \
             from there."
        }
        _ => {
            "Check that its URL was made for PUT, for no other header fields, and has not expired."
        }
    }
}

fn redirect(settings: &Settings, host: &str, error: &RedirectError) -> String {
    match error {
        RedirectError::NoLocation => {
            format!("{host} redirects without a usable location. Call again: that gets a new URL.")
        }
        RedirectError::Insecure(target)
        | RedirectError::Foreign(target)
        | RedirectError::UserInfo(target) => format!(
            "{host} redirects to {}, which is not https or holds a user name: the clip is not fetched \
             from there. Check whether a proxy intercepts the connection.",
            settings.shown(target),
        ),
        RedirectError::TooMany => {
            format!(
                "{host} redirects more than {MAX_REDIRECTS} times for one clip. Call again: that gets a \
                 new URL."
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_happened_and_what_to_do() {
        use Side::{Destination, Media};
        let settings = Settings::from_variables([("MERAKI_DASHBOARD_API_KEY", "k3y")]).unwrap();
        let redirect = Refusal::Redirect;
        let refused = |status| Refusal::Destination(status, None);
        for (refusal, words) in [
            (
                Refusal::NoReply(Media, TransportError::Connection("refused")),
                "the exchange with m, which has the clip, failed: refused. Check the network",
            ),
            (
                Refusal::NoReply(Destination, TransportError::TimedOut),
                "the exchange with d, the destination, came to a halt. Try again",
            ),
            (
                Refusal::NoReply(Destination, TransportError::Certificate),
                "certificate of d, the destination, is not trusted. Check whether a proxy",
            ),
            (
                Refusal::NoReply(Media, TransportError::Denied),
                "does not let it send to m, which has the clip. Allow that host",
            ),
            (
                Refusal::NoReply(Media, TransportError::TooLarge),
                "ask for a shorter window",
            ),
            (Refusal::Media(404), "m does not have the clip yet (404)"),
            (Refusal::Media(202), "m does not have the clip yet (202)"),
            (Refusal::Media(206), "m sent a part of the clip (206)"),
            (Refusal::Media(410), "m does not give the clip (410)"),
            (
                redirect(RedirectError::NoLocation),
                "m redirects without a usable location",
            ),
            (
                redirect(RedirectError::Insecure("k3y.h".into())),
                "m redirects to (API key).h, which is not https",
            ),
            (
                redirect(RedirectError::TooMany),
                "m redirects more than 3 times",
            ),
            (
                Refusal::NotFootage(NotFootage::Empty),
                "m has an empty clip",
            ),
            (
                Refusal::NotFootage(NotFootage::NoTransportStream),
                "what m has is not an MPEG transport stream",
            ),
            (
                Refusal::NotFootage(NotFootage::LostSync(7)),
                "clip from m is damaged: packet 7 (byte 1316)",
            ),
            (
                Refusal::NotFootage(NotFootage::CutOff),
                "clip from m is cut off: its length is no multiple of 188",
            ),
            (
                Refusal::Destination(403, Some("no k3y".into())),
                "d, the destination, refused the clip (403): \"no (API key)\". Check that its URL",
            ),
            (refused(503), "refused the clip (503). Try again later"),
            (refused(599), "refused the clip (599). Try again later"),
            (refused(307), "(307). Redirects of a PUT are not followed"),
            (refused(411), "(411). It wants the length"),
            (refused(501), "(501). It wants the length"),
            (refused(505), "(505). Check that its URL"),
            (
                Refusal::Unfinished,
                "on its way from m to d when the call's deadline of 120 s",
            ),
            (Refusal::OutOfTime, "deadline of 120 s"),
        ] {
            let context = Context {
                media: "m",
                destination: "d",
                has_length: false,
            };
            let message = refusal.message(&settings, context);
            assert!(message.contains(words), "{refusal:?}: {message}");
        }
    }

    #[test]
    fn a_destination_that_got_the_length_wants_something_else() {
        for status in [411, 501] {
            assert!(advice(status, Retryability::Never, true).starts_with("Check that its URL"));
        }
    }
}
