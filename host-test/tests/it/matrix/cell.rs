//! The axes of the matrix: place, fault and attempt.

use std::fmt;
use std::time::Duration;

pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);

pub const MAX_ATTEMPTS: u32 = 3;

const DEADLINE: Duration = Duration::from_secs(20);

/// Where the fault is, in the order of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Lookup,
    Connect,
    Handshake,
    /// While the request is being read.
    Request,
    StatusLine,
    Headers,
    Body,
    /// The response of the media host.
    Media,
    /// The response of the destination.
    Destination,
}

impl Place {
    const ALL: [Self; 9] = [
        Self::Lookup,
        Self::Connect,
        Self::Handshake,
        Self::Request,
        Self::StatusLine,
        Self::Headers,
        Self::Body,
        Self::Media,
        Self::Destination,
    ];

    /// Whether the call is `save-clip` rather than `request-clip`.
    pub fn is_transfer(self) -> bool {
        matches!(self, Self::Media | Self::Destination)
    }

    /// Whether each attempt needs a new connection to reach this place.
    pub fn is_before_http(self) -> bool {
        matches!(self, Self::Lookup | Self::Connect | Self::Handshake)
    }

    /// Why this fault is impossible here.
    fn excludes(self, what: What) -> Option<&'static str> {
        match (self, what) {
            (Self::Lookup, What::Drip | What::Truncation | What::WrongLength) => {
                Some("a resolver returns all addresses or none")
            }
            (Self::Connect, What::Drip | What::Truncation | What::WrongLength) => {
                Some("connecting transfers no data")
            }
            _ => None,
        }
    }
}

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A proper refusal, in the form that the place has for it.
    Refuse,
    /// The connection is reset (RST).
    Reset,
    /// The connection is closed cleanly.
    Close,
    /// No more data arrives, but the connection stays open.
    Stall,
    /// The data arrives too slowly, byte by byte.
    Drip,
    /// Bytes that are invalid here.
    Garbage,
    /// Half of the data; then the connection ends without a TLS `close_notify`.
    Truncation,
    /// A wrong length.
    WrongLength,
    /// Far more data than is valid.
    Oversize,
}

impl What {
    const ALL: [Self; 9] = [
        Self::Refuse,
        Self::Reset,
        Self::Close,
        Self::Stall,
        Self::Drip,
        Self::Garbage,
        Self::Truncation,
        Self::WrongLength,
        Self::Oversize,
    ];

    /// Whether the fault lasts until a timeout.
    fn lasts(self) -> bool {
        matches!(self, Self::Stall | Self::Drip)
    }
}

/// The attempt with the fault. Earlier ones get a 503, later ones succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    First,
    Second,
    Last,
    /// The first attempt, which is cut off by the call's deadline.
    AtTheDeadline,
}

impl When {
    const ALL: [Self; 4] = [Self::First, Self::Second, Self::Last, Self::AtTheDeadline];

    /// The attempt's number, from 1.
    pub fn attempt(self) -> u32 {
        match self {
            Self::First | Self::AtTheDeadline => 1,
            Self::Second => 2,
            Self::Last => MAX_ATTEMPTS,
        }
    }

    /// How many attempts the deadline allows.
    pub fn attempts(self) -> u32 {
        match self {
            Self::First | Self::Second | Self::Last => MAX_ATTEMPTS,
            Self::AtTheDeadline => 1,
        }
    }

    /// When the call has to end.
    pub fn deadline(self) -> Duration {
        match self {
            Self::First | Self::Second | Self::Last => DEADLINE,
            Self::AtTheDeadline => ATTEMPT_TIMEOUT - Duration::from_secs(1),
        }
    }

    /// Only a lasting fault is still active at the deadline.
    fn suits(self, what: What) -> bool {
        self != Self::AtTheDeadline || what.lasts()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub place: Place,
    pub what: What,
    pub when: When,
}

impl Cell {
    /// All cells, each with the reason if it is impossible.
    pub fn all() -> impl Iterator<Item = (Self, Option<&'static str>)> {
        let faults = Place::ALL
            .into_iter()
            .flat_map(|place| What::ALL.map(|what| (place, what)));
        faults.flat_map(|(place, what)| {
            let when = When::ALL.into_iter().filter(move |when| when.suits(what));
            when.map(move |when| (Self { place, what, when }, place.excludes(what)))
        })
    }
}

/// For example `status-line/wrong-length/last`.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, what, when } = self;
        let name = format!("{place:?}/{what:?}/{when:?}");
        let mut before = '/';
        for letter in name.chars() {
            if letter.is_ascii_uppercase() && before != '/' {
                f.write_str("-")?;
            }
            write!(f, "{}", letter.to_ascii_lowercase())?;
            before = letter;
        }
        Ok(())
    }
}
