//! What a client of media hosts needs to know: what each status means for the download of a clip.
//!
//! Meraki's API hands out a URL of a media host, and several clients fetch the clip from there:
//! [`Transfer`](crate::transfer::Transfer) and the downloaders of other crates. All of them follow these rules:
//!
//! - [`classify`] says what the status of a response means, and whether another attempt may help.
//! - [`media_target`] says where a redirect leads, if it may be followed.
//! - [`retry_after`] reads the header `Retry-After`, and [`delay`] gives the time to wait before a retry.
//!
//! ```
//! use mv_clip_core::media::{MediaStatus, classify};
//! use mv_clip_core::retry::{Retryability, delay};
//!
//! let MediaStatus::NotAvailable(Retryability::Soon(base)) = classify(429, false) else { panic!("a 429") };
//! let wait = delay(base, 0, None, u64::MAX);
//! assert!(wait.as_millis() < 1_000);
//! ```
//!
//! [`media_target`]: crate::redirect::media_target
//! [`retry_after`]: crate::retry::retry_after
//! [`delay`]: crate::retry::delay

use crate::redirect::is_redirect;
use crate::retry::{BASE, BASE_NOT_YET, BASE_RATE_LIMITED, Retryability};

/// What the status of a media host's response means for the download of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaStatus {
    /// The body is the clip from its first byte.
    Whole,
    /// The body is the part that `Content-Range` names (RFC 9110, section 14.4): the request had a `Range`.
    /// Check that it is the part that was requested.
    Partial,
    /// The clip has no such part (416): what is there already is not of this clip. Start again without
    /// `Range`.
    RangeNotSatisfiable,
    /// The clip is elsewhere: follow `Location` as [`media_target`](crate::redirect::media_target) says.
    Redirect,
    /// The response has no clip. This says when another attempt may help.
    NotAvailable(Retryability),
}

/// What a media host's `status` means for a request to which `has_range` says whether it had a `Range`.
///
/// - 202, 204, 205 and 404: the clip is not there yet, because Meraki hands out its URL a moment earlier.
/// - 206 without `Range`: a part of the clip that nobody requested. It is not the whole.
/// - 408, 425, 429 and 5xx: the host cannot respond now.
/// - Any other status but a success or a redirect: the URL has expired, most likely. A later call gets a new
///   one.
pub fn classify(status: u16, has_range: bool) -> MediaStatus {
    use MediaStatus::NotAvailable;
    match status {
        202 | 204 | 205 | 404 => NotAvailable(Retryability::Soon(BASE_NOT_YET)),
        206 if has_range => MediaStatus::Partial,
        206 => NotAvailable(Retryability::Soon(BASE)),
        // A 2xx that is not known means the same as 200 (RFC 9110, section 15).
        200..300 => MediaStatus::Whole,
        416 if has_range => MediaStatus::RangeNotSatisfiable,
        429 => NotAvailable(Retryability::Soon(BASE_RATE_LIMITED)),
        408 | 425 | 500.. => NotAvailable(Retryability::Soon(BASE)),
        _ if is_redirect(status) => MediaStatus::Redirect,
        _ => NotAvailable(Retryability::Later),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_meaning() {
        for status in 100..600 {
            let expected = match status {
                202 | 204 | 205 | 404 => {
                    MediaStatus::NotAvailable(Retryability::Soon(BASE_NOT_YET))
                }
                206 => MediaStatus::NotAvailable(Retryability::Soon(BASE)),
                200..=299 => MediaStatus::Whole,
                301 | 302 | 303 | 307 | 308 => MediaStatus::Redirect,
                429 => MediaStatus::NotAvailable(Retryability::Soon(BASE_RATE_LIMITED)),
                408 | 425 | 500..=599 => MediaStatus::NotAvailable(Retryability::Soon(BASE)),
                _ => MediaStatus::NotAvailable(Retryability::Later),
            };
            assert_eq!(classify(status, false), expected, "{status}");
        }
    }

    #[test]
    fn a_range_changes_the_meaning_of_206_and_416_alone() {
        let differ =
            (100..600).filter(|status| classify(*status, true) != classify(*status, false));
        assert_eq!(differ.collect::<Vec<u16>>(), [206, 416]);
        assert_eq!(classify(206, true), MediaStatus::Partial);
        assert_eq!(classify(416, true), MediaStatus::RangeNotSatisfiable);
    }
}
