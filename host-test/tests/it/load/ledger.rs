//! The record of all calls, their answers, and the requests that the mock received for them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::extract::Query;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use http::{StatusCode, Uri};
use meraki_mock::{RecordedRequest, Target};

use super::call::{Answer, Call, HOUR, Outcome};
use super::sink::Sink;
use super::totals::Totals;
use super::traffic::Kind;

pub struct Ledger {
    entries: Vec<Entry>,
    /// The hour of the first call's footage.
    epoch: DateTime<Utc>,
    /// Calls for recent footage, by that footage. They have no hour of their own.
    recent: HashMap<[String; 3], usize>,
    /// When each API request arrived.
    instants: Vec<Instant>,
    totals: Totals,
}

struct Entry {
    call: Call,
    requests: u32,
    /// The requests that the mock answered with a URL.
    granted: u32,
    answer: Option<(Outcome, Option<u32>)>,
}

impl Ledger {
    /// Allocates the memory for this number of calls in advance, so that the ledger does not grow.
    pub fn with_capacity(calls: usize) -> Self {
        let entry = || Entry {
            call: Call {
                number: 0,
                kind: Kind::Clip,
                start: DateTime::UNIX_EPOCH,
            },
            requests: 0,
            granted: 0,
            answer: None,
        };
        let mut entries = Vec::from_iter(std::iter::repeat_with(entry).take(calls));
        entries.clear();
        let mut instants = vec![Instant::now(); 2 * calls];
        instants.clear();
        Self {
            entries,
            epoch: (Utc::now() - TimeDelta::days(5 * 365)).trunc_subsecs(0),
            recent: HashMap::new(),
            instants,
            totals: Totals::default(),
        }
    }

    /// Records a call before it is made.
    pub fn open(&mut self, kind: Kind) -> Call {
        let number = self.entries.len();
        let start = match kind {
            // The footage ends now, so it is available in a moment.
            Kind::Recent => Utc::now().trunc_subsecs(3) - TimeDelta::seconds(60),
            _ => self.epoch + HOUR * i32::try_from(number).unwrap(),
        };
        let call = Call {
            number,
            kind,
            start,
        };
        if kind == Kind::Recent {
            for wanted in call.wanted() {
                let other = self.recent.insert(wanted, number);
                assert_eq!(other, None, "two calls for the same footage: {call:?}");
            }
        }
        self.entries.push(Entry {
            call: call.clone(),
            requests: 0,
            granted: 0,
            answer: None,
        });
        call
    }

    /// Records the answer of a call. It must be the only one, and valid for the call.
    pub fn close(&mut self, number: usize, answer: &Answer, took: Duration) -> Outcome {
        let entry = &mut self.entries[number];
        let classified = entry.call.classify(answer);
        let other = entry.answer.replace(classified);
        assert_eq!(other, None, "answered twice: {:?}", entry.call);
        self.totals.slowest = self.totals.slowest.max(took);
        classified.0
    }

    /// Records a request that the mock received. Each API request must belong to a call.
    pub fn requested(&mut self, request: &RecordedRequest) {
        self.totals.faults += usize::from(request.random_fault);
        match request.target {
            Target::Api => {}
            Target::Media => {
                self.totals.media += 1;
                return;
            }
            Target::Other => panic!("an unexpected request: {request:?}"),
        }
        self.totals.api += 1;
        self.instants.push(request.at);
        let own = request.status.filter(|_| !request.random_fault);
        assert_ne!(own, Some(StatusCode::TOO_MANY_REQUESTS), "{request:?}");
        let wanted = wanted(request);
        let number = self.recent.get(&wanted).copied();
        let number = number.or_else(|| self.by_hour(&wanted[1]));
        let entry = number.and_then(|number| self.entries.get_mut(number));
        let entry = entry.filter(|entry| entry.call.wanted().contains(&wanted));
        let entry = entry.unwrap_or_else(|| panic!("a request without a call: {request:?}"));
        entry.requests += 1;
        entry.granted += u32::from(own == Some(StatusCode::OK));
    }

    /// The call whose hour contains this start.
    fn by_hour(&self, start: &str) -> Option<usize> {
        let start = start.parse::<DateTime<Utc>>().unwrap();
        let hours = (start - self.epoch).num_hours();
        usize::try_from(hours).ok()
    }

    /// The number of calls without an answer.
    pub fn lost(&self) -> usize {
        let unanswered = |entry: &&Entry| entry.answer.is_none();
        self.entries.iter().filter(unanswered).count()
    }

    /// Compares requests with answers after all are recorded.
    pub fn settle(mut self, sink: &Sink) -> Totals {
        let mut totals = self.totals;
        totals.calls = self.entries.len();
        let (mut max_media, mut unsent) = (0, 0);
        for entry in &self.entries {
            let (outcome, attempts) = entry.answer.expect("a call without an answer");
            let stored = sink.stored(entry.call.number);
            entry.assert_settled(outcome, attempts, stored);
            *totals.outcomes.entry(outcome.name()).or_default() += 1;
            totals.stored += stored;
            if entry.call.kind == Kind::Save {
                max_media += entry.call.max_attempts() as usize;
            }
            unsent += entry.unsent(attempts);
        }
        assert!(totals.media <= max_media);
        // In a rush an attempt may time out while it waits for the limiter.
        let rare = u32::try_from(totals.api / 1_000).unwrap();
        assert!(unsent <= rare, "{unsent} attempts without a request");
        self.instants.sort_unstable();
        totals.max_per_second = max_per_second(&self.instants);
        totals
    }
}

impl Entry {
    /// The number of attempts of a call for one clip that did not reach the mock.
    fn unsent(&self, attempts: Option<u32>) -> u32 {
        let attempts = attempts.filter(|_| self.call.is_single());
        attempts.map_or(0, |attempts| attempts - self.requests)
    }

    /// The mock received no more requests than the answer says, and all clips in the answer exist.
    fn assert_settled(&self, outcome: Outcome, attempts: Option<u32>, stored: u32) {
        let Self {
            call,
            requests,
            granted,
            ..
        } = self;
        let context = format!("{call:?}: {outcome:?}, {attempts:?} attempts, {requests} requests");
        let max_requests = call.max_attempts();
        let max_requests = match call.kind {
            _ if call.is_rejected_locally() => 0,
            // Each attempt to save may start with a new URL.
            Kind::Save => max_requests * max_requests,
            _ => max_requests * call.clips(),
        };
        assert!(*requests <= max_requests, "{context}");
        match outcome {
            Outcome::Whole => assert!(*granted >= call.clips(), "{context}"),
            Outcome::Part | Outcome::ShuttingDown => {}
            Outcome::Failed(_) if !call.is_single() => {}
            Outcome::Failed(_) => {
                assert!(Some(*requests) <= attempts, "{context}");
                assert_eq!(*granted, 0, "{context}");
            }
        }
        match (call.kind, outcome) {
            (Kind::Save, Outcome::Whole) => assert_eq!(stored, 1, "{context}"),
            (Kind::Save, Outcome::ShuttingDown) => assert!(stored <= 1, "{context}"),
            _ => assert_eq!(stored, 0, "{context}"),
        }
    }
}

/// The footage that a request asks for: camera, start and end.
fn wanted(request: &RecordedRequest) -> [String; 3] {
    let query = request.query.as_deref().unwrap_or_default();
    let uri = Uri::try_from(format!("/?{query}")).unwrap();
    let Query(query) = Query::<HashMap<String, String>>::try_from_uri(&uri).unwrap();
    let field = |name: &str| query.get(name).cloned().unwrap_or_default();
    let serial = request.path.split('/').nth(4).unwrap_or_default();
    [
        serial.to_owned(),
        field("startTimestamp"),
        field("endTimestamp"),
    ]
}

/// The largest number of these sorted instants within one second.
fn max_per_second(instants: &[Instant]) -> usize {
    let second = Duration::from_secs(1);
    let within = |(index, first): (usize, &Instant)| {
        let rest = &instants[index..];
        rest.partition_point(|at| at.duration_since(*first) < second)
    };
    let counts = instants.iter().enumerate().map(within);
    counts.max().unwrap_or_default()
}
