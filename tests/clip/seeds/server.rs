//! A server with moods: what it does with each request is drawn from the seed.

use std::time::Duration;

use mv_clip::api::{Request, TransportError};
use mv_clip::settings::Settings;
use mv_clip::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestRng;

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

/// One request, as the server saw it, and what came of it by the time that it came.
#[derive(Debug)]
pub struct Seen {
    pub index: usize,
    pub sent: Duration,
    pub back: Duration,
    pub url: String,
    pub has_key: bool,
    pub redirected: bool,
    pub status: Option<u16>,
    pub fate: Fate,
    /// What `Retry-After` asked for, where it can be read.
    pub asked_for: Option<Duration>,
}

/// What a reply means for the call, by the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
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
        mut rng: TestRng,
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
            moods,
            seen: Vec::new(),
        }
    }

    pub fn answer(&mut self, now: Duration, index: usize, request: &Request) -> Exchange {
        let (_, mood) = self.moods.iter().find(|(until, _)| now < *until).unwrap();
        let mood = *mood;
        let number = self.seen.len();
        let mut exchange = self.draw(mood, index, number);
        if exchange.takes != Duration::MAX {
            let slow = matches!(mood, Mood::Slow) || self.rng.random_bool(0.05);
            let most = if slow { 40_000 } else { 300 };
            exchange.takes = Duration::from_millis(self.rng.random_range(1..most));
        }
        let back = now.saturating_add(exchange.takes);
        let (back, late) = (back.min(request.give_up_at), back >= request.give_up_at);
        let previous = self.seen.iter().rev().find(|seen| seen.index == index);
        let redirected = previous.is_some_and(|seen| seen.fate == Fate::Redirect);
        let asked_for = match &exchange.outcome {
            Ok(reply) if !late => reply
                .retry_after
                .as_deref()
                .and_then(|value| asked_for(value, self.started + back)),
            _ => None,
        };
        let fate = match late {
            true => Fate::Soon,
            false => self.fate(index, back, &exchange),
        };
        self.seen.push(Seen {
            index,
            sent: now,
            back,
            url: request.url.expose().to_owned(),
            has_key: request.api_key.is_some(),
            redirected,
            status: exchange
                .outcome
                .as_ref()
                .ok()
                .filter(|_| !late)
                .map(|reply| reply.status),
            fate,
            asked_for,
        });
        exchange
    }

    fn draw(&mut self, mood: Mood, index: usize, number: usize) -> Exchange {
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
        if let Ok(reply) = &mut exchange.outcome {
            if rng.random_bool(0.4) {
                let seconds = [
                    "0",
                    "1",
                    "7",
                    "30",
                    "100",
                    "4000",
                    "soon",
                    "-1",
                    "1.5",
                    "99999999999999",
                    "Thu, 12 Mar 2026 15:00:30 GMT",
                    "Thursday, 12-Mar-26 15:02:00 GMT",
                    "Thu Mar 12 14:00:00 2026",
                ];
                reply.retry_after = Some(pick(rng, &seconds).into());
            }
            let spaces = " ".repeat(rng.random_range(0..130));
            reply.request_id = Some(format!("{spaces}{KEY}"));
        }
        exchange
    }

    /// The rules of DESIGN, once more and by themselves.
    fn fate(&self, index: usize, back: Duration, exchange: &Exchange) -> Fate {
        let reply = match &exchange.outcome {
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

    fn may_follow(&self, index: usize, reply: &mv_clip::api::Reply) -> bool {
        let in_a_row = self
            .seen
            .iter()
            .rev()
            .filter(|seen| seen.index == index)
            .take_while(|seen| seen.fate == Fate::Redirect);
        let here = self.settings.base_url.expose();
        let at_meraki = here.contains("meraki.com/");
        in_a_row.count() < 3
            && match reply.location.as_deref() {
                Some("/x" | "?") => true,
                Some("https://n1.meraki.com/x" | "https://api.meraki.cn/x") => at_meraki,
                _ => false,
            }
    }
}

/// Seconds, or a date of those that are drawn.
pub fn asked_for(value: &str, now: Timestamp) -> Option<Duration> {
    let date = |text| Some(Timestamp::parse(text).unwrap().since(now));
    match value {
        "Thu, 12 Mar 2026 15:00:30 GMT" => date("2026-03-12T15:00:30Z"),
        "Thursday, 12-Mar-26 15:02:00 GMT" => date("2026-03-12T15:02:00Z"),
        "Thu Mar 12 14:00:00 2026" => Some(Duration::ZERO),
        "99999999999999" => Some(Duration::from_secs(u32::MAX.into())),
        _ => value.parse().ok().map(Duration::from_secs),
    }
}
