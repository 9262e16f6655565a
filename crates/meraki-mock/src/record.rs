//! The requests that reached the mock.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};

use crate::sync::lock;

/// A request that reached the mock, and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The part of the mock that it was for.
    pub target: Target,
    /// The method.
    pub method: Method,
    /// The path as sent, but without the token of a media URL, which is a secret: `/media/…`.
    pub path: String,
    /// The query as sent, still percent-encoded.
    pub query: Option<String>,
    /// The kind of its `Authorization` header. The key is not kept.
    pub authorization: Authorization,
    /// The first `User-Agent` header, if it is text.
    pub user_agent: Option<String>,
    /// The first `Accept` header, if it is text.
    pub accept: Option<String>,
    /// When its header section had arrived.
    pub at: Instant,
    /// The status of the reply. `None` if there was no reply, because of a [`WireFault`](crate::WireFault) or
    /// because the client had gone away.
    pub status: Option<StatusCode>,
    /// Whether the reply had a random fault: see [`Faults`](crate::Faults).
    pub random_fault: bool,
}

/// A part of the mock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The API, including its shard.
    Api,
    /// A media URL.
    Media,
    /// Any other path.
    Other,
}

/// The kind of a request's `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization {
    /// There is none.
    Missing,
    /// Anything but the mock's key as a bearer token, or several headers.
    Wrong,
    /// The mock's key as a bearer token (RFC 6750).
    Right,
}

/// The prefix of the API's paths.
pub(crate) const API: &str = "/api/v1";
/// The prefix of the paths of media URLs.
pub(crate) const MEDIA: &str = "/media";

impl Target {
    pub(crate) fn of(path: &str) -> Self {
        let under = |prefix| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        if under(API) {
            Self::Api
        } else if under(MEDIA) {
            Self::Media
        } else {
            Self::Other
        }
    }
}

impl Authorization {
    /// Compares the header with `key`.
    pub(crate) fn of(headers: &HeaderMap, key: &str) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Self::Missing;
        };
        // Servers differ in which of several headers they use.
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

/// The recorded requests, in the order of their arrival.
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
    in_progress: bool,
}

/// A request in progress, until this is dropped.
pub(crate) struct InProgress<'a> {
    log: &'a Log,
    number: u64,
}

impl Log {
    /// Records a request that has no reply yet.
    pub(crate) fn arrived<B>(
        &self,
        request: &Request<B>,
        key: &str,
        random_fault: bool,
    ) -> InProgress<'_> {
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
            random_fault,
        };
        let in_progress = true;
        let mut entries = lock(&self.0);
        let number = entries.next;
        entries.next += 1;
        entries.by_number.insert(
            number,
            Entry {
                request,
                in_progress,
            },
        );
        InProgress { log: self, number }
    }

    pub(crate) fn snapshot(&self) -> Vec<RecordedRequest> {
        let entries = lock(&self.0);
        let requests = entries.by_number.values().map(|entry| &entry.request);
        requests.cloned().collect()
    }

    /// Removes and returns the requests that are not in progress.
    pub(crate) fn take(&self) -> Vec<RecordedRequest> {
        let mut entries = lock(&self.0);
        let done = entries
            .by_number
            .extract_if(.., |_, entry| !entry.in_progress);
        done.map(|(_, entry)| entry.request).collect()
    }
}

impl InProgress<'_> {
    /// Records the status of the reply, and returns the record.
    pub(crate) fn answered(&self, status: StatusCode) -> Option<RecordedRequest> {
        let mut entries = lock(&self.log.0);
        let entry = entries.by_number.get_mut(&self.number)?;
        entry.request.status = Some(status);
        Some(entry.request.clone())
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        if let Some(entry) = lock(&self.log.0).by_number.get_mut(&self.number) {
            entry.in_progress = false;
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
    fn requests_in_progress_are_not_taken_and_get_their_status_later() {
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
