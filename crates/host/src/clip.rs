//! The arguments and results of calls.

use std::fmt;

use crate::error::ClipError;
use crate::outbound::NamedUrls;

/// Which footage: one camera, or one imager of it, and one time window. The record `clip-request` of the
/// contract; the component checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipRequest {
    /// The camera's serial number, such as `Q2XX-ABCD-1234`.
    pub serial: String,
    /// The start of the window: an RFC 3339 time with an offset or `Z`.
    pub start: String,
    /// The end of the window, 1 s to 300 s after the start (up to 24 h for `get_range`).
    pub end: String,
    /// The imager of a multi-imager camera. None for all other cameras.
    pub imager_id: Option<u32>,
}

impl ClipRequest {
    /// The footage of a camera with one imager.
    ///
    /// ```
    /// use mv_clip_host::ClipRequest;
    ///
    /// let request = ClipRequest::new("Q2XX-ABCD-1234", "2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
    /// ```
    #[must_use]
    pub fn new(
        serial: impl Into<String>,
        start: impl Into<String>,
        end: impl Into<String>,
    ) -> Self {
        Self {
            serial: serial.into(),
            start: start.into(),
            end: end.into(),
            imager_id: None,
        }
    }

    /// The same window of one imager of a multi-imager camera.
    #[must_use]
    pub fn imager(self, imager_id: u32) -> Self {
        Self {
            imager_id: Some(imager_id),
            ..self
        }
    }
}

/// A clip that can be fetched now: the record `clip` of the contract.
#[derive(Clone, Debug)]
pub struct Clip {
    /// The camera's serial number, in upper case.
    pub serial: String,
    /// The imager of a multi-imager camera.
    pub imager_id: Option<u32>,
    /// The start of the window, in UTC with milliseconds.
    pub start: String,
    /// The end of the window, in UTC with milliseconds.
    pub end: String,
    /// Where the clip is.
    pub url: ClipUrl,
    /// When the URL stops working, in UTC with milliseconds.
    pub expires_at: Option<String>,
    /// The `X-Request-Id` of Meraki's reply, by which its support finds the request.
    pub request_id: Option<String>,
}

/// The result for one of several clips: the record `clip-outcome` of the contract.
#[derive(Clone, Debug)]
pub struct ClipOutcome {
    /// Which footage.
    pub request: ClipRequest,
    /// The clip, or why there is none.
    pub outcome: Result<Clip, ClipError>,
}

/// A clip that is stored at its destination: the record `saved-clip` of the contract.
#[derive(Clone, Debug)]
pub struct SavedClip {
    /// The clip.
    pub clip: Clip,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// The URL of a clip. Whoever has it has the video, so `Debug` does not print it.
///
/// It remembers whether a reply of the API named it in the call that returned it. If so,
/// [`MediaClient`](crate::MediaClient) fetches it from any public server. A URL that you make from a `String`, such as one
/// from a database, is fetched only from hosts that the policy lists, as is a URL that the component made up.
#[derive(Clone)]
pub struct ClipUrl {
    url: String,
    is_named: bool,
}

impl ClipUrl {
    /// The URL itself: to fetch it or to give it to a person, never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.url
    }

    /// A URL that a guest returned.
    pub(crate) fn checked(self, named: &NamedUrls) -> Self {
        let is_named = named.contains(&self.url);
        Self { is_named, ..self }
    }

    pub(crate) fn is_named(&self) -> bool {
        self.is_named
    }
}

impl From<String> for ClipUrl {
    fn from(url: String) -> Self {
        Self {
            url,
            is_named: false,
        }
    }
}

impl fmt::Debug for ClipUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClipUrl(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_url() {
        assert_eq!(
            format!("{:?}", ClipUrl::from("https://h/t0ken".to_owned())),
            "ClipUrl(hidden)"
        );
    }
}
