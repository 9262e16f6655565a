//! [`TransferError`]: why an attempt to save a clip failed, with failure kind, message and retryability.

use super::stream::{PACKET, StreamError};
use crate::error::FailureKind;
use crate::media::{MediaStatus, classify};
use crate::redirect::{MAX_REDIRECTS, RedirectError};
use crate::retry::{BASE, BASE_NOT_YET, BASE_RATE_LIMITED, Retryability};
use crate::settings::Settings;
use crate::transport::{ADDRESS_PROHIBITED, TransportError};

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransferError {
    /// There is no response, or no whole one.
    Transport(Peer, TransportError),
    /// The media host responded with this status, and not with the clip.
    Media(u16),
    /// The media host sent a redirect that must not be followed.
    Redirect(RedirectError),
    /// The media host did not send a whole clip.
    Stream(StreamError),
    /// The destination responded with this status, and perhaps with an error message.
    Destination(u16, Option<String>),
    /// The call's deadline passed during the transfer.
    Unfinished,
    /// The call's deadline passed before the first attempt.
    OutOfTime,
}

/// The code of S3's error 400 after a pause in the body. The media host is slow, the request is not wrong.
/// Source: "Error responses" in S3's API reference.
const IDLE: &str = "RequestTimeout";

/// The two servers of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The media host, which has the clip.
    Media,
    /// The destination, which stores it.
    Destination,
}

/// What a message says beside the error itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// The media host's name, fit for a message.
    pub(super) media: &'a str,
    /// The destination's host name, fit for a message.
    pub(super) destination: &'a str,
    /// Whether the media host sent the length of the clip.
    pub(super) has_length: bool,
}

impl TransferError {
    /// The failure kind.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Transport(_, TransportError::TimedOut) | Self::Unfinished | Self::OutOfTime => {
                FailureKind::TimedOut
            }
            Self::Transport(
                _,
                TransportError::Denied
                | TransportError::AddressProhibited
                | TransportError::TooLarge,
            ) => FailureKind::Rejected,
            Self::Transport(..) => FailureKind::ConnectionFailed,
            Self::Media(206) => FailureKind::BadResponse,
            Self::Media(_) => FailureKind::Unavailable,
            Self::Stream(_) | Self::Redirect(RedirectError::NoLocation) => FailureKind::BadResponse,
            Self::Redirect(_) => FailureKind::Rejected,
            Self::Destination(..) if self.retryability() == Retryability::Never => {
                FailureKind::DestinationRefused
            }
            Self::Destination(..) => FailureKind::Unavailable,
        }
    }

    /// Whether another attempt may help.
    pub fn retryability(&self) -> Retryability {
        match self {
            Self::Transport(
                _,
                TransportError::Certificate
                | TransportError::Denied
                | TransportError::AddressProhibited
                | TransportError::TooLarge,
            )
            | Self::Redirect(_) => Retryability::Never,
            Self::Media(status) => match classify(*status, false) {
                MediaStatus::NotAvailable(retryability) => retryability,
                _ => Retryability::Later,
            },
            Self::Destination(429, _) => Retryability::Soon(BASE_RATE_LIMITED),
            Self::Stream(StreamError::Empty) => Retryability::Soon(BASE_NOT_YET),
            Self::Destination(408 | 500 | 502 | 503 | 504, _)
            | Self::Transport(..)
            | Self::Stream(_)
            | Self::OutOfTime => Retryability::Soon(BASE),
            Self::Destination(400, Some(words)) if words.starts_with(IDLE) => {
                Retryability::Soon(BASE)
            }
            // A longer deadline or a faster connection helps.
            Self::Unfinished => Retryability::Later,
            // S3 responds with 501 to a body without a length.
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
            Self::Transport(Peer::Media, error) => {
                transport(&format!("{media}, which has the clip"), *error)
            }
            Self::Transport(Peer::Destination, error) => {
                transport(&format!("{destination}, the destination"), *error)
            }
            Self::Media(status @ (202 | 204 | 205 | 404)) => format!(
                "{media} does not have the clip yet, or no longer ({status}). Call again to get a new URL."
            ),
            Self::Media(206) => {
                format!("{media} sent only a part of the clip (206). Try again later.")
            }
            Self::Media(status) => format!(
                "{media} did not send the clip ({status}); its URL may have expired. Call again to get \
                 a new one."
            ),
            Self::Redirect(error) => redirect(settings, media, error),
            Self::Stream(StreamError::Empty) => {
                format!("{media} sent an empty clip. Try again later.")
            }
            Self::Stream(StreamError::NotTransportStream) => format!(
                "what {media} sent is not an MPEG transport stream. Nothing was saved. Try again later."
            ),
            Self::Stream(StreamError::LostSync(packet)) => format!(
                "the clip from {media} is damaged: packet {packet} (byte {}) does not start with \
                 0x47. Try again later.",
                packet * PACKET
            ),
            Self::Stream(StreamError::Truncated) => format!(
                "the clip from {media} is cut off: its length is no multiple of {PACKET} bytes. \
                 Try again later."
            ),
            Self::Stream(StreamError::NoPicture) => format!(
                "the clip from {media} has no picture. Nothing was saved. Try again later, or another window."
            ),
            Self::Destination(status, words) => {
                let says = match words {
                    Some(words) => format!(": \"{}\"", settings.redact(words)),
                    None => String::new(),
                };
                let advice = advice(*status, self.retryability(), has_length);
                format!(
                    "{destination}, the destination, refused the clip ({status}){says}. {advice}"
                )
            }
            Self::Unfinished => format!(
                "the transfer from {media} to {destination} was not complete at the call's deadline of \
                 {} s (MV_CLIP_DEADLINE_SECONDS). Set a longer deadline.",
                settings.deadline.as_secs(),
            ),
            Self::OutOfTime => format!(
                "the call's deadline of {} s (MV_CLIP_DEADLINE_SECONDS) left no time to save the \
                 clip. Set a longer one.",
                settings.deadline.as_secs(),
            ),
        }
    }
}

fn transport(who: &str, error: TransportError) -> String {
    match error {
        TransportError::Connection(what) => {
            format!("the exchange with {who}, failed: {what}. Check the network.")
        }
        TransportError::TooLarge => format!(
            "this component's engine does not accept a clip of this size from {who}. Raise \
             its limit for bodies, or request a shorter window."
        ),
        TransportError::Certificate => format!(
            "the TLS certificate of {who}, is not trusted. Check whether a proxy intercepts the \
             connection."
        ),
        TransportError::TimedOut => {
            format!("the exchange with {who}, stalled. Try again later.")
        }
        TransportError::AddressProhibited => format!("{who}, {ADDRESS_PROHIBITED}"),
        TransportError::Denied => format!(
            "this component's engine does not let it send to {who}. Allow that host \
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
            format!("{host} redirects without a usable location. Call again to get a new URL.")
        }
        RedirectError::Insecure(target)
        | RedirectError::Foreign(target)
        | RedirectError::UserInfo(target) => format!(
            "{host} redirects to {}, which is not https or holds a user name. \
             Check whether a proxy intercepts the connection.",
            settings.redact(target),
        ),
        RedirectError::TooMany => {
            format!(
                "{host} redirects more than {MAX_REDIRECTS} times for one clip. Call again to get a new \
                 URL."
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_says_what_happened_and_what_to_do() {
        use Peer::{Destination, Media};
        let settings = Settings::from_variables([("MERAKI_DASHBOARD_API_KEY", "k3y")]).unwrap();
        let redirect = TransferError::Redirect;
        let destination = |status| TransferError::Destination(status, None);
        for (error, words) in [
            (
                TransferError::Transport(Media, TransportError::Connection("refused")),
                "the exchange with m, which has the clip, failed: refused. Check the network",
            ),
            (
                TransferError::Transport(Destination, TransportError::TimedOut),
                "the exchange with d, the destination, stalled. Try again",
            ),
            (
                TransferError::Transport(Destination, TransportError::Certificate),
                "certificate of d, the destination, is not trusted. Check whether a proxy",
            ),
            (
                TransferError::Transport(Media, TransportError::Denied),
                "does not let it send to m, which has the clip. Allow that host",
            ),
            (
                TransferError::Transport(Destination, TransportError::AddressProhibited),
                "d, the destination, resolves to an address that is not public",
            ),
            (
                TransferError::Transport(Media, TransportError::TooLarge),
                "request a shorter window",
            ),
            (
                TransferError::Media(404),
                "m does not have the clip yet, or no longer (404)",
            ),
            (
                TransferError::Media(202),
                "m does not have the clip yet, or no longer (202)",
            ),
            (
                TransferError::Media(206),
                "m sent only a part of the clip (206)",
            ),
            (TransferError::Media(410), "m did not send the clip (410)"),
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
                TransferError::Stream(StreamError::Empty),
                "m sent an empty clip",
            ),
            (
                TransferError::Stream(StreamError::NotTransportStream),
                "what m sent is not an MPEG transport stream",
            ),
            (
                TransferError::Stream(StreamError::LostSync(7)),
                "clip from m is damaged: packet 7 (byte 1316)",
            ),
            (
                TransferError::Stream(StreamError::Truncated),
                "clip from m is cut off: its length is no multiple of 188",
            ),
            (
                TransferError::Stream(StreamError::NoPicture),
                "clip from m has no picture. Nothing was saved",
            ),
            (
                TransferError::Destination(403, Some("no k3y".into())),
                "d, the destination, refused the clip (403): \"no (API key)\". Check that its URL",
            ),
            (destination(503), "refused the clip (503). Try again later"),
            (destination(599), "refused the clip (599). Try again later"),
            (
                destination(307),
                "(307). Redirects of a PUT are not followed",
            ),
            (destination(411), "(411). It wants the length"),
            (destination(501), "(501). It wants the length"),
            (destination(505), "(505). Check that its URL"),
            (
                TransferError::Unfinished,
                "from m to d was not complete at the call's deadline of 120 s",
            ),
            (TransferError::OutOfTime, "deadline of 120 s"),
        ] {
            let context = Context {
                media: "m",
                destination: "d",
                has_length: false,
            };
            let message = error.message(&settings, context);
            assert!(message.contains(words), "{error:?}: {message}");
        }
    }

    #[test]
    fn the_length_is_not_the_reason_if_it_was_sent() {
        for status in [411, 501] {
            assert!(advice(status, Retryability::Never, true).starts_with("Check that its URL"));
        }
    }
}
