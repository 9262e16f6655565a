//! One call: its request, and its valid answers.

use std::fmt::Debug;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use meraki_mock::Camera;
use mv_clip_host::{
    CallError, Clip, ClipError, ClipHost, ClipOutcome, ClipRequest, Failure, FailureKind,
    SavedClip, Settings,
};

use super::traffic::Kind;

/// The organisation's online cameras. One more is offline.
pub const CAMERAS: usize = 100;
pub const OFFLINE: &str = "Q2LD-DEAD-0000";
const UNKNOWN: &str = "Q2LD-NONE-0000";

/// Each call requests footage from its own hour, so that the time range of a request identifies its call.
pub const HOUR: TimeDelta = TimeDelta::hours(1);
/// The component's default for the maximum number of attempts.
const MAX_ATTEMPTS: u32 = 5;

/// The length of the clips that a range is split into.
const FIVE: TimeDelta = TimeDelta::minutes(5);

pub fn serial(camera: usize) -> String {
    format!("Q2LD-CAME-{:04}", camera % CAMERAS)
}

pub fn cameras() -> Vec<Camera> {
    let offline = Camera::new(OFFLINE).online(false);
    let online = (0..CAMERAS).map(|camera| Camera::new(serial(camera)));
    online.chain([offline]).collect()
}

pub fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A call and its arguments.
#[derive(Clone, Debug)]
pub struct Call {
    pub number: usize,
    pub kind: Kind,
    /// The start of the footage: the start of its hour, unless it is recent.
    pub start: DateTime<Utc>,
}

/// The result of a call, by the function that was called.
#[derive(Debug)]
pub enum Answer {
    Clip(Result<Clip, CallError>),
    Clips(Result<Vec<ClipOutcome>, CallError>),
    Saved(Result<SavedClip, CallError>),
}

/// The class of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that was requested.
    Whole,
    /// Some clips, and some transient failures.
    Part,
    Failed(FailureKind),
    ShuttingDown,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "answered",
            Self::Part => "answered in part",
            Self::Failed(kind) => kind.name(),
            Self::ShuttingDown => "shutting-down",
        }
    }
}

impl Call {
    pub fn serial(&self) -> String {
        match self.kind {
            Kind::Unknown => UNKNOWN.to_owned(),
            Kind::Offline => OFFLINE.to_owned(),
            Kind::BadSerial => "Q2LD".to_owned(),
            _ => serial(self.number),
        }
    }

    /// The cameras of a coverage.
    fn serials(&self, cameras: usize) -> Vec<String> {
        (0..cameras)
            .map(|camera| serial(self.number + camera))
            .collect()
    }

    /// The requested footage, clip by clip: camera, start and end.
    pub fn wanted(&self) -> Vec<[String; 3]> {
        let serial = self.serial();
        let clip = |serial, start, length| [serial, text(start), text(start + length)];
        match self.kind {
            Kind::Coverage(cameras) => {
                let of = |serial| clip(serial, self.start, TimeDelta::seconds(120));
                self.serials(cameras).into_iter().map(of).collect()
            }
            Kind::Range(clips) => {
                let starts = std::iter::successors(Some(self.start), |start| Some(*start + FIVE));
                let of = |start| clip(serial.clone(), start, FIVE);
                starts.take(clips).map(of).collect()
            }
            _ => vec![clip(serial, self.start, self.end() - self.start)],
        }
    }

    /// The end of the footage of a call for one clip.
    fn end(&self) -> DateTime<Utc> {
        let seconds = match self.kind {
            Kind::Incident | Kind::Recent => 60,
            _ => 30 + i64::try_from(self.number % 271).unwrap(),
        };
        self.start + TimeDelta::seconds(seconds)
    }

    fn request(&self) -> ClipRequest {
        let (mut start, mut end) = (text(self.start), text(self.end()));
        match self.kind {
            Kind::Range(clips) => {
                end = text(self.start + FIVE * i32::try_from(clips).unwrap());
            }
            Kind::BadTime => start = start.replace('Z', ""),
            Kind::BadWindow => (start, end) = (end, start),
            _ => {}
        }
        ClipRequest {
            serial: self.serial(),
            start,
            end,
            imager_id: None,
        }
    }

    pub async fn make(&self, host: &ClipHost, settings: &Settings, destination: &str) -> Answer {
        let request = self.request();
        match self.kind {
            Kind::Incident | Kind::Recent => {
                let at = text(self.start + TimeDelta::seconds(30));
                let clip = host.get_incident(settings, &request.serial, &at, None, None);
                Answer::Clip(clip.await)
            }
            Kind::Range(_) => Answer::Clips(host.get_range(settings, &request).await),
            Kind::Coverage(cameras) => {
                let at = text(self.start + TimeDelta::seconds(60));
                let serials = self.serials(cameras);
                Answer::Clips(host.get_coverage(settings, &serials, &at, None).await)
            }
            Kind::Save => Answer::Saved(host.save_clip(settings, &request, destination).await),
            Kind::BadDestination => {
                let saved = host.save_clip(settings, &request, "http://bucket.example/clip.ts");
                Answer::Saved(saved.await)
            }
            _ => Answer::Clip(host.request_clip(settings, &request).await),
        }
    }

    /// The class of the answer, and the number of attempts if the answer contains it.
    ///
    /// Panics if the answer is not valid for this call.
    pub fn classify(&self, answer: &Answer) -> (Outcome, Option<u32>) {
        match answer {
            Answer::Clip(Ok(clip)) => self.assert_is_wanted(clip),
            Answer::Saved(Ok(saved)) => self.assert_is_wanted(&saved.clip),
            Answer::Clips(Ok(outcomes)) => return (self.classify_all(outcomes), None),
            Answer::Clip(Err(error)) | Answer::Saved(Err(error)) | Answer::Clips(Err(error)) => {
                return self.classify_error(error);
            }
        }
        (Outcome::Whole, None)
    }

    #[track_caller]
    fn assert_is_wanted(&self, clip: &Clip) {
        let found = [&clip.serial, &clip.start, &clip.end].map(String::clone);
        assert!(self.wanted().contains(&found), "{self:?}: {clip:?}");
        assert_eq!(self.expected(), None, "{self:?}: {clip:?}");
    }

    fn classify_all(&self, outcomes: &[ClipOutcome]) -> Outcome {
        let of = |ClipOutcome { request, .. }: &ClipOutcome| {
            [&request.serial, &request.start, &request.end].map(String::clone)
        };
        let found: Vec<_> = outcomes.iter().map(of).collect();
        assert_eq!(found, self.wanted(), "{self:?}");
        let mut outcome = Outcome::Whole;
        for one in outcomes {
            match &one.outcome {
                Ok(clip) => {
                    let found = [&clip.serial, &clip.start, &clip.end].map(String::clone);
                    assert_eq!(found, of(one), "{self:?}");
                }
                Err(ClipError::Transient(failure)) if is_transient(failure.kind) => {
                    outcome = Outcome::Part;
                }
                Err(error) => panic!("{self:?}: {error:?}"),
            }
        }
        outcome
    }

    fn classify_error(&self, error: &CallError) -> (Outcome, Option<u32>) {
        let of = |failure: &Failure| (Outcome::Failed(failure.kind), Some(failure.attempts));
        match error {
            CallError::ShuttingDown => (Outcome::ShuttingDown, None),
            CallError::Clip(ClipError::Permanent(failure))
                if self.expected() == Some(failure.kind) =>
            {
                of(failure)
            }
            CallError::Clip(ClipError::Transient(failure))
                if !self.is_rejected_locally()
                    && (is_transient(failure.kind)
                        || self.kind == Kind::Recent && failure.kind == FailureKind::TooEarly) =>
            {
                of(failure)
            }
            _ => panic!("{self:?} must not fail with this error: {error:?}"),
        }
    }

    /// The permanent error that this call must end with.
    fn expected(&self) -> Option<FailureKind> {
        Some(match self.kind {
            Kind::Unknown => FailureKind::NotFound,
            Kind::Offline => FailureKind::Rejected,
            Kind::Revoked => FailureKind::Unauthorized,
            Kind::BadSerial => FailureKind::InvalidSerial,
            Kind::BadTime => FailureKind::InvalidTime,
            Kind::BadWindow => FailureKind::InvalidWindow,
            Kind::BadDestination => FailureKind::InvalidDestination,
            _ => return None,
        })
    }

    /// Whether the call must fail before its first request.
    pub fn is_rejected_locally(&self) -> bool {
        matches!(
            self.kind,
            Kind::BadSerial | Kind::BadTime | Kind::BadWindow | Kind::BadDestination
        )
    }

    /// Whether this call is for one clip and each attempt is one request.
    pub fn is_single(&self) -> bool {
        !matches!(self.kind, Kind::Range(_) | Kind::Coverage(_) | Kind::Save)
    }

    /// The maximum number of attempts for each clip. It is one for some calls, so that some calls fail.
    pub fn max_attempts(&self) -> u32 {
        let one_in = match self.kind {
            Kind::Range(_) | Kind::Coverage(_) => 2,
            _ => 10,
        };
        if self.number.is_multiple_of(one_in) {
            1
        } else {
            MAX_ATTEMPTS
        }
    }

    /// The number of requested clips.
    pub fn clips(&self) -> u32 {
        match self.kind {
            Kind::Range(clips) | Kind::Coverage(clips) => u32::try_from(clips).unwrap(),
            _ => 1,
        }
    }
}

/// Whether a valid call may fail with this kind because of random faults.
fn is_transient(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::RateLimited
            | FailureKind::Unavailable
            | FailureKind::ConnectionFailed
            | FailureKind::TimedOut
            | FailureKind::BadResponse
    )
}
