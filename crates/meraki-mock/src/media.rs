//! `GET /media/{token}`: the clip, for anyone who has its URL.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{self, Path};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::Utc;
use http::header::{ACCEPT_RANGES, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Full};
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
    if !state.media_urls.is_available(&token, Utc::now()) {
        return Refusal::new(StatusCode::NOT_FOUND, "Not found").into_response();
    }
    let media_type = [(CONTENT_TYPE, "video/MP2T"), (ACCEPT_RANGES, "bytes")];
    let clip = &state.config.clip;
    let total = clip.len();
    match requested_range(&headers, clip) {
        RequestedRange::All if state.config.media_length => {
            (media_type, clip.clone()).into_response()
        }
        RequestedRange::All => (media_type, without_length(clip.clone())).into_response(),
        RequestedRange::Part(first, part) => {
            let last = first + part.len().saturating_sub(1);
            let range = [(CONTENT_RANGE, format!("bytes {first}-{last}/{total}"))];
            (StatusCode::PARTIAL_CONTENT, media_type, range, part).into_response()
        }
        RequestedRange::Unsatisfiable => {
            let range = [(CONTENT_RANGE, format!("bytes */{total}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response()
        }
    }
}

/// A body of unknown length, which is sent in chunks.
fn without_length(bytes: Bytes) -> Body {
    // A body whose frames are mapped has no known length.
    Body::new(Full::new(bytes).map_frame(|frame| frame))
}

/// The part of the clip that a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum RequestedRange {
    All,
    /// The position of the first byte, and the bytes.
    Part(usize, Bytes),
    /// A range outside the clip.
    Unsatisfiable,
}

/// A request for several ranges gets the whole clip, as RFC 9110, section 14.2, allows.
fn requested_range(headers: &HeaderMap, clip: &Bytes) -> RequestedRange {
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let Some(Ok(parsed)) = range.map(parse_range_header) else {
        return RequestedRange::All;
    };
    let Ok(ranges) = parsed.validate(clip.len() as u64) else {
        return RequestedRange::Unsatisfiable;
    };
    let [range] = ranges.as_slice() else {
        return RequestedRange::All;
    };
    let bounds = usize::try_from(*range.start())
        .ok()
        .zip(usize::try_from(*range.end()).ok());
    bounds
        .and_then(|(first, last)| Some(RequestedRange::Part(first, slice(clip, first..=last)?)))
        .unwrap_or(RequestedRange::Unsatisfiable)
}

fn slice(clip: &Bytes, range: RangeInclusive<usize>) -> Option<Bytes> {
    clip.get(range).map(|part| clip.slice_ref(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::CLIP;

    #[test]
    fn ranges() {
        let (clip, total) = (Bytes::from_static(CLIP), CLIP.len());
        let part = |first, end| RequestedRange::Part(first, clip.slice(first..end));
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
            assert_eq!(requested_range(&headers, &clip), expected, "{range}");
        }
        assert_eq!(
            requested_range(&HeaderMap::new(), &clip),
            RequestedRange::All
        );
    }
}
