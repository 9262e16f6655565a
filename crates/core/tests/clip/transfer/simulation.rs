//! Runs one transfer in simulated time.

use std::cell::RefCell;
use std::time::Duration;

use mv_clip_core::api::{Clip, ClipUrl};
use mv_clip_core::error::{ClipError, Failure, FailureKind};
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transfer::{
    Destination, Digest, Get, Head, Peer, Put, PutError, SavedClip, Step, StreamError, Transfer,
};
use mv_clip_core::transport::TransportError;

use crate::simulation::{KEY, MEDIA, STARTED, window};

pub(crate) const DESTINATION: &str = "https://b.example/clip.ts?X-Amz-Signature=s3cret-s3cret";

/// What a server does with one request, and how long that takes.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Head(Duration, Result<Head, TransportError>),
    Stored(Duration, Outcome),
}

/// The outcome of a PUT, in a form that can be cloned.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Stored,
    Transport(Peer, TransportError),
    Stream(StreamError),
    Refused(u16, Option<&'static str>, &'static str),
}

pub(super) fn head(status: u16) -> Event {
    let head = Head {
        status,
        length: Some(188),
        ..Head::default()
    };
    Event::Head(Duration::from_millis(100), Ok(head))
}

pub(super) fn redirect(location: &str) -> Event {
    let head = Head {
        status: 302,
        location: Some(location.into()),
        ..Head::default()
    };
    Event::Head(Duration::from_millis(100), Ok(head))
}

pub(super) fn outcome(outcome: Outcome) -> Event {
    Event::Stored(Duration::from_secs(1), outcome)
}

pub(super) fn digest() -> Digest {
    Digest {
        bytes: 188,
        sha256: "0".repeat(64),
    }
}

pub(super) struct Simulation {
    pub(super) variables: Vec<(&'static str, String)>,
    /// When the transfer starts, counted from the start of the call.
    pub(super) begins: Duration,
    pub(super) random: u64,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) result: Result<SavedClip, ClipError>,
    /// The requests to the media host: time and URL.
    pub(crate) asked: Vec<(Duration, String)>,
    pub(crate) puts: usize,
    pub(crate) took: Duration,
    /// How late the driver's last wake-up was.
    pub(crate) late: Duration,
}

impl Simulation {
    pub(super) fn new() -> Self {
        Self {
            variables: vec![("MERAKI_DASHBOARD_API_KEY", KEY.into())],
            begins: Duration::ZERO,
            random: 0,
        }
    }

    pub(super) fn set(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs one transfer. It must use all events and no more.
    pub(super) fn run(&self, events: impl IntoIterator<Item = Event>) -> Call {
        let mut events = events.into_iter();
        let call = self.run_against(|| events.next().expect("too few events"));
        assert_eq!(events.count(), 0, "events that were not used: {call:?}");
        call
    }

    pub(super) fn run_against(&self, next: impl FnMut() -> Event) -> Call {
        let settings = Settings::from_variables(self.variables.clone()).unwrap();
        let started = Timestamp::parse(STARTED).unwrap();
        let clip = Clip {
            request: window("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z"),
            url: ClipUrl::parse(MEDIA.to_owned()).unwrap(),
            expires_at: None,
            request_id: Some("r1".into()),
        };
        let destination = Destination::parse(DESTINATION).unwrap();
        let transfer = Transfer::new(&settings, started, clip, destination).unwrap();
        let next = RefCell::new(next);
        drive(
            transfer,
            self.begins,
            || self.random,
            || Duration::ZERO,
            |_, _| match (next.borrow_mut())() {
                Event::Head(takes, head) => (takes, head),
                Event::Stored(..) => panic!("a request to the media host"),
            },
            |_, _| match (next.borrow_mut())() {
                Event::Stored(takes, outcome) => (takes, outcome.into_result()),
                Event::Head(..) => panic!("a PUT"),
            },
        )
    }
}

impl Outcome {
    fn into_result(self) -> Result<Digest, PutError> {
        match self {
            Self::Stored => Ok(digest()),
            Self::Transport(side, error) => Err(PutError::Transport(side, error)),
            Self::Stream(error) => Err(error.into()),
            Self::Refused(status, retry_after, body) => Err(PutError::Status {
                status,
                retry_after: retry_after.map(str::to_owned),
                body: body.into(),
            }),
        }
    }
}

/// Drives a transfer from `now` on. `late` gives how late each wake-up is. `fetch` and `store` get the time and the
/// request, and return a duration and the outcome.
pub(crate) fn drive(
    mut transfer: Transfer<'_>,
    mut now: Duration,
    mut random: impl FnMut() -> u64,
    mut late: impl FnMut() -> Duration,
    mut fetch: impl FnMut(Duration, &Get) -> (Duration, Result<Head, TransportError>),
    mut store: impl FnMut(Duration, &Put) -> (Duration, Result<Digest, PutError>),
) -> Call {
    let (mut asked, mut puts, mut late_by) = (Vec::new(), 0, Duration::ZERO);
    let mut wake = |now: &mut Duration, until: Duration| {
        late_by = late();
        *now = until + late_by;
    };
    let mut step = transfer.resume(now);
    let result = loop {
        step = match step {
            Step::Wait(until) => {
                let until = until.max(now);
                wake(&mut now, until);
                let next = transfer.resume(now);
                assert!(!matches!(next, Step::Wait(_)), "endless waits");
                next
            }
            Step::Get(get) => {
                assert!(asked.len() < 1_000, "endless requests");
                assert!(get.attempt_deadline > now, "no time for the request");
                asked.push((now, get.url.expose().to_owned()));
                let (takes, mut head) = fetch(now, &get);
                let until = now.saturating_add(takes).min(get.attempt_deadline);
                wake(&mut now, until);
                if now >= get.attempt_deadline {
                    head = Err(TransportError::TimedOut);
                }
                transfer.receive_head(now, head, &mut random)
            }
            Step::Put(put) => {
                puts += 1;
                assert!(puts < 1_000, "endless attempts");
                let (takes, mut outcome) = store(now, &put);
                let until = now.saturating_add(takes).min(put.attempt_deadline);
                wake(&mut now, until);
                if now >= put.attempt_deadline {
                    let late = TransportError::TimedOut;
                    outcome = Err(PutError::Transport(Peer::Destination, late));
                }
                transfer.receive_outcome(now, outcome, &mut random)
            }
            Step::Done(result) => break result,
        }
    };
    Call {
        result,
        asked,
        puts,
        took: now,
        late: late_by,
    }
}

impl Call {
    pub(super) fn times(&self) -> Vec<u128> {
        self.asked.iter().map(|(at, _)| at.as_millis()).collect()
    }

    #[track_caller]
    pub(super) fn permanent(&self, kind: FailureKind) -> &Failure {
        match &self.result {
            Err(ClipError::Permanent(failure)) if failure.kind == kind => failure,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn transient(&self, kind: FailureKind) -> &Failure {
        match &self.result {
            Err(ClipError::Transient(failure)) if failure.kind == kind => failure,
            other => panic!("{other:?}"),
        }
    }
}
