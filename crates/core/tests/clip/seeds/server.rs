//! A server with moods: what it does with each request is drawn from the seed.

use std::time::Duration;

use chrono::DateTime;
use mv_clip_core::api::{Reply, Request, TransportError};
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestRng;

use super::clock::Lateness;
use super::rules::is_meraki;
use crate::batch::World;
use crate::properties::{BODIES, LOCATIONS};
use crate::simulation::*;

#[derive(Clone, Copy, Debug)]
pub enum Mood {
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

const MOODS: &[Mood] = &[
    Mood::Well,
    Mood::Slow,
    Mood::Busy,
    Mood::Down,
    Mood::NotYet,
    Mood::Moved,
    Mood::Broken,
    Mood::Silent,
    Mood::Nonsense,
];

/// One request, as the server saw it, and what came of it by the time that the driver woke.
#[derive(Debug)]
pub struct Seen {
    pub index: usize,
    pub sent: Duration,
    /// When the driver takes what came of it, and how late it woke for that.
    pub back: Duration,
    pub late: Duration,
    pub url: String,
    pub has_key: bool,
    pub redirected: bool,
    pub status: Option<u16>,
    pub fate: Fate,
    asks: Option<Asks>,
    /// What `Retry-After` asked for when it was taken, where it can be read.
    pub asked_for: Option<Duration>,
}

/// What `Retry-After` says.
#[derive(Clone, Copy, Debug)]
enum Asks {
    Seconds(u32),
    Until(Timestamp),
}

/// What a reply means for the call, by the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is on its way.
    Awaited,
    /// The clip is at this URL.
    Clip(String),
    /// Another request follows at once.
    Redirect,
    /// To be tried again in this call.
    Soon,
    /// To be tried again in a later call.
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
    /// Prints the story of the call as it happens.
    told: bool,
    /// One mood after the other, each until then.
    moods: Vec<(Duration, Mood)>,
    pub seen: Vec<Seen>,
}

pub fn pick<T: Clone>(rng: &mut TestRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())].clone()
}

impl<'a> Server<'a> {
    pub fn new(
        settings: &'a Settings,
        started: Timestamp,
        ends: Vec<Option<Timestamp>>,
        lateness: Lateness,
        mut rng: TestRng,
        told: bool,
    ) -> Self {
        let mut until = Duration::ZERO;
        let mut moods: Vec<_> = (0..rng.random_range(0..3))
            .map(|_| {
                until += Duration::from_millis(rng.random_range(0..30_000));
                (until, pick(&mut rng, MOODS))
            })
            .collect();
        moods.push((
            Duration::MAX,
            if rng.random_bool(0.5) {
                Mood::Well
            } else {
                pick(&mut rng, MOODS)
            },
        ));
        Self {
            settings,
            started,
            ends,
            rng,
            lateness,
            told,
            moods,
            seen: Vec::new(),
        }
    }

    /// One exchange, and what its `Retry-After` says.
    fn draw(
        &mut self,
        now: Duration,
        mood: Mood,
        index: usize,
        number: usize,
    ) -> (Exchange, Option<Asks>) {
        let rng = &mut self.rng;
        let mut exchange = match mood {
            Mood::Well | Mood::Slow => {
                let url = format!("https://spn49.meraki.com/stream/t0ken-{index}-{number}");
                reply(
                    pick(rng, &[200, 200, 202]),
                    &format!(r#"{{"url":"{url}"}}"#),
                )
            }
            Mood::Busy => error(429, "API rate limit exceeded for organization"),
            Mood::Down => reply(
                pick(rng, &[408, 500, 501, 502, 503, 504, 505, 520, 599]),
                "",
            ),
            Mood::NotYet => match rng.random_bool(0.8) {
                true => error(400, "No video for specified timestamp"),
                false => error(404, "no such device"),
            },
            Mood::Moved => redirect(pick(rng, LOCATIONS)),
            Mood::Broken => {
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
            Mood::Silent => silence(),
            Mood::Nonsense => reply(
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

    /// The rules of DESIGN, once more and by themselves.
    fn fate(&self, index: usize, back: Duration, outcome: &Result<Reply, TransportError>) -> Fate {
        let reply = match outcome {
            Err(TransportError::Certificate | TransportError::Denied) => return Fate::Never,
            Err(_) => return Fate::Soon,
            Ok(reply) => reply,
        };
        let body = match &reply.body {
            Ok(body) => String::from_utf8_lossy(body).into_owned(),
            Err(TransportError::Certificate | TransportError::Denied) => {
                return match reply.status {
                    200..=299 | 400 => Fate::Never,
                    _ => Fate::Soon,
                };
            }
            Err(_) => return Fate::Soon,
        };
        let recent = self.ends[index].is_some_and(|end| {
            (self.started + back).since(end) < Duration::from_secs(300) + self.settings.lag
        });
        match reply.status {
            200..=299 => match body.strip_prefix(r#"{"url":"https://"#) {
                Some(rest) => Fate::Clip(format!("https://{}", rest.trim_end_matches("\"}"))),
                None => Fate::Soon,
            },
            // Whether it is followed depends on where to: see the rule on the key.
            301 | 302 | 303 | 307 | 308 => match self.may_follow(index, reply) {
                true => Fate::Redirect,
                false => Fate::Never,
            },
            400 if body.contains("No video") && recent => Fate::Soon,
            408 | 429 | 500 | 502 | 503 | 504 => Fate::Soon,
            501 | 505 => Fate::Never,
            506.. => Fate::Later,
            _ => Fate::Never,
        }
    }

    fn may_follow(&self, index: usize, reply: &Reply) -> bool {
        let in_a_row = self
            .seen
            .iter()
            .rev()
            .filter(|seen| seen.index == index && seen.fate != Fate::Awaited)
            .take_while(|seen| seen.fate == Fate::Redirect);
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
        let (_, mood) = self.moods.iter().find(|(until, _)| now < *until).unwrap();
        let mood = *mood;
        let (mut exchange, asks) = self.draw(now, mood, index, self.seen.len());
        if exchange.takes != Duration::MAX {
            let slow = matches!(mood, Mood::Slow) || self.rng.random_bool(0.05);
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
            redirected: previous.is_some_and(|seen| seen.fate == Fate::Redirect),
            status: None,
            fate: Fate::Awaited,
            asks,
            asked_for: None,
        };
        if self.told {
            println!("{now:?}: clip {index} asks {}, mood {mood:?}", seen.url);
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
        outcome: &Result<Reply, TransportError>,
    ) {
        let fate = self.fate(index, now, outcome);
        let mut seen = self.seen.iter_mut().rev();
        let seen = seen.find(|seen| seen.index == index).unwrap();
        if self.told {
            println!("{now:?}, {late:?} late: clip {index} is back: {fate:?}");
        }
        (seen.back, seen.late, seen.fate) = (now, late, fate);
        if let Ok(reply) = outcome {
            seen.status = Some(reply.status);
            seen.asked_for = seen.asks.map(|asks| match asks {
                Asks::Seconds(seconds) => Duration::from_secs(seconds.into()),
                Asks::Until(until) => until.since(self.started + now),
            });
        }
    }
}

/// A `Retry-After`, and what it means where it means something.
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

/// The second of this instant in one of the three forms of HTTP dates; none in years of more than four digits.
fn http_date(rng: &mut TestRng, at: Timestamp) -> Option<(String, Option<Asks>)> {
    let time = DateTime::parse_from_rfc3339(&at.to_string()).ok()?;
    let seconds = u64::try_from(time.timestamp()).ok()?;
    let mut forms = vec!["%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    // Two digits are of the years from 1970 to 2069.
    if seconds < 3_155_760_000 {
        forms.push("%A, %d-%b-%y %H:%M:%S GMT");
    }
    let until = Timestamp::from_unix(Duration::from_secs(seconds));
    let text = time.format(pick(rng, &forms)).to_string();
    Some((text, Some(Asks::Until(until))))
}
