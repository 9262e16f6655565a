//! What a caller is told about an [`ApiError`].

use crate::api_error::{ApiError, InvalidBody};
use crate::redirect::{MAX_REDIRECTS, RedirectError};
use crate::settings::Settings;
use crate::transport::{ADDRESS_PROHIBITED, MAX_BODY, TransportError};

impl ApiError {
    /// What happened, and what to do next. `host` is the host that the request went to, fit for a message.
    pub fn message(&self, settings: &Settings, host: &str) -> String {
        match self {
            Self::Transport(error) => transport(host, *error),
            Self::NotYet => "Meraki has no video for this window yet. Footage takes 30 to 60 s to \
                 arrive, longer over a slow uplink: try again later."
                .into(),
            Self::NoVideo => {
                "Meraki has no video for this window. The camera was offline or did not \
                 record, or the window lies outside its retention."
                    .into()
            }
            Self::Imager => {
                "Meraki refused the imager (400). Name one of a camera with several, from 1 on, and \
                 none of another camera."
                    .into()
            }
            Self::Status(status) => self::status(host, *status),
            Self::InvalidBody(InvalidBody::NotJson) => format!(
                "{host} did not answer with JSON. Try again later, and check MERAKI_BASE_URL."
            ),
            Self::InvalidBody(InvalidBody::NoUrl) => {
                format!("{host} answered without a clip's URL. Try again later.")
            }
            Self::InvalidBody(InvalidBody::Url(error)) => {
                format!(
                    "{host} answered with a clip URL that {}. Try again later.",
                    error.reason()
                )
            }
            Self::Redirect(error) => redirect(settings, host, error),
            Self::OutOfTime => format!(
                "the call's deadline of {} s (MV_CLIP_DEADLINE_SECONDS) left no time for a request to \
                 {host}. Try again later.",
                settings.deadline.as_secs(),
            ),
        }
    }
}

fn transport(host: &str, error: TransportError) -> String {
    match error {
        TransportError::Connection(what) => format!(
            "the exchange with {host} failed: {what}. Check the network and MERAKI_BASE_URL."
        ),
        TransportError::Certificate => format!(
            "the TLS certificate of {host} is not trusted. Check MERAKI_BASE_URL, and whether a proxy \
             intercepts the connection."
        ),
        TransportError::TimedOut => {
            format!("no complete response from {host} in time. Try again later.")
        }
        TransportError::Denied => format!(
            "this component's engine does not let it send to {host}. Allow that \
             destination there, and the header Authorization."
        ),
        TransportError::AddressProhibited => format!("{host} {ADDRESS_PROHIBITED}"),
        TransportError::TooLarge => {
            format!("{host} sent more than {MAX_BODY} bytes. Check MERAKI_BASE_URL.")
        }
    }
}

fn status(host: &str, status: u16) -> String {
    match status {
        400 => "Meraki refused the request (400). Check the window, and the imager: cameras with \
             several need one, others refuse it."
            .into(),
        401 => "Meraki refused the API key (401): it is missing, wrong, revoked or expired, or its user \
             has no access to the API. Check the key."
            .into(),
        403 => {
            "Meraki does not let this API key read the camera's video (403). Give its user camera \
             access in the Dashboard, or its application the scope camera:telemetry:write."
                .into()
        }
        404 => format!(
            "Meraki has no such camera (404). Check the serial, that it is an MV camera in a \
             network, that the API key belongs to its organisation, and that {host} is its region."
        ),
        429 => {
            "Meraki's request limit for the organisation is used up (429). Send fewer requests: \
             other applications share the limit."
                .into()
        }
        501 | 505 => {
            format!("{host} does not support this request ({status}). Check MERAKI_BASE_URL.")
        }
        408 | 500.. => format!("Meraki cannot answer now ({status}). Try again later."),
        402.. => format!("{host} refused the request ({status}). Check MERAKI_BASE_URL."),
        _ => format!("{host} sent an unexpected status ({status}). Check MERAKI_BASE_URL."),
    }
}

fn redirect(settings: &Settings, host: &str, error: &RedirectError) -> String {
    let to = |target: &str, why: &str| format!("redirects to {}{why}", settings.redact(target));
    let what = match error {
        RedirectError::NoLocation => "sent a redirect without a usable location".into(),
        RedirectError::Insecure(target) => to(target, " without https"),
        RedirectError::Foreign(target) => to(target, ", and the API key must not go there"),
        RedirectError::UserInfo(target) => to(
            target,
            " with a user name in the URL, which is not followed",
        ),
        RedirectError::TooMany => format!("redirects more than {MAX_REDIRECTS} times"),
    };
    format!("{host} {what}. Check MERAKI_BASE_URL.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;
    use crate::retry::Retryability;
    use crate::url::UrlError;

    /// The component does not know whether it, its host or a command line holds the key.
    #[test]
    fn the_message_about_a_key_suits_whoever_holds_it() {
        let without = Settings::from_variables::<&str, &str>([]).unwrap();
        let with = Settings::from_variables([("MERAKI_DASHBOARD_API_KEY", "k3y")]).unwrap();
        for settings in [without, with] {
            let message = ApiError::Status(401).message(&settings, "h");
            assert!(message.contains("missing, wrong"), "{message}");
            assert!(message.ends_with("Check the key."), "{message}");
            assert!(!message.contains("engine"), "{message}");
        }
    }

    #[test]
    fn every_message_says_what_happened_and_what_to_do() {
        let settings = Settings::from_variables([("MERAKI_DASHBOARD_API_KEY", "k3y")]).unwrap();
        let transport = ApiError::Transport;
        for (error, words) in [
            (
                transport(TransportError::Connection("refused")),
                "the exchange with h failed: refused. Check the network",
            ),
            (
                transport(TransportError::Certificate),
                "certificate of h is not trusted. Check MERAKI_BASE_URL",
            ),
            (
                transport(TransportError::TimedOut),
                "no complete response from h",
            ),
            (
                transport(TransportError::Denied),
                "does not let it send to h",
            ),
            (
                transport(TransportError::AddressProhibited),
                "h resolves to an address that is not public",
            ),
            (
                transport(TransportError::TooLarge),
                "h sent more than 1048576 bytes",
            ),
            (ApiError::NotYet, "no video for this window yet"),
            (ApiError::NoVideo, "outside its retention"),
            (ApiError::Imager, "refused the imager"),
            (
                ApiError::InvalidBody(InvalidBody::NotJson),
                "h did not answer with JSON",
            ),
            (
                ApiError::InvalidBody(InvalidBody::NoUrl),
                "without a clip's URL",
            ),
            (
                ApiError::Redirect(RedirectError::NoLocation),
                "h sent a redirect without a usable location",
            ),
            (
                ApiError::Redirect(RedirectError::Insecure("k3y.h".into())),
                "h redirects to (API key).h without https",
            ),
            (
                ApiError::Redirect(RedirectError::UserInfo("k3y.h".into())),
                "h redirects to (API key).h with a user name",
            ),
            (
                ApiError::Redirect(RedirectError::TooMany),
                "h redirects more than 3 times",
            ),
            (ApiError::OutOfTime, "deadline of 120 s"),
            (ApiError::Status(304), "h sent an unexpected status (304)"),
            (ApiError::Status(400), "Check the window, and the imager"),
            (ApiError::Status(401), "refused the API key (401)"),
            (ApiError::Status(402), "h refused the request (402)"),
            (ApiError::Status(403), "the scope camera:telemetry:write"),
            (ApiError::Status(404), "that h is its region"),
            (
                ApiError::Status(408),
                "cannot answer now (408). Try again later",
            ),
            (ApiError::Status(418), "h refused the request (418)"),
            (ApiError::Status(429), "Send fewer requests"),
            (ApiError::Status(500), "cannot answer now (500)"),
            (
                ApiError::Status(501),
                "h does not support this request (501)",
            ),
            (
                ApiError::Status(505),
                "h does not support this request (505)",
            ),
            (ApiError::Status(599), "cannot answer now (599)"),
        ] {
            let message = error.message(&settings, "h");
            assert!(message.contains(words), "{error:?}: {message}");
        }
    }

    #[test]
    fn permanent_failures_do_not_say_try_again() {
        let settings = Settings::from_variables::<&str, &str>([]).unwrap();
        for error in (100..600).map(ApiError::Status) {
            let message = error.message(&settings, "h");
            let says = message.contains("Try again later");
            assert!(
                !says || error.retryability() != Retryability::Never,
                "{message}"
            );
        }
    }

    #[test]
    fn the_message_about_a_clip_url_does_not_contain_it() {
        let settings = Settings::from_variables::<&str, &str>([]).unwrap();
        let words = |error| {
            ApiError::InvalidBody(InvalidBody::Url(error)).message(&settings, "api.meraki.com")
        };
        assert_eq!(
            words(UrlError::Insecure),
            "api.meraki.com answered with a clip URL that is not https (plain http is accepted for \
             a loopback address only). Try again later."
        );
        assert!(words(UrlError::Malformed).contains("is not an absolute URL (RFC 3986)"));
        assert!(words(UrlError::UserInfo).contains("holds a user name or password"));
    }

    #[test]
    fn the_message_about_a_redirect_names_the_host() {
        let settings = Settings::from_variables::<&str, &str>([]).unwrap();
        let error = ApiError::Redirect(RedirectError::Foreign("evil.com".into()));
        assert_eq!(error.kind(), FailureKind::Rejected);
        assert_eq!(
            error.message(&settings, "api.meraki.com"),
            "api.meraki.com redirects to evil.com, and the API key must not go there. Check \
             MERAKI_BASE_URL."
        );
    }
}
