//! A driver with a simulated clock, and a server with a list of responses.

use std::time::Duration;

use mv_clip_core::api::Clip;
use mv_clip_core::error::ClipError;
use mv_clip_core::fetch::{Fetch, Step};
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transport::{Request, Response, TransportError};

pub const KEY: &str = "k3y-0f-s0mebody";
pub const MEDIA: &str = "https://spn49.meraki.com/stream/t0ken";
/// More than a minute after the footage of `Simulation::new` is available.
pub const STARTED: &str = "2026-03-12T15:00:00Z";

/// What the simulated server does with one request.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub takes: Duration,
    pub outcome: Result<Response, TransportError>,
}

pub fn reply(status: u16, body: &str) -> Exchange {
    let reply = Response {
        status,
        location: None,
        retry_after: None,
        request_id: Some(format!("request-{status}")),
        body: Ok(body.as_bytes().to_vec()),
    };
    Exchange {
        takes: Duration::from_millis(100),
        outcome: Ok(reply),
    }
}

pub fn clip() -> Exchange {
    reply(200, &format!(r#"{{"url":"{MEDIA}"}}"#))
}

pub fn error(status: u16, message: &str) -> Exchange {
    reply(status, &format!(r#"{{"errors":["{message}"]}}"#))
}

pub fn retry_after(status: u16, value: &str) -> Exchange {
    let mut exchange = reply(status, "");
    exchange.outcome.as_mut().unwrap().retry_after = Some(value.into());
    exchange
}

pub fn redirect(location: &str) -> Exchange {
    let mut exchange = reply(302, "");
    exchange.outcome.as_mut().unwrap().location = Some(location.into());
    exchange
}

pub fn fault(error: TransportError) -> Exchange {
    Exchange {
        takes: Duration::from_millis(100),
        outcome: Err(error),
    }
}

/// No response: the driver times out at the request's deadline.
pub fn silence() -> Exchange {
    Exchange {
        takes: Duration::MAX,
        outcome: Err(TransportError::TimedOut),
    }
}

#[derive(Debug)]
pub struct Simulation {
    pub variables: Vec<(&'static str, String)>,
    pub started: Timestamp,
    pub request: ClipRequest,
    pub random: u64,
    /// How much longer than requested each wait takes.
    pub late_by: Duration,
}

/// The outcome of a simulated call.
#[derive(Debug)]
pub struct Call {
    pub result: Result<Clip, ClipError>,
    /// When each request was sent, and the request.
    pub sent: Vec<(Duration, Request)>,
    pub took: Duration,
}

impl Simulation {
    /// Two minutes of available footage; jitter is zero.
    pub fn new() -> Self {
        Self {
            variables: vec![("MERAKI_DASHBOARD_API_KEY", KEY.into())],
            started: Timestamp::parse(STARTED).unwrap(),
            request: window("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z"),
            random: 0,
            late_by: Duration::ZERO,
        }
    }

    pub fn set(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    pub fn started(mut self, at: &str) -> Self {
        self.started = Timestamp::parse(at).unwrap();
        self
    }

    pub fn random(mut self, random: u64) -> Self {
        self.random = random;
        self
    }

    /// Runs one call. It must use all exchanges and no more.
    pub fn run(&self, exchanges: impl IntoIterator<Item = Exchange>) -> Call {
        let mut exchanges = exchanges.into_iter();
        let call = self.run_against(|_| exchanges.next().expect("too many requests"));
        assert_eq!(
            exchanges.count(),
            0,
            "requests that were not sent: {call:?}"
        );
        call
    }

    pub fn run_against(&self, mut server: impl FnMut(&Request) -> Exchange) -> Call {
        let settings = Settings::from_variables(self.variables.clone()).unwrap();
        let mut call = Call {
            result: Err(nothing()),
            sent: Vec::new(),
            took: Duration::ZERO,
        };
        let mut fetch = match Fetch::new(&settings, self.request.clone(), self.started) {
            Ok(fetch) => fetch,
            Err(error) => {
                return Call {
                    result: Err(error),
                    ..call
                };
            }
        };
        let mut step = fetch.resume(call.took);
        loop {
            step = match step {
                Step::Wait(until) => {
                    call.took = call.took.max(until) + self.late_by;
                    let next = fetch.resume(call.took);
                    assert!(!matches!(next, Step::Wait(_)), "endless waits");
                    next
                }
                Step::Send(request) => {
                    assert!(call.sent.len() < 1_000, "endless requests");
                    assert!(
                        request.attempt_deadline > call.took,
                        "no time for the request"
                    );
                    let Exchange { takes, mut outcome } = server(&request);
                    call.sent.push((call.took, request.clone()));
                    if call.took.saturating_add(takes) >= request.attempt_deadline {
                        call.took = request.attempt_deadline;
                        outcome = Err(TransportError::TimedOut);
                    } else {
                        call.took += takes;
                    }
                    fetch.receive(call.took, outcome, || self.random)
                }
                Step::Done(result) => {
                    call.result = result;
                    return call;
                }
            }
        }
    }
}

pub fn window(start: &str, end: &str) -> ClipRequest {
    ClipRequest::parse("Q2XX-ABCD-1234", start, end, None).unwrap()
}

fn nothing() -> ClipError {
    use mv_clip_core::error::{Failure, FailureKind};
    ClipError::Permanent(Failure::before_request(
        FailureKind::Rejected,
        String::new(),
    ))
}

impl Call {
    /// When the requests were sent, in milliseconds.
    pub fn times(&self) -> Vec<u128> {
        self.sent.iter().map(|(at, _)| at.as_millis()).collect()
    }

    #[track_caller]
    pub fn url(&self) -> &str {
        self.result
            .as_ref()
            .unwrap_or_else(|error| panic!("{error}"))
            .url
            .expose()
    }

    #[track_caller]
    pub fn permanent(&self) -> &mv_clip_core::error::Failure {
        match &self.result {
            Err(ClipError::Permanent(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn transient(&self) -> &mv_clip_core::error::Failure {
        match &self.result {
            Err(ClipError::Transient(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }
}
