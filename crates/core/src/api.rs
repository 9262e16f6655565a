//! One exchange with Meraki's API in plain values: a request out, a reply in, a clip or a refusal.
//!
//! The operation is `clipDeviceCamera` of Meraki's API v1: `GET /devices/{serial}/camera/clip`.

use std::fmt;
use std::time::Duration;

use crate::json;
use crate::refusal::{Refusal, Unusable};
use crate::request::ClipRequest;
use crate::settings::ApiKey;
use crate::time::Timestamp;
use crate::url::{Url, UrlError};

/// The largest reply body that is read, in bytes: 1 MiB. A real one takes a few hundred bytes.
pub const MAX_BODY: usize = 1 << 20;

/// What a caller gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// What was asked for.
    pub request: ClipRequest,
    /// Where the clip is.
    pub url: ClipUrl,
    /// When the URL stops working, where Meraki says so.
    pub expires_at: Option<Timestamp>,
    /// The `X-Request-Id` of the reply.
    pub request_id: Option<String>,
}

/// Where a clip is. Whoever has the URL has the video, so `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClipUrl(String);

impl ClipUrl {
    /// Takes a URL that is safe to hand out: an origin that [`Url`] takes, and behind it any visible
    /// ASCII. Path and query are the media server's own, and stricter than it we need not be.
    ///
    /// # Errors
    ///
    /// Those of [`Url::parse`], for the origin, and [`UrlError::Malformed`] for other characters.
    pub fn parse(text: String) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Malformed)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        Url::parse(&format!("{scheme}://{authority}"))?;
        match text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self(text)),
            false => Err(UrlError::Malformed),
        }
    }

    /// The URL itself: for the caller, never for a message.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The URL itself, taken out.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for ClipUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClipUrl(hidden)")
    }
}

/// A GET request to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub url: Url,
    /// The key for the `Authorization` header.
    pub api_key: Option<ApiKey>,
    /// When to give up, body included, counted from the start of the call.
    pub give_up_at: Duration,
}

/// What came back. `Debug` shows neither location nor body, which may hold a clip's URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header `Location`.
    pub location: Option<String>,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The header `X-Request-Id`.
    pub request_id: Option<String>,
    /// The whole body, or why it cannot be had. That of a redirect is not read.
    pub body: Result<Vec<u8>, TransportError>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("request_id", &self.request_id)
            .field("body", &self.body.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

/// Why there is no reply, or no whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// No address, no connection, or a connection that broke; the text says which.
    Connection(&'static str),
    /// The server's TLS certificate is not trusted.
    Certificate,
    /// No full reply by [`Request::give_up_at`], or by a timeout of the host.
    TimedOut,
    /// The host does not let this component send this request.
    Denied,
    /// The body is larger than [`MAX_BODY`], or than the host allows.
    TooLarge,
}

/// Where a clip is asked for.
///
/// # Errors
///
/// None that a parsed base URL and request can bring about.
pub fn clip_url(base: &Url, request: &ClipRequest) -> Result<Url, UrlError> {
    let ClipRequest {
        serial,
        window,
        imager_id,
    } = request;
    let mut path = format!(
        "{}/devices/{serial}/camera/clip?startTimestamp={}&endTimestamp={}",
        base.path(),
        window.start(),
        window.end(),
    );
    if let Some(imager_id) = imager_id {
        path.push_str(&format!("&imagerId={imager_id}"));
    }
    base.with_path(&path)
}

/// Finds the clip's URL, and its expiry, in a reply that is no redirect.
///
/// # Errors
///
/// The refusal, for any status but 2xx and for a 2xx without a usable URL.
pub fn read(reply: &Reply) -> Result<(ClipUrl, Option<Timestamp>), Refusal> {
    if !(200..300).contains(&reply.status) {
        return Err(match (reply.status, &reply.body) {
            // The body decides between footage that may come and a request that is wrong.
            (400, Err(error)) => Refusal::NoReply(*error),
            (400, Ok(_)) if says_no_video(reply) => Refusal::NoVideo,
            (status, _) => Refusal::Status(status),
        });
    }
    let body = reply
        .body
        .as_ref()
        .map_err(|error| Refusal::NoReply(*error))?;
    let members = json::members(body).ok_or(Refusal::Unusable(Unusable::NotJson))?;
    let url = members.url.ok_or(Refusal::Unusable(Unusable::NoUrl))?;
    let url = ClipUrl::parse(url).map_err(|error| Refusal::Unusable(Unusable::Url(error)))?;
    // Meraki's document knows `url` alone; its SDK also names `expiry`, in prose.
    Ok((url, members.expiry.and_then(|prose| instant_in(&prose))))
}

/// The first RFC 3339 instant in a text such as "Access to the image will expire at
/// 2018-12-11T03:12:39Z."
fn instant_in(text: &str) -> Option<Timestamp> {
    text.split_ascii_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
        .find_map(|word| Timestamp::parse(word).ok())
}

/// What Meraki says about a refusal, in its own words: up to three errors.
pub fn errors(reply: &Reply) -> Vec<String> {
    let members = reply
        .body
        .as_ref()
        .ok()
        .and_then(|body| json::members(body));
    members.unwrap_or_default().errors
}

/// "No video for specified timestamp": for footage near live that is not uploaded yet, and for
/// footage that there is not.
fn says_no_video(reply: &Reply) -> bool {
    errors(reply)
        .iter()
        .any(|error| error.to_ascii_lowercase().contains("no video"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            location: None,
            retry_after: None,
            request_id: None,
            body: Ok(body.as_bytes().to_vec()),
        }
    }

    #[track_caller]
    fn clip(status: u16, body: &str) -> (String, Option<String>) {
        let (url, expires_at) = read(&reply(status, body)).unwrap();
        (url.into_string(), expires_at.map(|at| at.to_string()))
    }

    #[track_caller]
    fn refused(status: u16, body: &str, refusal: Refusal) {
        assert_eq!(read(&reply(status, body)), Err(refusal), "{status} {body}");
    }

    #[test]
    fn the_request_is_the_documented_one() {
        let base = Url::parse("https://api.meraki.com/api/v1").unwrap();
        let mut request = ClipRequest::parse(
            "q2xx-abcd-1234",
            "2026-03-12T15:30:00+01:00",
            "2026-03-12T14:32:00.250Z",
            None,
        )
        .unwrap();
        let plain = "https://api.meraki.com/api/v1/devices/Q2XX-ABCD-1234/camera/clip\
             ?startTimestamp=2026-03-12T14:30:00.000Z&endTimestamp=2026-03-12T14:32:00.250Z";
        assert_eq!(clip_url(&base, &request).unwrap().expose(), plain);
        request.imager_id = Some(2);
        assert_eq!(
            clip_url(&base, &request).unwrap().expose(),
            format!("{plain}&imagerId=2")
        );
    }

    #[test]
    fn any_2xx_with_a_url_is_a_clip() {
        for status in [200, 201, 202, 299] {
            assert_eq!(
                clip(status, r#"{"url":"https://h/x"}"#),
                ("https://h/x".into(), None)
            );
        }
        assert_eq!(
            clip(200, r#" {"a":[1], "url":"https:\/\/h\/x"} "#).0,
            "https://h/x"
        );
        assert_eq!(
            clip(200, r#"{"url":"http://127.0.0.1:1/x"}"#).0,
            "http://127.0.0.1:1/x"
        );
    }

    #[test]
    fn the_first_instant_of_the_expiry() {
        let at = |expiry: &str| {
            clip(
                200,
                &format!(r#"{{"url":"https://h/x","expiry":{expiry}}}"#),
            )
            .1
        };
        let instant = Some("2018-12-11T03:12:39.000Z".to_owned());
        assert_eq!(
            at(r#""Access to the image will expire at 2018-12-11T03:12:39Z.""#),
            instant
        );
        assert_eq!(at(r#""2018-12-11T03:12:39Z""#), instant);
        assert_eq!(
            at(r#""(2018-12-11T04:12:39+01:00) or 2019-01-01T00:00:00Z""#),
            instant
        );
    }

    #[test]
    fn an_expiry_without_an_instant_is_none() {
        for expiry in [
            r#""soon""#,
            r#""""#,
            "null",
            "12",
            "{}",
            "[1]",
            r#""2018-12-11""#,
        ] {
            let body = format!(r#"{{"url":"https://h/x","expiry":{expiry}}}"#);
            assert_eq!(clip(200, &body), ("https://h/x".into(), None), "{expiry}");
        }
    }

    #[test]
    fn a_2xx_without_json_is_unusable() {
        for body in ["", "<html>ok</html>", "null", "[]", r#"{"url":"https"#] {
            refused(200, body, Refusal::Unusable(Unusable::NotJson));
        }
    }

    #[test]
    fn a_2xx_without_a_url_is_unusable() {
        for body in [
            "{}",
            r#"{"url":7}"#,
            r#"{"url":null}"#,
            r#"{"clip":{"url":"https://h/x"}}"#,
        ] {
            refused(200, body, Refusal::Unusable(Unusable::NoUrl));
        }
    }

    #[test]
    fn a_2xx_without_a_safe_url_is_unusable() {
        for (url, error) in [
            ("", UrlError::Malformed),
            ("/clip", UrlError::Malformed),
            ("http://spn49.meraki.com/x", UrlError::Insecure),
            ("file:///etc/passwd", UrlError::Malformed),
            ("javascript:alert(1)", UrlError::Malformed),
            ("https://u:p@h/x", UrlError::UserInfo),
        ] {
            let body = format!(r#"{{"url":"{url}"}}"#);
            refused(200, &body, Refusal::Unusable(Unusable::Url(error)));
        }
    }

    #[test]
    fn a_body_that_breaks_off_matters_only_where_it_is_needed() {
        let broken = |status, error| {
            read(&Reply {
                body: Err(error),
                ..reply(status, "")
            })
        };
        let gone = TransportError::Connection("gone");
        assert_eq!(broken(200, gone), Err(Refusal::NoReply(gone)));
        assert_eq!(
            broken(200, TransportError::TimedOut),
            Err(Refusal::NoReply(TransportError::TimedOut))
        );
        assert_eq!(broken(400, gone), Err(Refusal::NoReply(gone)));
        assert_eq!(broken(404, gone), Err(Refusal::Status(404)));
    }

    #[test]
    fn no_video_is_told_from_other_bad_requests() {
        refused(
            400,
            r#"{"errors":["No video for specified timestamp"]}"#,
            Refusal::NoVideo,
        );
        refused(400, r#"{"errors":["x","no video"]}"#, Refusal::NoVideo);
        refused(
            400,
            r#"{"errors":["Invalid timestamp format"]}"#,
            Refusal::Status(400),
        );
        refused(400, "<html>No video</html>", Refusal::Status(400));
        refused(404, r#"{"errors":["No video"]}"#, Refusal::Status(404));
    }

    #[test]
    fn errors_survive_any_body() {
        let words = |body| errors(&reply(500, body));
        assert_eq!(words(r#"{"errors":["a","b","c","d"]}"#), ["a", "b", "c"]);
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"errors":"a"}"#,
            r#"{"errors":[1]}"#,
            "\u{0}",
        ] {
            assert_eq!(words(body), [""; 0], "{body:?}");
        }
    }

    #[test]
    fn debug_hides_the_clip_url() {
        let mut reply = reply(200, r#"{"url":"https://h/t0ken"}"#);
        reply.location = Some("https://h/t0ken".into());
        let (url, _) = read(&reply).unwrap();
        assert_eq!(format!("{url:?}"), "ClipUrl(hidden)");
        assert_eq!(
            format!("{reply:?}"),
            "Reply { status: 200, retry_after: None, request_id: None, body: Ok(25), .. }"
        );
    }

    #[test]
    fn a_mebibyte_is_read_at_most() {
        assert_eq!(MAX_BODY, 1_048_576);
    }
}
