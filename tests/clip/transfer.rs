//! Saving one clip, in simulated time.

use std::cell::RefCell;
use std::time::Duration;

use mv_clip::api::{Clip, ClipUrl, TransportError};
use mv_clip::error::{ClipError, Failure, FailureKind};
use mv_clip::settings::Settings;
use mv_clip::time::Timestamp;
use mv_clip::transfer::{
    Destination, Digest, Get, Head, NotFootage, Put, PutError, SavedClip, Side, Step, Transfer,
};
use proptest::prelude::*;

use crate::simulation::{KEY, MEDIA, STARTED, window};

pub(crate) const DESTINATION: &str = "https://b.example/clip.ts?X-Amz-Signature=s3cret-s3cret";

/// What the two sides do with one request, and how long that takes.
#[derive(Clone, Debug)]
enum Event {
    Head(Duration, Result<Head, TransportError>),
    Stored(Duration, Outcome),
}

/// [`PutError`] in a form that can be repeated.
#[derive(Clone, Debug)]
enum Outcome {
    Stored,
    NoReply(Side, TransportError),
    NotFootage(NotFootage),
    Refused(u16, Option<&'static str>, &'static str),
}

fn head(status: u16) -> Event {
    let head = Head {
        status,
        length: Some(188),
        ..Head::default()
    };
    Event::Head(Duration::from_millis(100), Ok(head))
}

fn redirect(location: &str) -> Event {
    let head = Head {
        status: 302,
        location: Some(location.into()),
        ..Head::default()
    };
    Event::Head(Duration::from_millis(100), Ok(head))
}

fn outcome(outcome: Outcome) -> Event {
    Event::Stored(Duration::from_secs(1), outcome)
}

fn digest() -> Digest {
    Digest {
        bytes: 188,
        sha256: "0".repeat(64),
    }
}

struct Simulation {
    variables: Vec<(&'static str, String)>,
    /// How long the call has taken when there is a URL.
    begins: Duration,
    random: u64,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) result: Result<SavedClip, ClipError>,
    /// When the media host was asked, and for what.
    pub(crate) asked: Vec<(Duration, String)>,
    pub(crate) puts: usize,
    pub(crate) took: Duration,
}

impl Simulation {
    fn new() -> Self {
        Self {
            variables: vec![("MERAKI_DASHBOARD_API_KEY", KEY.into())],
            begins: Duration::ZERO,
            random: 0,
        }
    }

    fn set(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs one transfer. Each event must be used, and none may be missing.
    fn run(&self, events: impl IntoIterator<Item = Event>) -> Call {
        let mut events = events.into_iter();
        let call = self.run_against(|| events.next().expect("an event too few"));
        assert_eq!(events.count(), 0, "events that were not used: {call:?}");
        call
    }

    fn run_against(&self, next: impl FnMut() -> Event) -> Call {
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
            Self::NoReply(side, error) => Err(PutError::NoReply(side, error)),
            Self::NotFootage(error) => Err(error.into()),
            Self::Refused(status, retry_after, body) => Err(PutError::Refused {
                status,
                retry_after: retry_after.map(str::to_owned),
                body: body.into(),
            }),
        }
    }
}

/// Does what the transfer says, from `now` on; the two sides are asked with the time, and say what comes
/// and how long that takes.
pub(crate) fn drive(
    mut transfer: Transfer<'_>,
    mut now: Duration,
    mut random: impl FnMut() -> u64,
    mut fetch: impl FnMut(Duration, &Get) -> (Duration, Result<Head, TransportError>),
    mut store: impl FnMut(Duration, &Put) -> (Duration, Result<Digest, PutError>),
) -> Call {
    let (mut asked, mut puts) = (Vec::new(), 0);
    let mut step = transfer.resume(now);
    loop {
        step = match step {
            Step::Wait(until) => {
                now = now.max(until);
                transfer.resume(now)
            }
            Step::Get(get) => {
                assert!(asked.len() < 1_000, "no end of requests");
                assert!(get.give_up_at > now, "no time for the request");
                asked.push((now, get.url.expose().to_owned()));
                let (takes, head) = fetch(now, &get);
                let in_time = now.saturating_add(takes) < get.give_up_at;
                now = now.saturating_add(takes).min(get.give_up_at);
                let head = if in_time {
                    head
                } else {
                    Err(TransportError::TimedOut)
                };
                transfer.fetched(now, head, &mut random)
            }
            Step::Put(put) => {
                puts += 1;
                let (takes, mut outcome) = store(now, &put);
                if now.saturating_add(takes) >= put.give_up_at {
                    let late = TransportError::TimedOut;
                    outcome = Err(PutError::NoReply(Side::Destination, late));
                }
                now = now.saturating_add(takes).min(put.give_up_at);
                transfer.stored(now, outcome, &mut random)
            }
            Step::Done(result) => {
                return Call {
                    result,
                    asked,
                    puts,
                    took: now,
                };
            }
        }
    }
}

impl Call {
    fn times(&self) -> Vec<u128> {
        self.asked.iter().map(|(at, _)| at.as_millis()).collect()
    }

    #[track_caller]
    fn permanent(&self, kind: FailureKind) -> &Failure {
        match &self.result {
            Err(ClipError::Permanent(failure)) if failure.kind == kind => failure,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn transient(&self, kind: FailureKind) -> &Failure {
        match &self.result {
            Err(ClipError::Transient(failure)) if failure.kind == kind => failure,
            other => panic!("{other:?}"),
        }
    }
}

/// The largest jitter.
const MOST: u64 = u64::MAX;

#[test]
fn a_clip_is_saved_at_the_first_try() {
    let call = Simulation::new().run([head(200), outcome(Outcome::Stored)]);
    let saved = call.result.unwrap();
    assert_eq!((saved.clip.url.expose(), saved.digest), (MEDIA, digest()));
    assert_eq!((call.puts, call.took), (1, Duration::from_millis(1_100)));
}

#[test]
fn a_clip_that_is_not_there_yet_is_waited_for_longer_than_one_that_is_in_trouble() {
    let mut simulation = Simulation::new();
    simulation.random = MOST;
    let call = simulation.run([head(404), head(503), head(200), outcome(Outcome::Stored)]);
    // Up to 4 s for the first retry, up to 1 s for the second.
    assert_eq!(call.times(), [0, 4_099, 5_199]);
    assert!(call.result.is_ok());
}

#[test]
fn each_try_begins_at_the_url_that_meraki_gave() {
    let elsewhere = "https://cdn.example/clip";
    let call = Simulation::new().run([
        redirect(elsewhere),
        head(200),
        outcome(Outcome::NoReply(
            Side::Media,
            TransportError::Connection("broke"),
        )),
        head(200),
        outcome(Outcome::Stored),
    ]);
    let urls: Vec<_> = call.asked.iter().map(|(_, url)| url.as_str()).collect();
    assert_eq!(urls, [MEDIA, elsewhere, MEDIA]);
}

#[test]
fn redirects_are_at_most_three_for_each_try() {
    let again = || redirect("/again");
    let call = Simulation::new().run([again(), again(), again(), again()]);
    let failure = call.permanent(FailureKind::Rejected);
    assert_eq!((failure.status, failure.attempts), (Some(302), 1));
}

#[test]
fn tries_are_as_many_as_attempts() {
    let simulation = Simulation::new().set("MV_CLIP_MAX_ATTEMPTS", "3");
    let broken = outcome(Outcome::NoReply(
        Side::Destination,
        TransportError::Connection("x"),
    ));
    let call = simulation.run([
        head(200),
        broken.clone(),
        head(200),
        broken.clone(),
        head(200),
        broken,
    ]);
    let failure = call.transient(FailureKind::ConnectionFailed);
    assert_eq!((failure.attempts, failure.retry_after_seconds), (3, None));
    assert!(
        failure.message.ends_with("Gave up after 3 attempts."),
        "{}",
        failure.message
    );
    assert_eq!(failure.request_id.as_deref(), Some("r1"));
}

#[test]
fn the_deadline_is_over_the_call_before_it_too() {
    let mut simulation = Simulation::new().set("MV_CLIP_DEADLINE_SECONDS", "10");
    simulation.begins = Duration::from_secs(10);
    let call = simulation.run([]);
    let failure = call.transient(FailureKind::TimedOut);
    assert_eq!(failure.attempts, 0);
    assert!(
        failure.message.contains("left no time to save the clip"),
        "{}",
        failure.message
    );

    simulation.begins = Duration::from_secs(9);
    let slow = Event::Stored(Duration::from_secs(60), Outcome::Stored);
    let call = simulation.run([head(200), slow]);
    assert_eq!(call.took, Duration::from_secs(10));
    let failure = call.transient(FailureKind::TimedOut);
    assert!(
        failure
            .message
            .contains("on its way from spn49.meraki.com to b.example"),
        "{}",
        failure.message
    );
    assert_eq!(failure.retry_after_seconds, None);
}

#[test]
fn a_destination_says_how_long_it_wants_to_be_left_alone() {
    let busy = |wait| outcome(Outcome::Refused(503, Some(wait), "<Code>SlowDown</Code>"));
    let call = Simulation::new().run([head(200), busy("7"), head(200), outcome(Outcome::Stored)]);
    assert_eq!(call.times(), [0, 8_100]);

    let call = Simulation::new().run([head(200), busy("600")]);
    let failure = call.transient(FailureKind::Unavailable);
    assert_eq!(
        (failure.status, failure.retry_after_seconds),
        (Some(503), Some(600))
    );
}

/// What becomes of a call whose one try came to this.
fn once(events: impl IntoIterator<Item = Event>) -> (FailureKind, &'static str) {
    let simulation = Simulation::new().set("MV_CLIP_MAX_ATTEMPTS", "1");
    match simulation.run(events).result.unwrap_err() {
        ClipError::Permanent(failure) => (failure.kind, "never"),
        ClipError::Transient(failure) if failure.message.ends_with("Gave up after 1 attempt.") => {
            (failure.kind, "soon")
        }
        ClipError::Transient(failure) => (failure.kind, "later"),
    }
}

#[test]
fn when_a_destination_is_tried_again() {
    use FailureKind::{DestinationRefused, Unavailable};
    for status in (100..200).chain(300..600) {
        let found = once([head(200), outcome(Outcome::Refused(status, None, ""))]);
        let expected = match status {
            408 | 429 | 500 | 502 | 503 | 504 => (Unavailable, "soon"),
            501 | 505 => (DestinationRefused, "never"),
            500.. => (Unavailable, "later"),
            _ => (DestinationRefused, "never"),
        };
        assert_eq!(found, expected, "{status}");
    }
    let idle = "<?xml version=\"1.0\"?>\n<Error><Code>RequestTimeout</Code></Error>";
    let found = once([head(200), outcome(Outcome::Refused(400, None, idle))]);
    assert_eq!(found, (Unavailable, "soon"));
}

#[test]
fn when_a_media_host_is_tried_again() {
    for status in (100..200).chain(300..600) {
        let expected = match status {
            301 | 302 | 303 | 307 | 308 => (FailureKind::BadResponse, "never"),
            404 | 408 | 425 | 429 | 500.. => (FailureKind::Unavailable, "soon"),
            _ => (FailureKind::Unavailable, "later"),
        };
        assert_eq!(once([head(status)]), expected, "{status}");
    }
}

#[test]
fn what_is_no_clip_is_fetched_again() {
    for error in [
        NotFootage::Empty,
        NotFootage::NoTransportStream,
        NotFootage::LostSync(7),
        NotFootage::CutOff,
    ] {
        let found = once([head(200), outcome(Outcome::NotFootage(error))]);
        assert_eq!(found, (FailureKind::BadResponse, "soon"), "{error:?}");
    }
}

#[test]
fn when_a_broken_exchange_is_tried_again() {
    for side in [Side::Media, Side::Destination] {
        for (error, expected) in [
            (
                TransportError::Connection("x"),
                (FailureKind::ConnectionFailed, "soon"),
            ),
            (TransportError::TimedOut, (FailureKind::TimedOut, "soon")),
            (
                TransportError::Certificate,
                (FailureKind::ConnectionFailed, "never"),
            ),
            (TransportError::Denied, (FailureKind::Rejected, "never")),
            (TransportError::TooLarge, (FailureKind::Rejected, "never")),
        ] {
            let found = once([head(200), outcome(Outcome::NoReply(side, error))]);
            assert_eq!(found, expected, "{side:?} {error:?}");
        }
    }
}

#[test]
fn the_status_is_that_of_whoever_failed() {
    let status = |event| {
        let result = Simulation::new()
            .set("MV_CLIP_MAX_ATTEMPTS", "1")
            .run([head(206), event]);
        result.result.unwrap_err().failure().status
    };
    let broken = |side| outcome(Outcome::NoReply(side, TransportError::TimedOut));
    assert_eq!(status(broken(Side::Media)), Some(206));
    assert_eq!(status(broken(Side::Destination)), None);
    assert_eq!(
        status(outcome(Outcome::NotFootage(NotFootage::Empty))),
        Some(206)
    );
    assert_eq!(status(outcome(Outcome::Refused(403, None, ""))), Some(403));
}

#[test]
fn words_never_hold_the_key_of_a_host_that_is_named_after_it() {
    let call = Simulation::new().run([redirect(&format!("https://{KEY}.example/x")), head(410)]);
    let message = &call.transient(FailureKind::Unavailable).message;
    assert!(
        message.starts_with("(API key).example does not give the clip"),
        "{message}"
    );
}

#[test]
fn debug_hides_what_a_reply_says() {
    let head = Head {
        location: Some("https://h/s3cret".into()),
        ..Head::default()
    };
    let refused = PutError::Refused {
        status: 403,
        retry_after: None,
        body: b"s3cret".to_vec(),
    };
    let printed = format!("{head:?} {refused:?}");
    assert!(
        printed.contains("Refused(403)") && !printed.contains("s3cret"),
        "{printed}"
    );
}

fn event() -> impl Strategy<Value = (Event, Event)> {
    let takes = || (0_u64..40_000).prop_map(Duration::from_millis);
    let transport = || {
        prop::sample::select(vec![
            TransportError::Connection("refused"),
            TransportError::Certificate,
            TransportError::TimedOut,
            TransportError::Denied,
        ])
    };
    let status = || prop_oneof![2 => Just(200_u16), 1 => prop::sample::select(vec![302, 404, 503]), 1 => 100_u16..600];
    let location = prop::option::of(prop::sample::select(vec![
        "/x",
        "http://h/x",
        "https://h/x",
        "?",
    ]));
    let wait = prop::sample::select(vec![
        None,
        Some("3"),
        Some("soon"),
        Some("Thu, 12 Mar 2026 15:00:30 GMT"),
    ]);
    let answered = (status(), location, wait.clone()).prop_map(|(status, location, wait)| {
        Ok(Head {
            status,
            location: location.map(str::to_owned),
            retry_after: wait.map(str::to_owned),
            length: None,
        })
    });
    let head = prop_oneof![4 => answered, 1 => transport().prop_map(Err)];
    let side = prop::sample::select(vec![Side::Media, Side::Destination]);
    let stored = prop_oneof![
        Just(Outcome::Stored),
        (side, transport()).prop_map(|(side, error)| Outcome::NoReply(side, error)),
        Just(Outcome::NotFootage(NotFootage::LostSync(3))),
        (status(), wait)
            .prop_filter("not a success", |(status, _)| !(200..300).contains(status))
            .prop_map(|(status, wait)| Outcome::Refused(
                status,
                wait,
                "<s3cret-s3cret> k3y-0f-s0mebody"
            )),
    ];
    (takes(), head, takes(), stored)
        .prop_map(|(t1, head, t2, stored)| (Event::Head(t1, head), Event::Stored(t2, stored)))
}

proptest! {
    #[test]
    fn whatever_happens_it_ends_in_time_and_keeps_its_secrets(
        events in prop::collection::vec(event(), 1..30),
        random in any::<u64>(),
        max_attempts in 1_usize..=10,
        deadline in 1_u64..300,
        begins in 0_u64..100,
    ) {
        let mut simulation = Simulation::new()
            .set("MV_CLIP_MAX_ATTEMPTS", &max_attempts.to_string())
            .set("MV_CLIP_DEADLINE_SECONDS", &deadline.to_string());
        simulation.random = random;
        simulation.begins = Duration::from_secs(begins.min(deadline));
        let mut heads = events.iter().map(|(head, _)| head).cycle();
        let mut stored = events.iter().map(|(_, stored)| stored).cycle();
        let mut wants_head = true;
        let call = simulation.run_against(|| {
            let event = if wants_head { heads.next() } else { stored.next() };
            let event = event.unwrap().clone();
            // A PUT follows a head with 2xx that comes in time, and a head follows everything else.
            wants_head = !matches!(&event, Event::Head(takes, Ok(head))
                if (200..300).contains(&head.status) && *takes < Duration::from_secs(30));
            event
        });
        prop_assert!(call.took <= Duration::from_secs(deadline));
        prop_assert!(call.asked.len() <= max_attempts * 4 && call.puts <= max_attempts);
        let printed = format!("{:?}", call.result);
        prop_assert!(!printed.contains("s3cret"), "{printed}");
        prop_assert!(!printed.contains(KEY) && !printed.contains("t0ken"), "{printed}");
        if let Err(ClipError::Permanent(failure)) = &call.result {
            prop_assert_eq!(failure.retry_after_seconds, None);
        }
    }
}
