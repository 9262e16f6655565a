//! What reached the mock, for tests to look at.

use std::sync::Mutex;
use std::time::Instant;

use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};

use super::lock;

/// A request that reached the mock, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// Which part of the mock it was for.
    pub target: Target,
    /// The method.
    pub method: Method,
    /// The path as sent, except that the token of a media URL, which is a secret, is left out:
    /// `/media/…`.
    pub path: String,
    /// The query as sent, still percent-encoded.
    pub query: Option<String>,
    /// What came in the `Authorization` header. The key itself is not kept.
    pub authorization: Authorization,
    /// The first `User-Agent` header, if it is text.
    pub user_agent: Option<String>,
    /// The first `Accept` header, if it is text.
    pub accept: Option<String>,
    /// When its head had arrived.
    pub at: Instant,
    /// The status of the reply. `None` where there was none: a [`WireFault`](super::WireFault) took
    /// the connection, or the client was gone before the reply.
    pub status: Option<StatusCode>,
}

/// Which part of the mock a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The API, on its shard too.
    Api,
    /// A clip.
    Media,
    /// Nothing that is there.
    Other,
}

/// What a request's `Authorization` header held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization {
    /// There was none.
    Missing,
    /// Something other than the mock's key as a bearer token, or more than one header.
    Wrong,
    /// The mock's key as a bearer token (RFC 6750).
    Right,
}

/// Where the API's paths start.
pub(super) const API: &str = "/api/v1";
/// Where the shard's paths start.
pub(super) const SHARD: &str = "/shard/n1";
/// Where the paths of media URLs start.
pub(super) const MEDIA: &str = "/media";

impl Target {
    pub(super) fn of(path: &str) -> Self {
        let under = |prefix| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        if under(API) || under(SHARD) {
            Self::Api
        } else if under(MEDIA) {
            Self::Media
        } else {
            Self::Other
        }
    }
}

impl Authorization {
    /// What `headers` hold, where `key` is the right one.
    pub(super) fn of(headers: &HeaderMap, key: &str) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Self::Missing;
        };
        // Which of them counts differs from server to server.
        if values.next().is_some() {
            return Self::Wrong;
        }
        let bearer = value.to_str().ok().and_then(|value| value.split_once(' '));
        match bearer {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") && token == key => {
                Self::Right
            }
            _ => Self::Wrong,
        }
    }
}

/// The requests so far, in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<RecordedRequest>>);

impl Log {
    /// Enters a request that has no reply yet, and gives its place.
    pub(super) fn arrived<B>(&self, request: &Request<B>, key: &str) -> usize {
        let uri = request.uri();
        let target = Target::of(uri.path());
        let path = match target {
            Target::Media => format!("{MEDIA}/…"),
            Target::Api | Target::Other => uri.path().to_owned(),
        };
        let text = |name| {
            let value = request.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let mut log = lock(&self.0);
        log.push(RecordedRequest {
            target,
            method: request.method().clone(),
            path,
            query: uri.query().map(str::to_owned),
            authorization: Authorization::of(request.headers(), key),
            user_agent: text(USER_AGENT),
            accept: text(ACCEPT),
            at: Instant::now(),
            status: None,
        });
        log.len() - 1
    }

    /// Enters the reply to the request at `place`, and gives the finished entry.
    pub(super) fn answered(&self, place: usize, status: StatusCode) -> Option<RecordedRequest> {
        let mut log = lock(&self.0);
        let entry = log.get_mut(place)?;
        entry.status = Some(status);
        Some(entry.clone())
    }

    pub(super) fn snapshot(&self) -> Vec<RecordedRequest> {
        lock(&self.0).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let cases = [
            ("/api/v1/devices/X/camera/clip", Target::Api),
            ("/shard/n1/api/v1/devices/X/camera/clip", Target::Api),
            ("/media/0123", Target::Media),
            ("/api/v10/devices", Target::Other),
            ("/mediated/1", Target::Other),
            ("/", Target::Other),
        ];
        for (path, expected) in cases {
            assert_eq!(Target::of(path), expected, "{path}");
        }
    }

    #[test]
    fn authorizations() {
        let cases = [
            (None, Authorization::Missing),
            (Some("Bearer key"), Authorization::Right),
            (Some("bearer key"), Authorization::Right),
            (Some("Bearer  key"), Authorization::Wrong),
            (Some("Bearer key "), Authorization::Wrong),
            (Some("Bearer KEY"), Authorization::Wrong),
            (Some("Bearer"), Authorization::Wrong),
            (Some("Basic key"), Authorization::Wrong),
            (Some("key"), Authorization::Wrong),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(Authorization::of(&headers, "key"), expected, "{value:?}");
        }
    }

    #[test]
    fn two_authorizations_are_wrong_even_if_one_or_both_are_right() {
        for second in ["Bearer key", "Bearer other"] {
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, "Bearer key".parse().unwrap());
            headers.append(AUTHORIZATION, second.parse().unwrap());
            assert_eq!(Authorization::of(&headers, "key"), Authorization::Wrong);
        }
    }

    #[test]
    fn the_token_of_a_media_url_is_not_kept() {
        let log = Log::default();
        let request = Request::get("http://127.0.0.1/media/5ec2e7")
            .body(())
            .unwrap();
        log.arrived(&request, "key");
        assert!(!format!("{:?}", log.snapshot()).contains("5ec2e7"));
    }
}
