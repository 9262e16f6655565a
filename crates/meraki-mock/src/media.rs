//! `GET /media/{token}`: the clip, for anyone who has its URL.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::extract::{self, Path};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use http::header::{ACCEPT_RANGES, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, StatusCode};
use http_range_header::parse_range_header;

use crate::refusal::Refusal;
use crate::state::State;

pub(crate) async fn get(
    extract::State(state): extract::State<Arc<State>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    if headers.contains_key(AUTHORIZATION) {
        let message = "A media URL accepts no Authorization header: do not send the API key here";
        return Refusal::new(StatusCode::BAD_REQUEST, message).into_response();
    }
    let Some(clip) = state.media_urls.clip(&token, Utc::now()) else {
        return Refusal::new(StatusCode::NOT_FOUND, "Not found").into_response();
    };
    let media_type = [(CONTENT_TYPE, "video/MP2T"), (ACCEPT_RANGES, "bytes")];
    let total = clip.len();
    match requested_range(&headers, total) {
        RequestedRange::All if state.config.media_length => {
            (media_type, clip.whole()).into_response()
        }
        RequestedRange::All => (media_type, clip.without_length()).into_response(),
        RequestedRange::Part(part) => {
            let (first, last) = (part.start(), part.end());
            let range = [(CONTENT_RANGE, format!("bytes {first}-{last}/{total}"))];
            let status = StatusCode::PARTIAL_CONTENT;
            (status, media_type, range, clip.part(part)).into_response()
        }
        RequestedRange::Unsatisfiable => {
            let range = [(CONTENT_RANGE, format!("bytes */{total}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response()
        }
    }
}

/// The part of the clip that a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum RequestedRange {
    All,
    /// The positions of the first and the last byte.
    Part(RangeInclusive<u64>),
    /// A range outside the clip.
    Unsatisfiable,
}

/// A request for several ranges gets the whole clip, as RFC 9110, section 14.2, allows.
fn requested_range(headers: &HeaderMap, total: u64) -> RequestedRange {
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let Some(Ok(parsed)) = range.map(parse_range_header) else {
        return RequestedRange::All;
    };
    let Ok(ranges) = parsed.validate(total) else {
        return RequestedRange::Unsatisfiable;
    };
    match ranges.as_slice() {
        [range] => RequestedRange::Part(range.clone()),
        _ => RequestedRange::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn ranges() {
        let total = 55_836;
        let part = |first, end| RequestedRange::Part(first..=end - 1);
        let cases = [
            ("bytes=0-187", part(0, 188)),
            ("bytes=188-375", part(188, 376)),
            ("bytes=55000-", part(55_000, total)),
            ("bytes=-188", part(total - 188, total)),
            ("bytes=55000-99999", part(55_000, total)),
            ("bytes=55836-", RequestedRange::Unsatisfiable),
            ("bytes=0-1,4-5", RequestedRange::All),
            ("packets=0-1", RequestedRange::All),
        ];
        for (range, expected) in cases {
            let headers = HeaderMap::from_iter([(RANGE, range.parse().unwrap())]);
            assert_eq!(requested_range(&headers, total), expected, "{range}");
        }
        assert_eq!(
            requested_range(&HeaderMap::new(), total),
            RequestedRange::All
        );
    }
}
