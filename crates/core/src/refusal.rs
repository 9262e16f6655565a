//! The ways in which an attempt comes to nothing, each with its kind and its words.

use crate::api::{MAX_BODY, TransportError};
use crate::error::FailureKind;
use crate::redirect::{MAX_REDIRECTS, RedirectError};
use crate::retry::{BASE, BASE_NOT_YET, BASE_RATE_LIMITED, Retryability};
use crate::settings::Settings;
use crate::url::UrlError;

/// Why an attempt brought no clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No reply, or no whole one.
    NoReply(TransportError),
    /// 400, no video, and the window's end is recent: not uploaded yet.
    NotYet,
    /// 400, no video.
    NoVideo,
    /// Any other status that is neither 2xx nor a redirect.
    Status(u16),
    /// 2xx, but no clip in it.
    Unusable(Unusable),
    /// A redirect that is not followed.
    Redirect(RedirectError),
    /// The deadline came before anything else did.
    OutOfTime,
}

/// Why a 2xx reply holds no clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// No JSON object.
    NotJson,
    /// No text `url` in it.
    NoUrl,
    /// A `url` that must not be handed out.
    Url(UrlError),
}

impl Refusal {
    /// The kind that the caller is told.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::NoReply(TransportError::TimedOut) | Self::OutOfTime => FailureKind::TimedOut,
            Self::NoReply(TransportError::Denied) => FailureKind::Rejected,
            Self::NoReply(TransportError::TooLarge) => FailureKind::BadResponse,
            Self::NoReply(_) => FailureKind::ConnectionFailed,
            Self::NotYet => FailureKind::TooEarly,
            Self::NoVideo => FailureKind::Rejected,
            Self::Status(401) => FailureKind::Unauthorized,
            Self::Status(403) => FailureKind::Forbidden,
            Self::Status(404) => FailureKind::NotFound,
            Self::Status(429) => FailureKind::RateLimited,
            Self::Status(408 | 500..) => FailureKind::Unavailable,
            Self::Status(400..) => FailureKind::Rejected,
            Self::Status(_) | Self::Unusable(_) => FailureKind::BadResponse,
            Self::Redirect(RedirectError::NoLocation) => FailureKind::BadResponse,
            Self::Redirect(_) => FailureKind::Rejected,
        }
    }

    /// When to try again.
    pub fn retryability(&self) -> Retryability {
        match self {
            Self::Status(429) => Retryability::Soon(BASE_RATE_LIMITED),
            Self::Status(408 | 500 | 502 | 503 | 504)
            | Self::NoReply(
                TransportError::Connection(_) | TransportError::TimedOut | TransportError::TooLarge,
            )
            | Self::Unusable(_)
            | Self::OutOfTime => Retryability::Soon(BASE),
            Self::NotYet => Retryability::Soon(BASE_NOT_YET),
            // Not implemented, and HTTP version not supported: what this client sends will not change.
            Self::Status(501 | 505) => Retryability::Never,
            // A 5xx that is not known means the same as 500 (RFC 9110, section 15), but proxies use these for
            // faults that outlast a call.
            Self::Status(500..) => Retryability::Later,
            Self::Status(_)
            | Self::NoVideo
            | Self::NoReply(TransportError::Certificate | TransportError::Denied)
            | Self::Redirect(_) => Retryability::Never,
        }
    }

    /// What happened, and what to do next. `host` is the one that was asked.
    pub fn message(&self, settings: &Settings, host: &str) -> String {
        match self {
            Self::NoReply(error) => no_reply(host, *error),
            Self::NotYet => "Meraki has no video for this window yet. Footage takes 30 to 60 s to \
                 arrive, longer over a slow uplink: try again later."
                .into(),
            Self::NoVideo => {
                "Meraki has no video for this window. The camera was offline or did not \
                 record, or the window lies outside its retention."
                    .into()
            }
            Self::Status(status) => self::status(settings, host, *status),
            Self::Unusable(Unusable::NotJson) => format!(
                "{host} answered with something else than JSON. Try again later, and check \
                 MERAKI_BASE_URL."
            ),
            Self::Unusable(Unusable::NoUrl) => {
                format!("{host} answered without a clip's URL. Try again later.")
            }
            Self::Unusable(Unusable::Url(error)) => {
                format!(
                    "{host} answered with a clip URL that {}. Try again later.",
                    error.reason()
                )
            }
            Self::Redirect(error) => redirect(settings, host, error),
            Self::OutOfTime => format!(
                "the call's deadline of {} s (MV_CLIP_DEADLINE_SECONDS) left no time to ask {host}. \
                 Try again later.",
                settings.deadline.as_secs(),
            ),
        }
    }
}

fn no_reply(host: &str, error: TransportError) -> String {
    match error {
        TransportError::Connection(what) => format!(
            "the exchange with {host} failed: {what}. Check the network and MERAKI_BASE_URL."
        ),
        TransportError::Certificate => format!(
            "the TLS certificate of {host} is not trusted. Check MERAKI_BASE_URL, and whether a proxy \
             intercepts the connection."
        ),
        TransportError::TimedOut => format!("no full reply from {host} in time. Try again later."),
        TransportError::Denied => format!(
            "the engine that runs this component does not let it send to {host}. Allow that \
             destination there, and the header Authorization."
        ),
        TransportError::TooLarge => format!(
            "{host} sent more than {MAX_BODY} bytes where a clip's URL was due. Check \
             MERAKI_BASE_URL."
        ),
    }
}

fn status(settings: &Settings, host: &str, status: u16) -> String {
    match status {
        400 => "Meraki refused the request (400). Check the window, and imager-id: cameras with \
             several imagers require it, others refuse it."
            .into(),
        401 if settings.api_key.is_none() => {
            "Meraki wants an API key (401): MERAKI_DASHBOARD_API_KEY is not set, and the engine that \
             runs this component added none that Meraki takes."
                .into()
        }
        401 => "Meraki refused the API key (401): it is wrong, revoked or expired, or its user has no \
             access to the API. Check MERAKI_DASHBOARD_API_KEY."
            .into(),
        403 => "Meraki does not let this API key read the camera's video (403). Give its user camera \
             access in the Dashboard, or its application the scope camera:telemetry:write."
            .into(),
        404 => format!(
            "Meraki knows no such camera (404). Check the serial, that it is an MV camera in a \
             network, that the API key belongs to its organisation, and that {host} is its region."
        ),
        429 => "Meraki's request limit for the organisation is used up (429). Send fewer requests, \
             and see which other applications share the limit."
            .into(),
        501 | 505 => {
            format!("{host} does not support this request ({status}). Check MERAKI_BASE_URL.")
        }
        408 | 500.. => format!("Meraki cannot answer now ({status}). Try again later."),
        402.. => format!("{host} refused the request ({status}). Check MERAKI_BASE_URL."),
        _ => format!(
            "{host} answered with a status that means nothing here ({status}). Check \
             MERAKI_BASE_URL."
        ),
    }
}

fn redirect(settings: &Settings, host: &str, error: &RedirectError) -> String {
    match error {
        RedirectError::NoLocation => {
            format!("{host} sent a redirect without a usable location. Check MERAKI_BASE_URL.")
        }
        RedirectError::Insecure(target) => format!(
            "{host} redirects to {} without https, and the API key must not go there. Check \
             MERAKI_BASE_URL.",
            settings.shown(target),
        ),
        RedirectError::Foreign(target) => format!(
            "{host} redirects to {}, and the API key must not go there. Check MERAKI_BASE_URL.",
            settings.shown(target),
        ),
        RedirectError::UserInfo(target) => format!(
            "{host} redirects to {} with a user name in the URL, which is not followed. Check \
             MERAKI_BASE_URL.",
            settings.shown(target),
        ),
        RedirectError::TooMany => {
            format!("{host} redirects more than {MAX_REDIRECTS} times. Check MERAKI_BASE_URL.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_of_every_status() {
        let kind = |status| Refusal::Status(status).kind();
        for (statuses, expected) in [
            (401..=401, FailureKind::Unauthorized),
            (403..=403, FailureKind::Forbidden),
            (404..=404, FailureKind::NotFound),
            (405..=407, FailureKind::Rejected),
            (408..=408, FailureKind::Unavailable),
            (409..=428, FailureKind::Rejected),
            (429..=429, FailureKind::RateLimited),
            (430..=499, FailureKind::Rejected),
            (500..=599, FailureKind::Unavailable),
            (100..=199, FailureKind::BadResponse),
            (300..=399, FailureKind::BadResponse),
            (400..=400, FailureKind::Rejected),
            (402..=402, FailureKind::Rejected),
        ] {
            for status in statuses {
                assert_eq!(kind(status), expected, "{status}");
            }
        }
    }

    #[test]
    fn a_missing_key_is_named() {
        let none = Settings::from_variables::<&str, &str>([]).unwrap();
        assert!(
            Refusal::Status(401)
                .message(&none, "h")
                .contains("MERAKI_DASHBOARD_API_KEY is not set")
        );
        let some = Settings::from_variables([("MERAKI_DASHBOARD_API_KEY", "k3y")]).unwrap();
        assert!(
            !Refusal::Status(401)
                .message(&some, "h")
                .contains("is not set")
        );
    }

    #[test]
    fn every_refusal_says_what_happened_and_what_to_do() {
        let settings = Settings::from_variables([("MERAKI_DASHBOARD_API_KEY", "k3y")]).unwrap();
        let no_reply = Refusal::NoReply;
        for (refusal, words) in [
            (
                no_reply(TransportError::Connection("refused")),
                "the exchange with h failed: refused. Check the network",
            ),
            (
                no_reply(TransportError::Certificate),
                "certificate of h is not trusted. Check MERAKI_BASE_URL",
            ),
            (no_reply(TransportError::TimedOut), "no full reply from h"),
            (
                no_reply(TransportError::Denied),
                "does not let it send to h",
            ),
            (
                no_reply(TransportError::TooLarge),
                "h sent more than 1048576 bytes",
            ),
            (Refusal::NotYet, "no video for this window yet"),
            (Refusal::NoVideo, "outside its retention"),
            (
                Refusal::Unusable(Unusable::NotJson),
                "something else than JSON",
            ),
            (Refusal::Unusable(Unusable::NoUrl), "without a clip's URL"),
            (
                Refusal::Redirect(RedirectError::NoLocation),
                "h sent a redirect without a usable location",
            ),
            (
                Refusal::Redirect(RedirectError::Insecure("k3y.h".into())),
                "h redirects to (API key).h without https",
            ),
            (
                Refusal::Redirect(RedirectError::UserInfo("k3y.h".into())),
                "h redirects to (API key).h with a user name",
            ),
            (
                Refusal::Redirect(RedirectError::TooMany),
                "h redirects more than 3 times",
            ),
            (Refusal::OutOfTime, "deadline of 120 s"),
            (
                Refusal::Status(304),
                "h answered with a status that means nothing here (304)",
            ),
            (Refusal::Status(400), "Check the window, and imager-id"),
            (Refusal::Status(401), "refused the API key (401)"),
            (Refusal::Status(402), "h refused the request (402)"),
            (Refusal::Status(403), "the scope camera:telemetry:write"),
            (Refusal::Status(404), "that h is its region"),
            (
                Refusal::Status(408),
                "cannot answer now (408). Try again later",
            ),
            (Refusal::Status(418), "h refused the request (418)"),
            (Refusal::Status(429), "Send fewer requests"),
            (Refusal::Status(500), "cannot answer now (500)"),
            (
                Refusal::Status(501),
                "h does not support this request (501)",
            ),
            (
                Refusal::Status(505),
                "h does not support this request (505)",
            ),
            (Refusal::Status(599), "cannot answer now (599)"),
        ] {
            let message = refusal.message(&settings, "h");
            assert!(message.contains(words), "{refusal:?}: {message}");
        }
    }

    #[test]
    fn permanent_failures_do_not_say_try_again() {
        let settings = Settings::from_variables::<&str, &str>([]).unwrap();
        for refusal in (100..600).map(Refusal::Status) {
            let message = refusal.message(&settings, "h");
            let says = message.contains("Try again later");
            assert!(
                !says || refusal.retryability() != Retryability::Never,
                "{message}"
            );
        }
    }

    #[test]
    fn a_clip_url_that_is_not_handed_out_is_explained_and_not_shown() {
        let settings = Settings::from_variables::<&str, &str>([]).unwrap();
        let words =
            |error| Refusal::Unusable(Unusable::Url(error)).message(&settings, "api.meraki.com");
        assert_eq!(
            words(UrlError::Insecure),
            "api.meraki.com answered with a clip URL that is not https (plain http is accepted for \
             a loopback address only). Try again later."
        );
        assert!(words(UrlError::Malformed).contains("is not an absolute URL (RFC 3986)"));
        assert!(words(UrlError::UserInfo).contains("holds a user name or password"));
    }

    #[test]
    fn a_refused_redirect_names_the_host() {
        let settings = Settings::from_variables::<&str, &str>([]).unwrap();
        let refusal = Refusal::Redirect(RedirectError::Foreign("evil.com".into()));
        assert_eq!(refusal.kind(), FailureKind::Rejected);
        assert_eq!(
            refusal.message(&settings, "api.meraki.com"),
            "api.meraki.com redirects to evil.com, and the API key must not go there. Check \
             MERAKI_BASE_URL."
        );
    }

    #[test]
    fn every_status_but_six_is_final_for_the_call() {
        let retried: Vec<u16> = (100..600)
            .filter(|status| {
                matches!(
                    Refusal::Status(*status).retryability(),
                    Retryability::Soon(_)
                )
            })
            .collect();
        assert_eq!(retried, [408, 429, 500, 502, 503, 504]);
    }

    #[test]
    fn other_server_errors_may_pass_by_the_next_call() {
        let later: Vec<u16> = (100..600)
            .filter(|status| Refusal::Status(*status).retryability() == Retryability::Later)
            .collect();
        assert_eq!(later, (506..600).collect::<Vec<u16>>());
    }

    #[test]
    fn what_is_tried_again() {
        for refusal in [
            Refusal::NoReply(TransportError::Connection("refused")),
            Refusal::NoReply(TransportError::TimedOut),
            Refusal::Unusable(Unusable::NotJson),
            Refusal::Unusable(Unusable::NoUrl),
            Refusal::NoReply(TransportError::TooLarge),
            Refusal::Unusable(Unusable::Url(UrlError::Insecure)),
        ] {
            assert_eq!(
                refusal.retryability(),
                Retryability::Soon(BASE),
                "{refusal:?}"
            );
        }
        assert_eq!(
            Refusal::Status(429).retryability(),
            Retryability::Soon(BASE_RATE_LIMITED)
        );
        assert_eq!(
            Refusal::NotYet.retryability(),
            Retryability::Soon(BASE_NOT_YET)
        );
    }

    #[test]
    fn an_untrusted_certificate_stays_untrusted() {
        assert_eq!(
            Refusal::NoReply(TransportError::Certificate).retryability(),
            Retryability::Never
        );
    }

    #[test]
    fn what_the_host_denies_stays_denied() {
        assert_eq!(
            Refusal::NoReply(TransportError::Denied).retryability(),
            Retryability::Never
        );
    }

    #[test]
    fn old_footage_that_is_not_there_will_not_come() {
        assert_eq!(Refusal::NoVideo.retryability(), Retryability::Never);
    }

    #[test]
    fn a_refused_redirect_would_be_refused_again() {
        for error in [
            RedirectError::NoLocation,
            RedirectError::TooMany,
            RedirectError::Foreign("h".into()),
            RedirectError::Insecure("h".into()),
            RedirectError::UserInfo("h".into()),
        ] {
            assert_eq!(Refusal::Redirect(error).retryability(), Retryability::Never);
        }
    }
}
