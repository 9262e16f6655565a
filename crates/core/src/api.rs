//! The operation `clipDeviceCamera` of Meraki's API v1, `GET /devices/{serial}/camera/clip`: its URL, and what
//! a response means.

use std::fmt;

use crate::api_error::{ApiError, InvalidBody};
use crate::json;
use crate::operation;
use crate::request::ClipRequest;
use crate::time::Timestamp;
use crate::transport::Response;
use crate::url::{Url, UrlError, authority};

/// A clip that can be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// The request that it is for.
    pub request: ClipRequest,
    /// The temporary URL of the video.
    pub url: ClipUrl,
    /// When the URL expires, if Meraki says so.
    pub expires_at: Option<Timestamp>,
    /// The header `X-Request-Id` of the response.
    pub request_id: Option<String>,
}

/// The temporary URL of a clip. Whoever has it has the video, so `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClipUrl(String);

impl ClipUrl {
    /// Parses a URL that is safe to return to a caller: an origin that [`Url`] accepts, followed by visible
    /// ASCII characters. The media host alone reads path and query, so they need not follow RFC 3986.
    ///
    /// # Errors
    ///
    /// Those of [`Url::parse`] for the origin, and [`UrlError::Malformed`] for other characters.
    pub fn parse(text: String) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Malformed)?;
        Url::parse(&format!("{scheme}://{}", authority(rest)))?;
        match text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self(text)),
            false => Err(UrlError::Malformed),
        }
    }

    /// The URL. Do not put it into a message or a log.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The URL. Do not put it into a message or a log.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for ClipUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClipUrl(hidden)")
    }
}

/// The URL of the request for a clip.
///
/// # Errors
///
/// [`UrlError`] if path and query are not a URL together with `base`. A base URL that
/// [`Settings`](crate::settings::Settings) accepts never causes it.
pub fn request_url(base: &Url, request: &ClipRequest) -> Result<Url, UrlError> {
    base.with_path(&operation::path_and_query(base.path(), request))
}

/// Reads the clip's URL, and when it expires, from a response that is not a redirect.
///
/// # Errors
///
/// [`ApiError`] for any status but 2xx, and for a 2xx without a URL that [`ClipUrl`] accepts.
pub fn parse(response: &Response) -> Result<(ClipUrl, Option<Timestamp>), ApiError> {
    if !(200..300).contains(&response.status) {
        return Err(match (response.status, &response.body) {
            // The body tells footage that may still arrive from a request that is wrong.
            (400, Err(error)) => ApiError::Transport(*error),
            (400, Ok(_)) if says(response, "no video") => ApiError::NoVideo,
            (400, Ok(_)) if says(response, "imagerid") => ApiError::Imager,
            (status, _) => ApiError::Status(status),
        });
    }
    let body = response
        .body
        .as_ref()
        .map_err(|error| ApiError::Transport(*error))?;
    let members = json::members(body).ok_or(ApiError::InvalidBody(InvalidBody::NotJson))?;
    let url = members
        .url
        .ok_or(ApiError::InvalidBody(InvalidBody::NoUrl))?;
    let url =
        ClipUrl::parse(url).map_err(|error| ApiError::InvalidBody(InvalidBody::Url(error)))?;
    // Meraki documents only `url`. Its SDK also has `expiry`, an English sentence.
    Ok((url, members.expiry.and_then(|text| first_time_in(&text))))
}

/// The URL in the body of a 2xx response as it is, also where [`parse`] refuses it. None if the body names no URL.
///
/// For a host, which notes what the API named. It costs less than [`parse`].
pub fn url_in(body: &[u8]) -> Option<String> {
    json::members(body)?.url
}

/// The first RFC 3339 time in a text such as "Access to the image will expire at
/// 2018-12-11T03:12:39Z."
fn first_time_in(text: &str) -> Option<Timestamp> {
    text.split_ascii_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
        .find_map(|word| Timestamp::parse(word).ok())
}

/// The error messages in a response of Meraki, or of a proxy or gateway before it: up to three, not escaped.
pub fn errors(response: &Response) -> Vec<String> {
    let members = response
        .body
        .as_ref()
        .ok()
        .and_then(|body| json::members(body));
    members.unwrap_or_default().errors
}

/// Whether one of Meraki's messages has these words, in any case. With "No video for specified timestamp" the footage is
/// not uploaded yet, or does not exist; with `imagerId` the imager is missing, or the camera has none of that number.
fn says(response: &Response, words: &str) -> bool {
    errors(response)
        .iter()
        .any(|error| error.to_ascii_lowercase().contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::TransportError;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            location: None,
            retry_after: None,
            request_id: None,
            body: Ok(body.as_bytes().to_vec()),
        }
    }

    #[track_caller]
    fn clip(status: u16, body: &str) -> (String, Option<String>) {
        let (url, expires_at) = parse(&response(status, body)).unwrap();
        (url.into_string(), expires_at.map(|at| at.to_string()))
    }

    #[track_caller]
    fn fails(status: u16, body: &str, error: ApiError) {
        assert_eq!(
            parse(&response(status, body)),
            Err(error),
            "{status} {body}"
        );
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
        assert_eq!(request_url(&base, &request).unwrap().expose(), plain);
        request.imager_id = Some(2);
        assert_eq!(
            request_url(&base, &request).unwrap().expose(),
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
    fn the_first_time_in_the_expiry_counts() {
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
    fn an_expiry_without_a_time_is_none() {
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
    fn a_2xx_without_json_is_invalid() {
        for body in ["", "<html>ok</html>", "null", "[]", r#"{"url":"https"#] {
            fails(200, body, ApiError::InvalidBody(InvalidBody::NotJson));
        }
    }

    #[test]
    fn a_2xx_without_a_url_is_invalid() {
        for body in [
            "{}",
            r#"{"url":7}"#,
            r#"{"url":null}"#,
            r#"{"clip":{"url":"https://h/x"}}"#,
        ] {
            fails(200, body, ApiError::InvalidBody(InvalidBody::NoUrl));
        }
    }

    #[test]
    fn a_2xx_without_a_safe_url_is_invalid() {
        for (url, error) in [
            ("", UrlError::Malformed),
            ("/clip", UrlError::Malformed),
            ("http://spn49.meraki.com/x", UrlError::Insecure),
            ("file:///etc/passwd", UrlError::Malformed),
            ("javascript:alert(1)", UrlError::Malformed),
            ("https://u:p@h/x", UrlError::UserInfo),
        ] {
            let body = format!(r#"{{"url":"{url}"}}"#);
            fails(200, &body, ApiError::InvalidBody(InvalidBody::Url(error)));
        }
    }

    #[test]
    fn an_incomplete_body_is_an_error_only_if_it_is_needed() {
        let broken = |status, error| {
            parse(&Response {
                body: Err(error),
                ..response(status, "")
            })
        };
        let gone = TransportError::Connection("gone");
        assert_eq!(broken(200, gone), Err(ApiError::Transport(gone)));
        assert_eq!(
            broken(200, TransportError::TimedOut),
            Err(ApiError::Transport(TransportError::TimedOut))
        );
        assert_eq!(broken(400, gone), Err(ApiError::Transport(gone)));
        assert_eq!(broken(404, gone), Err(ApiError::Status(404)));
    }

    #[test]
    fn no_video_differs_from_other_bad_requests() {
        fails(
            400,
            r#"{"errors":["No video for specified timestamp"]}"#,
            ApiError::NoVideo,
        );
        fails(400, r#"{"errors":["x","no video"]}"#, ApiError::NoVideo);
        for text in [
            "imagerId is required for this camera",
            "Invalid: 'imagerId'",
        ] {
            let body = format!(r#"{{"errors":["{text}"]}}"#);
            fails(400, &body, ApiError::Imager);
            fails(404, &body, ApiError::Status(404));
        }
        fails(
            400,
            r#"{"errors":["Invalid timestamp format"]}"#,
            ApiError::Status(400),
        );
        fails(400, "<html>No video</html>", ApiError::Status(400));
        fails(404, r#"{"errors":["No video"]}"#, ApiError::Status(404));
    }

    #[test]
    fn any_body_can_be_read_for_errors() {
        let messages = |body| errors(&response(500, body));
        assert_eq!(messages(r#"{"errors":["a","b","c","d"]}"#), ["a", "b", "c"]);
        for body in [
            r#"{"errors":"a"}"#,
            r#"{"error":"a"}"#,
            r#"{"message":"a"}"#,
            r#"{"message":"a","errors":["b"],"error":"c"}"#,
            r#"{"errors":[],"message":"a"}"#,
        ] {
            assert_eq!(messages(body), ["a"], "{body}");
        }
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"errors":[1]}"#,
            r#"{"errors":{},"error":[],"message":7}"#,
            "\u{0}",
        ] {
            assert_eq!(messages(body), [""; 0], "{body:?}");
        }
    }

    #[test]
    fn debug_hides_the_clip_url() {
        let (url, _) = parse(&response(200, r#"{"url":"https://h/t0ken"}"#)).unwrap();
        assert_eq!(format!("{url:?}"), "ClipUrl(hidden)");
    }
}
