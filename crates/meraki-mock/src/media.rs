//! Media URLs: temporary, unguessable, and open to whoever has them.

use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::header::{ACCEPT_RANGES, AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Full};
use http_range_header::parse_range_header;

use crate::api::Refusal;
use crate::config::MockConfig;
use crate::{Shared, lock};

/// The clip behind a media URL, unless told otherwise: MPEG-TS, H.264 and AAC, four seconds.
/// `fixtures/README.md` says how it was made.
pub static CLIP: &[u8] = include_bytes!("../fixtures/clip.ts");

/// The media URLs that work.
#[derive(Debug)]
pub(crate) struct MediaUrls {
    ttl: TimeDelta,
    not_ready: u32,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    by_token: HashMap<String, Medium>,
    /// All of `by_token` in the order in which they expire, which is that of their making.
    expiring: VecDeque<(DateTime<Utc>, String)>,
}

struct Medium {
    expires: DateTime<Utc>,
    not_ready: u32,
}

impl std::fmt::Debug for Open {
    /// Their number only: the tokens are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} media URLs", self.by_token.len())
    }
}

impl MediaUrls {
    pub(crate) fn new(config: &MockConfig) -> Self {
        Self {
            ttl: TimeDelta::from_std(config.media_ttl).unwrap_or(TimeDelta::MAX),
            not_ready: config.media_not_ready,
            open: Mutex::default(),
        }
    }

    /// Makes a new token, and says when it expires.
    pub(crate) fn publish(&self, now: DateTime<Utc>) -> (String, DateTime<Utc>) {
        let token = format!("{:032x}", rand::random::<u128>());
        let expires = now
            .checked_add_signed(self.ttl)
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut open = lock(&self.open);
        while let Some((_, token)) = open.expiring.pop_front_if(|(expires, _)| *expires <= now) {
            open.by_token.remove(&token);
        }
        open.expiring.push_back((expires, token.clone()));
        open.by_token.insert(
            token.clone(),
            Medium {
                expires,
                not_ready: self.not_ready,
            },
        );
        (token, expires)
    }

    /// Whether a request for `token` finds the clip.
    fn is_there(&self, token: &str, now: DateTime<Utc>) -> bool {
        let mut open = lock(&self.open);
        let Some(medium) = open
            .by_token
            .get_mut(token)
            .filter(|medium| now < medium.expires)
        else {
            return false;
        };
        let ready = medium.not_ready == 0;
        medium.not_ready = medium.not_ready.saturating_sub(1);
        ready
    }
}

/// `GET /media/{token}`.
pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    if headers.contains_key(AUTHORIZATION) {
        let message = "A media URL takes no Authorization header: never send the API key here";
        return Refusal::new(StatusCode::BAD_REQUEST, message).into_response();
    }
    if !shared.media.is_there(&token, Utc::now()) {
        return Refusal::new(StatusCode::NOT_FOUND, "Not found").into_response();
    }
    let media_type = [(CONTENT_TYPE, "video/MP2T"), (ACCEPT_RANGES, "bytes")];
    let clip = &shared.config.clip;
    let total = clip.len();
    match requested_range(&headers, clip) {
        Asked::All if shared.config.media_length => (media_type, clip.clone()).into_response(),
        Asked::All => (media_type, without_length(clip.clone())).into_response(),
        Asked::Part(first, part) => {
            let last = first + part.len().saturating_sub(1);
            let range = [(CONTENT_RANGE, format!("bytes {first}-{last}/{total}"))];
            (StatusCode::PARTIAL_CONTENT, media_type, range, part).into_response()
        }
        Asked::Nothing => {
            let range = [(CONTENT_RANGE, format!("bytes */{total}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response()
        }
    }
}

/// A body that does not say how long it is, and so is sent in chunks.
fn without_length(bytes: Bytes) -> Body {
    // Whatever maps frames cannot tell the length.
    Body::new(Full::new(bytes).map_frame(|frame| frame))
}

/// What part of the clip a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    All,
    /// The first byte's position, and the bytes.
    Part(usize, Bytes),
    /// A range that the clip does not have.
    Nothing,
}

/// Several ranges at once are answered with the whole clip, as RFC 9110, section 14.2, allows.
fn requested_range(headers: &HeaderMap, clip: &Bytes) -> Asked {
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let Some(Ok(parsed)) = range.map(parse_range_header) else {
        return Asked::All;
    };
    let Ok(ranges) = parsed.validate(clip.len() as u64) else {
        return Asked::Nothing;
    };
    let [range] = ranges.as_slice() else {
        return Asked::All;
    };
    let bounds = usize::try_from(*range.start())
        .ok()
        .zip(usize::try_from(*range.end()).ok());
    bounds
        .and_then(|(first, last)| Some(Asked::Part(first, slice(clip, first..=last)?)))
        .unwrap_or(Asked::Nothing)
}

fn slice(clip: &Bytes, range: RangeInclusive<usize>) -> Option<Bytes> {
    clip.get(range).map(|part| clip.slice_ref(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn urls(ttl: Duration, not_ready: u32) -> MediaUrls {
        MediaUrls::new(&MockConfig {
            media_ttl: ttl,
            media_not_ready: not_ready,
            ..MockConfig::default()
        })
    }

    #[test]
    fn a_url_works_until_it_expires() {
        let now = Utc::now();
        let urls = urls(Duration::from_secs(10), 0);
        let (token, expires) = urls.publish(now);
        assert_eq!(expires, now + TimeDelta::seconds(10));
        assert!(urls.is_there(&token, now));
        assert!(urls.is_there(&token, expires - TimeDelta::milliseconds(1)));
        assert!(!urls.is_there(&token, expires));
        assert!(!urls.is_there("another", now));
    }

    #[test]
    fn expired_urls_are_forgotten() {
        let now = Utc::now();
        let urls = urls(Duration::from_secs(10), 0);
        for second in 0..100 {
            urls.publish(now + TimeDelta::seconds(second));
        }
        assert_eq!(format!("{:?}", lock(&urls.open)), "10 media URLs");
    }

    #[test]
    fn a_clip_can_take_some_requests_to_appear() {
        let now = Utc::now();
        let urls = urls(Duration::MAX, 2);
        let (token, _) = urls.publish(now);
        let found: Vec<_> = (0..4).map(|_| urls.is_there(&token, now)).collect();
        assert_eq!(found, [false, false, true, true]);
    }

    #[test]
    fn ranges() {
        let (clip, total) = (Bytes::from_static(CLIP), CLIP.len());
        let part = |first, end| Asked::Part(first, clip.slice(first..end));
        let cases = [
            ("bytes=0-187", part(0, 188)),
            ("bytes=188-375", part(188, 376)),
            ("bytes=55000-", part(55_000, total)),
            ("bytes=-188", part(total - 188, total)),
            ("bytes=55000-99999", part(55_000, total)),
            ("bytes=55836-", Asked::Nothing),
            ("bytes=0-1,4-5", Asked::All),
            ("packets=0-1", Asked::All),
        ];
        for (range, expected) in cases {
            let headers = HeaderMap::from_iter([(RANGE, range.parse().unwrap())]);
            assert_eq!(requested_range(&headers, &clip), expected, "{range}");
        }
        assert_eq!(requested_range(&HeaderMap::new(), &clip), Asked::All);
    }
}
