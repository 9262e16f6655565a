//! [`ApiError`]: why an attempt to get a clip's URL failed, with failure kind and retryability.

use crate::error::FailureKind;
use crate::redirect::RedirectError;
use crate::retry::{BASE, BASE_NOT_YET, BASE_RATE_LIMITED, Retryability};
use crate::transport::TransportError;
use crate::url::UrlError;

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiError {
    /// There is no response, or no whole one.
    Transport(TransportError),
    /// 400 with "no video", and the window's end is recent: the footage is not uploaded yet.
    NotYet,
    /// 400 with "no video", and the window's end is not recent.
    NoVideo,
    /// 400 about the imager: the camera needs one, or has none of that number.
    Imager,
    /// Any other status that is neither 2xx nor a redirect.
    Status(u16),
    /// 2xx without a usable clip URL.
    InvalidBody(InvalidBody),
    /// A redirect that must not be followed.
    Redirect(RedirectError),
    /// The call's deadline passed before a request could be sent.
    OutOfTime,
}

/// Why a 2xx response has no usable clip URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBody {
    /// The body is not a JSON object.
    NotJson,
    /// The object has no string `url`.
    NoUrl,
    /// The `url` must not be returned to a caller.
    Url(UrlError),
}

impl ApiError {
    /// The failure kind.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Transport(TransportError::TimedOut) | Self::OutOfTime => FailureKind::TimedOut,
            Self::Transport(TransportError::Denied | TransportError::AddressProhibited) => {
                FailureKind::Rejected
            }
            Self::Transport(TransportError::TooLarge) => FailureKind::BadResponse,
            Self::Transport(_) => FailureKind::ConnectionFailed,
            Self::NotYet => FailureKind::TooEarly,
            Self::NoVideo | Self::Imager => FailureKind::Rejected,
            Self::Status(401) => FailureKind::Unauthorized,
            Self::Status(403) => FailureKind::Forbidden,
            Self::Status(404) => FailureKind::NotFound,
            Self::Status(429) => FailureKind::RateLimited,
            Self::Status(408 | 500..) => FailureKind::Unavailable,
            Self::Status(400..) => FailureKind::Rejected,
            Self::Status(_) | Self::InvalidBody(_) => FailureKind::BadResponse,
            Self::Redirect(RedirectError::NoLocation) => FailureKind::BadResponse,
            Self::Redirect(_) => FailureKind::Rejected,
        }
    }

    /// Whether another attempt may help.
    pub fn retryability(&self) -> Retryability {
        match self {
            Self::Status(429) => Retryability::Soon(BASE_RATE_LIMITED),
            Self::Status(408 | 500 | 502 | 503 | 504)
            | Self::Transport(
                TransportError::Connection(_) | TransportError::TimedOut | TransportError::TooLarge,
            )
            | Self::InvalidBody(_)
            | Self::OutOfTime => Retryability::Soon(BASE),
            Self::NotYet => Retryability::Soon(BASE_NOT_YET),
            // Not implemented, and HTTP version not supported: what this client sends will not change.
            Self::Status(501 | 505) => Retryability::Never,
            // A 5xx that is not known means the same as 500 (RFC 9110, section 15), but proxies use these for
            // faults that outlast a call.
            Self::Status(500..) => Retryability::Later,
            Self::Status(_)
            | Self::NoVideo
            | Self::Imager
            | Self::Transport(
                TransportError::Certificate
                | TransportError::Denied
                | TransportError::AddressProhibited,
            )
            | Self::Redirect(_) => Retryability::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_of_every_status() {
        let kind = |status| ApiError::Status(status).kind();
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
    fn six_statuses_are_retried_in_the_call() {
        let retried: Vec<u16> = (100..600)
            .filter(|status| {
                matches!(
                    ApiError::Status(*status).retryability(),
                    Retryability::Soon(_)
                )
            })
            .collect();
        assert_eq!(retried, [408, 429, 500, 502, 503, 504]);
    }

    #[test]
    fn other_server_errors_are_retried_in_a_later_call() {
        let later: Vec<u16> = (100..600)
            .filter(|status| ApiError::Status(*status).retryability() == Retryability::Later)
            .collect();
        assert_eq!(later, (506..600).collect::<Vec<u16>>());
    }

    #[test]
    fn what_is_retried() {
        for error in [
            ApiError::Transport(TransportError::Connection("refused")),
            ApiError::Transport(TransportError::TimedOut),
            ApiError::InvalidBody(InvalidBody::NotJson),
            ApiError::InvalidBody(InvalidBody::NoUrl),
            ApiError::Transport(TransportError::TooLarge),
            ApiError::InvalidBody(InvalidBody::Url(UrlError::Insecure)),
        ] {
            assert_eq!(error.retryability(), Retryability::Soon(BASE), "{error:?}");
        }
        assert_eq!(
            ApiError::Status(429).retryability(),
            Retryability::Soon(BASE_RATE_LIMITED)
        );
        assert_eq!(
            ApiError::NotYet.retryability(),
            Retryability::Soon(BASE_NOT_YET)
        );
    }

    #[test]
    fn an_untrusted_certificate_is_not_retried() {
        assert_eq!(
            ApiError::Transport(TransportError::Certificate).retryability(),
            Retryability::Never
        );
    }

    #[test]
    fn a_denied_request_is_not_retried() {
        assert_eq!(
            ApiError::Transport(TransportError::Denied).retryability(),
            Retryability::Never
        );
        assert_eq!(
            ApiError::Transport(TransportError::AddressProhibited).retryability(),
            Retryability::Never
        );
    }

    #[test]
    fn missing_old_footage_is_not_retried() {
        assert_eq!(ApiError::NoVideo.retryability(), Retryability::Never);
        assert_eq!(ApiError::Imager.retryability(), Retryability::Never);
    }

    #[test]
    fn a_redirect_that_is_not_followed_is_not_retried() {
        for error in [
            RedirectError::NoLocation,
            RedirectError::TooMany,
            RedirectError::Foreign("h".into()),
            RedirectError::Insecure("h".into()),
            RedirectError::UserInfo("h".into()),
        ] {
            assert_eq!(
                ApiError::Redirect(error).retryability(),
                Retryability::Never
            );
        }
    }
}
