//! What reached the mock, for tests to look at.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};

use crate::lock;

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
    /// Whether its reply went wrong by chance: see [`Faults`](super::Faults).
    pub mishap: bool,
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
pub(crate) const API: &str = "/api/v1";
/// Where the shard's paths start.
pub(crate) const SHARD: &str = "/shard/n1";
/// Where the paths of media URLs start.
pub(crate) const MEDIA: &str = "/media";

impl Target {
    pub(crate) fn of(path: &str) -> Self {
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
    pub(crate) fn of(headers: &HeaderMap, key: &str) -> Self {
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

/// The requests that were not taken yet, by the order of their arrival.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    by_number: BTreeMap<u64, Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    request: RecordedRequest,
    in_hand: bool,
}

/// The entry of a request in hand, until this is dropped.
pub(crate) struct InHand<'a> {
    log: &'a Log,
    number: u64,
}

impl Log {
    /// Enters a request that has no reply yet.
    pub(crate) fn arrived<B>(&self, request: &Request<B>, key: &str, mishap: bool) -> InHand<'_> {
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
        let request = RecordedRequest {
            target,
            method: request.method().clone(),
            path,
            query: uri.query().map(str::to_owned),
            authorization: Authorization::of(request.headers(), key),
            user_agent: text(USER_AGENT),
            accept: text(ACCEPT),
            // By the clock that tokio sleeps by, which a test may stop.
            at: tokio::time::Instant::now().into_std(),
            status: None,
            mishap,
        };
        let in_hand = true;
        let mut entries = lock(&self.0);
        let number = entries.next;
        entries.next += 1;
        entries.by_number.insert(number, Entry { request, in_hand });
        InHand { log: self, number }
    }

    pub(crate) fn snapshot(&self) -> Vec<RecordedRequest> {
        let entries = lock(&self.0);
        let requests = entries.by_number.values().map(|entry| &entry.request);
        requests.cloned().collect()
    }

    /// Takes those out that are not in hand.
    pub(crate) fn take(&self) -> Vec<RecordedRequest> {
        let mut entries = lock(&self.0);
        let done = entries.by_number.extract_if(.., |_, entry| !entry.in_hand);
        done.map(|(_, entry)| entry.request).collect()
    }
}

impl InHand<'_> {
    /// Enters the reply, and gives the finished entry.
    pub(crate) fn answered(&self, status: StatusCode) -> Option<RecordedRequest> {
        let mut entries = lock(&self.log.0);
        let entry = entries.by_number.get_mut(&self.number)?;
        entry.request.status = Some(status);
        Some(entry.request.clone())
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        if let Some(entry) = lock(&self.log.0).by_number.get_mut(&self.number) {
            entry.in_hand = false;
        }
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
        log.arrived(&request, "key", false);
        assert!(!format!("{:?}", log.snapshot()).contains("5ec2e7"));
    }

    #[test]
    fn what_is_in_hand_is_not_taken_and_gets_its_status_later() {
        let log = Log::default();
        let arrived = |path: &str| {
            let request = Request::get(path).body(()).unwrap();
            log.arrived(&request, "key", false)
        };
        let [first, second, third] = ["/1", "/2", "/3"].map(arrived);
        drop(first);
        third.answered(StatusCode::OK).unwrap();
        drop(third);
        let paths = |requests: Vec<RecordedRequest>| {
            let paths = requests.into_iter().map(|request| request.path);
            paths.collect::<Vec<_>>()
        };
        assert_eq!(paths(log.take()), ["/1", "/3"]);
        assert_eq!(paths(log.take()), [""; 0]);
        second.answered(StatusCode::NOT_FOUND).unwrap();
        drop(second);
        let requests = log.take();
        assert_eq!(requests[0].status, Some(StatusCode::NOT_FOUND));
        assert_eq!(paths(requests), ["/2"]);
        assert!(log.snapshot().is_empty());
    }
}
