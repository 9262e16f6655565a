//! A server whose modes, and whose response to each request, are drawn from the seed.

use std::time::Duration;

use chrono::DateTime;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transport::{Request, Response, TransportError};
use proptest::prelude::*;
use proptest::test_runner::TestRng;

use super::clock::Lateness;
use super::draw::pick;
use super::origin::is_meraki;
use crate::batch::World;
use crate::properties::{BODIES, LOCATIONS};
use crate::simulation::*;

#[derive(Clone, Copy, Debug)]
pub enum Mode {
    Well,
    Slow,
    Busy,
    Down,
    NotYet,
    Moved,
    Broken,
    Silent,
    Nonsense,
}

const MODES: &[Mode] = &[
    Mode::Well,
    Mode::Slow,
    Mode::Busy,
    Mode::Down,
    Mode::NotYet,
    Mode::Moved,
    Mode::Broken,
    Mode::Silent,
    Mode::Nonsense,
];

/// One request as the server saw it, and its outcome when the driver woke up.
#[derive(Debug)]
pub struct Seen {
    pub index: usize,
    pub sent: Duration,
    /// When the driver woke up for the outcome, and how late that was.
    pub back: Duration,
    pub late: Duration,
    pub url: String,
    pub has_key: bool,
    pub redirected: bool,
    pub status: Option<u16>,
    pub meaning: Meaning,
    asks: Option<Asks>,
    /// The wait that `Retry-After` asks for when the driver wakes up, if the value is valid.
    pub asked_for: Option<Duration>,
}

/// The meaning of a `Retry-After`.
#[derive(Clone, Copy, Debug)]
enum Asks {
    Seconds(u32),
    Until(Timestamp),
}

/// What the outcome of a request means for the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It is in flight.
    Awaited,
    /// The clip is at this URL.
    Clip(String),
    /// A redirect: another request follows at once.
    Redirect,
    /// Retried in this call.
    Soon,
    /// Retried in a later call.
    Later,
    /// The same call will fail again.
    Never,
}

pub struct Server<'a> {
    pub settings: &'a Settings,
    pub started: Timestamp,
    /// When the window of each request ends.
    pub ends: Vec<Option<Timestamp>>,
    pub rng: TestRng,
    lateness: Lateness,
    /// Prints what happens.
    verbose: bool,
    /// The modes, each until a time.
    modes: Vec<(Duration, Mode)>,
    pub seen: Vec<Seen>,
}

impl<'a> Server<'a> {
    pub fn new(
        settings: &'a Settings,
        started: Timestamp,
        ends: Vec<Option<Timestamp>>,
        lateness: Lateness,
        mut rng: TestRng,
        verbose: bool,
    ) -> Self {
        let mut until = Duration::ZERO;
        let mut modes: Vec<_> = (0..rng.random_range(0..3))
            .map(|_| {
                until += Duration::from_millis(rng.random_range(0..30_000));
                (until, pick(&mut rng, MODES))
            })
            .collect();
        modes.push((
            Duration::MAX,
            if rng.random_bool(0.5) {
                Mode::Well
            } else {
                pick(&mut rng, MODES)
            },
        ));
        Self {
            settings,
            started,
            ends,
            rng,
            lateness,
            verbose,
            modes,
            seen: Vec::new(),
        }
    }

    /// One exchange, and the meaning of its `Retry-After`.
    fn draw(
        &mut self,
        now: Duration,
        mode: Mode,
        index: usize,
        number: usize,
    ) -> (Exchange, Option<Asks>) {
        let rng = &mut self.rng;
        let mut exchange = match mode {
            Mode::Well | Mode::Slow => {
                let url = format!("https://spn49.meraki.com/stream/t0ken-{index}-{number}");
                reply(
                    pick(rng, &[200, 200, 202]),
                    &format!(r#"{{"url":"{url}"}}"#),
                )
            }
            Mode::Busy => error(429, "API rate limit exceeded for organization"),
            Mode::Down => reply(
                pick(rng, &[408, 500, 501, 502, 503, 504, 505, 520, 599]),
                "",
            ),
            Mode::NotYet => match rng.random_bool(0.8) {
                true => error(400, "No video for specified timestamp"),
                false => error(404, "no such device"),
            },
            Mode::Moved => redirect(pick(rng, LOCATIONS)),
            Mode::Broken => {
                let errors = [
                    TransportError::Connection("refused"),
                    TransportError::Connection("the connection broke off"),
                    TransportError::Certificate,
                    TransportError::Denied,
                    TransportError::TooLarge,
                    TransportError::TimedOut,
                ];
                let error = pick(rng, &errors);
                let mut exchange = reply(pick(rng, &[200, 200, 400, 503]), "");
                if rng.random_bool(0.5) {
                    exchange.outcome = Err(error);
                } else if let Ok(reply) = &mut exchange.outcome {
                    reply.body = Err(error);
                }
                exchange
            }
            Mode::Silent => silence(),
            Mode::Nonsense => reply(
                match rng.random_bool(0.5) {
                    true => 200,
                    false => rng.random_range(100..600),
                },
                pick(rng, BODIES),
            ),
        };
        let mut asks = None;
        if let Ok(reply) = &mut exchange.outcome {
            if rng.random_bool(0.4) {
                let (text, meant) = retry_after(rng, self.started + now);
                (reply.retry_after, asks) = (Some(text), meant);
            }
            let spaces = " ".repeat(rng.random_range(0..130));
            reply.request_id = Some(format!("{spaces}{KEY}"));
        }
        (exchange, asks)
    }

    /// The rules of the core, implemented a second time.
    fn meaning(
        &self,
        index: usize,
        back: Duration,
        outcome: &Result<Response, TransportError>,
    ) -> Meaning {
        let reply = match outcome {
            Err(TransportError::Certificate | TransportError::Denied) => return Meaning::Never,
            Err(_) => return Meaning::Soon,
            Ok(reply) => reply,
        };
        let body = match &reply.body {
            Ok(body) => String::from_utf8_lossy(body).into_owned(),
            Err(TransportError::Certificate | TransportError::Denied) => {
                return match reply.status {
                    200..=299 | 400 => Meaning::Never,
                    _ => Meaning::Soon,
                };
            }
            Err(_) => return Meaning::Soon,
        };
        let recent = self.ends[index].is_some_and(|end| {
            (self.started + back).since(end) < Duration::from_secs(300) + self.settings.lag
        });
        match reply.status {
            200..=299 => match body.strip_prefix(r#"{"url":"https://"#) {
                Some(rest) => Meaning::Clip(format!("https://{}", rest.trim_end_matches("\"}"))),
                None => Meaning::Soon,
            },
            // Followed only to where the API key may go.
            301 | 302 | 303 | 307 | 308 => match self.may_follow(index, reply) {
                true => Meaning::Redirect,
                false => Meaning::Never,
            },
            400 if body.contains("No video") && recent => Meaning::Soon,
            408 | 429 | 500 | 502 | 503 | 504 => Meaning::Soon,
            501 | 505 => Meaning::Never,
            506.. => Meaning::Later,
            _ => Meaning::Never,
        }
    }

    fn may_follow(&self, index: usize, reply: &Response) -> bool {
        let in_a_row = self
            .seen
            .iter()
            .rev()
            .filter(|seen| seen.index == index && seen.meaning != Meaning::Awaited)
            .take_while(|seen| seen.meaning == Meaning::Redirect);
        in_a_row.count() < 3
            && match reply.location.as_deref() {
                Some("/x" | "?") => true,
                Some(
                    "https://n1.meraki.com/x"
                    | "https://meraki.ca/x"
                    | "https://api.meraki.cn/x"
                    | "https://API.Meraki.In/x"
                    | "https://n1.gov-meraki.com/x",
                ) => is_meraki(self.settings.base_url.expose()),
                _ => false,
            }
    }
}

impl World for Server<'_> {
    fn answer(&mut self, now: Duration, index: usize, request: &Request) -> Exchange {
        let (_, mode) = self.modes.iter().find(|(until, _)| now < *until).unwrap();
        let mode = *mode;
        let (mut exchange, asks) = self.draw(now, mode, index, self.seen.len());
        if exchange.takes != Duration::MAX {
            let slow = matches!(mode, Mode::Slow) || self.rng.random_bool(0.05);
            let most = if slow { 40_000 } else { 300 };
            exchange.takes = Duration::from_millis(self.rng.random_range(1..most));
        }
        let previous = self.seen.iter().rev().find(|seen| seen.index == index);
        let seen = Seen {
            index,
            sent: now,
            back: Duration::MAX,
            late: Duration::ZERO,
            url: request.url.expose().to_owned(),
            has_key: request.api_key.is_some(),
            redirected: previous.is_some_and(|seen| seen.meaning == Meaning::Redirect),
            status: None,
            meaning: Meaning::Awaited,
            asks,
            asked_for: None,
        };
        if self.verbose {
            println!("{now:?}: clip {index} requests {}, mode {mode:?}", seen.url);
            println!("    {:?}: {:?}", exchange.takes, exchange.outcome);
        }
        self.seen.push(seen);
        exchange
    }

    fn random(&mut self) -> u64 {
        self.rng.random()
    }

    fn late(&mut self) -> Duration {
        self.lateness.draw()
    }

    fn back(
        &mut self,
        now: Duration,
        late: Duration,
        index: usize,
        outcome: &Result<Response, TransportError>,
    ) {
        let meaning = self.meaning(index, now, outcome);
        let mut seen = self.seen.iter_mut().rev();
        let seen = seen.find(|seen| seen.index == index).unwrap();
        if self.verbose {
            println!("{now:?}, {late:?} late: clip {index} has its outcome: {meaning:?}");
        }
        (seen.back, seen.late, seen.meaning) = (now, late, meaning);
        if let Ok(reply) = outcome {
            seen.status = Some(reply.status);
            seen.asked_for = seen.asks.map(|asks| match asks {
                Asks::Seconds(seconds) => Duration::from_secs(seconds.into()),
                Asks::Until(until) => until.since(self.started + now),
            });
        }
    }
}

/// A `Retry-After`, and its meaning if it is valid.
fn retry_after(rng: &mut TestRng, now: Timestamp) -> (String, Option<Asks>) {
    let nonsense = ["soon", "-1", "1.5"];
    let seconds = [0, 1, 7, 30, 100, 4_000];
    match rng.random_range(0..13) {
        0..=2 => (pick(rng, &nonsense).into(), None),
        3 => ("99999999999999".into(), Some(Asks::Seconds(u32::MAX))),
        4..=9 => {
            let seconds = pick(rng, &seconds);
            (seconds.to_string(), Some(Asks::Seconds(seconds)))
        }
        _ => {
            let apart = Duration::from_secs(rng.random_range(0..300));
            let at = match rng.random_bool(0.7) {
                true => now + apart,
                false => now - apart,
            };
            http_date(rng, at).unwrap_or_else(|| ("soon".into(), None))
        }
    }
}

/// A time in whole seconds, in one of the three forms of HTTP dates; none for years of more than four digits.
fn http_date(rng: &mut TestRng, at: Timestamp) -> Option<(String, Option<Asks>)> {
    let time = DateTime::parse_from_rfc3339(&at.to_string()).ok()?;
    let seconds = u64::try_from(time.timestamp()).ok()?;
    let mut forms = vec!["%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    // Years of two digits are 1970 to 2069.
    if seconds < 3_155_760_000 {
        forms.push("%A, %d-%b-%y %H:%M:%S GMT");
    }
    let until = Timestamp::from_unix(Duration::from_secs(seconds));
    let text = time.format(pick(rng, &forms)).to_string();
    Some((text, Some(Asks::Until(until))))
}
