//! The axes: where, what and when.

use std::fmt;
use std::time::Duration;

/// Where it goes wrong, in the order of a call.
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
    /// The clip itself, on its way from the media host.
    Media,
    /// What takes the clip.
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

    /// Whether a clip is saved rather than its URL asked for.
    pub fn is_transfer(self) -> bool {
        matches!(self, Self::Media | Self::Destination)
    }

    /// Whether each attempt needs a connection of its own to get there.
    pub fn is_before_http(self) -> bool {
        matches!(self, Self::Lookup | Self::Connect | Self::Handshake)
    }

    /// Why this cannot happen there.
    fn excludes(self, what: What) -> Option<&'static str> {
        match (self, what) {
            (Self::Lookup, What::Drip | What::Truncation | What::WrongLength) => {
                Some("a resolver gives all addresses or none")
            }
            (Self::Connect, What::Drip | What::Truncation | What::WrongLength) => {
                Some("connecting has no bytes of its own")
            }
            _ => None,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A refusal in good order: the place's own way to say no.
    Refuse,
    /// The connection is reset (RST).
    Reset,
    /// The connection is closed in good order.
    Close,
    /// Nothing more comes, on a connection that stays open.
    Stall,
    /// It comes, a byte at a time, too slowly.
    Drip,
    /// Bytes that mean nothing there.
    Garbage,
    /// Half of it; then the connection ends without a word.
    Truncation,
    /// A length that is not its own.
    WrongLength,
    /// Far more than anybody needs.
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

    /// Whether a time limit ends it.
    fn lasts(self) -> bool {
        matches!(self, Self::Stall | Self::Drip)
    }
}

/// At which attempt. Those before it are answered with a 503; those after it are answered well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    First,
    Second,
    Last,
    /// The first, in the middle of which the call's deadline is.
    AtTheDeadline,
}

impl When {
    const ALL: [Self; 4] = [Self::First, Self::Second, Self::Last, Self::AtTheDeadline];

    /// The attempt's number, from 1.
    pub fn attempt(self) -> u32 {
        match self {
            Self::First | Self::AtTheDeadline => 1,
            Self::Second => 2,
            Self::Last => super::ATTEMPTS,
        }
    }

    /// For how many attempts there is time.
    pub fn attempts(self) -> u32 {
        match self {
            Self::First | Self::Second | Self::Last => super::ATTEMPTS,
            Self::AtTheDeadline => 1,
        }
    }

    /// When the call has to end.
    pub fn deadline(self) -> Duration {
        match self {
            Self::First | Self::Second | Self::Last => super::DEADLINE,
            Self::AtTheDeadline => super::ATTEMPT - Duration::from_secs(1),
        }
    }

    /// Nothing else than what lasts is still there at the deadline.
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
    /// All of them, with the reason why one cannot be.
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

/// As in `status-line/wrong-length/last`.
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
