//! The request `GET /devices/{serial}/camera/clip` as a path and a query. [`path_and_query`] writes it for the component.
//! [`read`] reads it back for a host, which sends what it read and not what the component wrote.

use fluent_uri::pct_enc::EStr;
use fluent_uri::pct_enc::encoder::Query;

use crate::request::{ClipRequest, Serial, Window};
use crate::time::Timestamp;

/// The `Accept` of the request.
pub const ACCEPT: &str = "application/json";

/// The `User-Agent` of the request. Meraki asks for the form "ApplicationName/1.0 VendorName".
pub const USER_AGENT: &str = concat!("mv-clip/", env!("CARGO_PKG_VERSION"), " mv-clip");

const START: &str = "startTimestamp";
const END: &str = "endTimestamp";
const IMAGER: &str = "imagerId";

/// The path and the query of a request. `base_path` is the path of the base URL, without a slash at its end.
pub fn path_and_query(base_path: &str, request: &ClipRequest) -> String {
    let ClipRequest {
        serial,
        window,
        imager_id,
    } = request;
    let (start, end) = (window.start(), window.end());
    let imager = imager_id.map_or_else(String::new, |id| format!("&{IMAGER}={id}"));
    format!("{base_path}/devices/{serial}/camera/clip?{START}={start}&{END}={end}{imager}")
}

/// Reads a path and a query. None if they are anything but this operation under `base_path`, with each parameter once
/// and with values that [`ClipRequest`] can hold.
///
/// The path is compared as it is: a percent-encoded character, a dot segment or an empty segment is another path. The
/// values of the query may be percent-encoded, because a server that redirects may write them so.
pub fn read(base_path: &str, path_and_query: &str) -> Option<ClipRequest> {
    let (path, query) = path_and_query.split_once('?')?;
    let resource = path.strip_prefix(base_path)?;
    let serial = resource
        .strip_prefix("/devices/")?
        .strip_suffix("/camera/clip")?;
    let (mut start, mut end, mut imager) = (None, None, None);
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=')?;
        let place = match name {
            START => &mut start,
            END => &mut end,
            IMAGER => &mut imager,
            _ => return None,
        };
        let value = EStr::<Query>::new(value)?.decode().to_string().ok()?;
        if place.replace(value).is_some() {
            return None;
        }
    }
    let time = |text: &str| Timestamp::parse(text).ok();
    Some(ClipRequest {
        serial: Serial::parse(serial).ok()?,
        window: Window::new(time(&start?)?, time(&end?)?).ok()?,
        imager_id: match imager {
            Some(text) => Some(number(&text)?),
            None => None,
        },
    })
}

/// `u32::parse` also takes a plus sign.
fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "/api/v1";
    const PATH: &str = "/api/v1/devices/Q2XX-ABCD-1234/camera/clip";
    const QUERY: &str =
        "startTimestamp=2026-03-12T14:30:00.000Z&endTimestamp=2026-03-12T14:32:00.250Z";

    fn request(imager_id: Option<u32>) -> ClipRequest {
        let (start, end) = ("2026-03-12T14:30:00Z", "2026-03-12T14:32:00.250Z");
        ClipRequest::parse("Q2XX-ABCD-1234", start, end, imager_id).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        for imager_id in [None, Some(0), Some(2), Some(u32::MAX)] {
            for base in ["", "/api/v1", "/meraki/api/v1"] {
                let written = path_and_query(base, &request(imager_id));
                assert_eq!(read(base, &written), Some(request(imager_id)), "{written}");
            }
        }
        let written = path_and_query(BASE, &request(Some(2)));
        assert_eq!(written, format!("{PATH}?{QUERY}&imagerId=2"));
    }

    #[test]
    fn other_ways_to_write_it_are_the_same_request() {
        let encoded = QUERY.replace(':', "%3A");
        let turned =
            "endTimestamp=2026-03-12T14:32:00.25Z&startTimestamp=2026-03-12T15:30:00+01:00";
        let lower = PATH.replace("Q2XX-ABCD", "q2xx-abcd");
        for text in [
            format!("{PATH}?{encoded}"),
            format!("{PATH}?{turned}"),
            format!("{lower}?{QUERY}"),
        ] {
            assert_eq!(read(BASE, &text), Some(request(None)), "{text}");
        }
    }

    #[test]
    fn other_paths_are_another_request() {
        for path in [
            "",
            "/",
            "/api/v1",
            "/api/v1/organizations",
            "/api/v1/devices/Q2XX-ABCD-1234",
            "/api/v1/devices/Q2XX-ABCD-1234/camera/clip/",
            "/api/v1/devices/Q2XX-ABCD-1234/camera/clip/x",
            "/api/v1/devices/Q2XX-ABCD-1234/camera/clip;x=1",
            "/api/v1/devices/Q2XX-ABCD-1234/camera/qualityAndRetention",
            "/api/v1/devices/Q2XX-ABCD-1234/camera/clip%3F",
            "/api/v1/devices/Q2XX-ABCD-123%34/camera/clip",
            "/api/v1/devices/Q2XX-ABCD-1234;x/camera/clip",
            "/api/v1/devices/../camera/clip",
            "/api/v1/devices//camera/clip",
            "/api/v1//devices/Q2XX-ABCD-1234/camera/clip",
            "/api/v1/devices/%2e%2e/camera/clip",
            "/api/v1/devices/A/camera/clip",
            "/api/v1/devices/Q2XX/ABCD-1234/camera/clip",
            "/api/v1/networks/Q2XX-ABCD-1234/camera/clip",
            "/api/v1/organizations/1%3F/devices/Q2XX-ABCD-1234/camera/clip",
            "/api/v1/x/devices/Q2XX-ABCD-1234/camera/clip",
            "/api/v0/devices/Q2XX-ABCD-1234/camera/clip",
            "/API/v1/devices/Q2XX-ABCD-1234/camera/clip",
            "/shard/api/v1/devices/Q2XX-ABCD-1234/camera/clip",
            "/devices/Q2XX-ABCD-1234/camera/clip",
            "//api/v1/devices/Q2XX-ABCD-1234/camera/clip",
        ] {
            assert_eq!(read(BASE, &format!("{path}?{QUERY}")), None, "{path}");
        }
        assert_eq!(read(BASE, PATH), None);
    }

    #[test]
    fn other_queries_are_another_request() {
        let (start, end) = QUERY.split_once('&').unwrap();
        for query in [
            String::new(),
            start.to_owned(),
            format!("{start}&{start}"),
            format!("{QUERY}&"),
            format!("&{QUERY}"),
            format!("{QUERY}&{end}"),
            format!("{QUERY}&x=1"),
            format!("{QUERY}&imagerId"),
            format!("{QUERY}&imagerId="),
            format!("{QUERY}&imagerId=+1"),
            format!("{QUERY}&imagerId=-1"),
            format!("{QUERY}&imagerId=1.0"),
            format!("{QUERY}&imagerId=4294967296"),
            format!("{QUERY}&imagerId=1&imagerId=1"),
            format!("{QUERY}&ImagerId=1"),
            format!("{QUERY}&imager%49d=1"),
            format!("{QUERY}#x"),
            format!("{QUERY}?x"),
            QUERY.replace("14:32", "14:36"),
            QUERY.replace("14:32", "14:30"),
            QUERY.replace("2026", "1926"),
            QUERY.replace('Z', ""),
            QUERY.replace("00Z", "00Z%00"),
            QUERY.replace(':', "%3"),
            QUERY.replace('Z', "%ff"),
        ] {
            assert_eq!(read(BASE, &format!("{PATH}?{query}")), None, "{query}");
        }
    }
}
