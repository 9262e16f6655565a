//! The specified outcome of each fault.

use mv_clip_host::FailureKind::{
    self, BadResponse, ConnectionFailed, DestinationRefused, RateLimited, Rejected, TimedOut,
    Unavailable,
};

use super::cell::{Cell, Place, What};

/// How a call ends after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// With a clip: the fault has no effect.
    Success,
    /// With a permanent error.
    Permanent(FailureKind),
    /// With a transient error that the same call does not retry.
    Final(FailureKind),
    /// With a clip if another attempt is left, otherwise with this transient error.
    Retried(FailureKind),
}

pub fn expected(cell: Cell) -> Expected {
    use Expected::{Final, Permanent, Retried, Success};
    match (cell.place, cell.what) {
        // One of the addresses is allowed.
        (Place::Lookup, What::Oversize) => Success,
        // A 200 says that the destination has the clip.
        (Place::Destination, What::WrongLength) => Success,
        (Place::Destination, What::Refuse) => Permanent(DestinationRefused),
        // The host never connects to a private address; 411 and 431 are client errors.
        (Place::Lookup, What::Garbage) => Permanent(Rejected),
        (Place::Request, What::WrongLength | What::Oversize) => Permanent(Rejected),
        // The URL has expired, and only a new call gets another one.
        (Place::Media, What::Refuse) => Final(Unavailable),
        // A stream with progress does not time out before the deadline.
        (Place::Media, What::Drip | What::Oversize) => Final(TimedOut),
        (_, What::Stall | What::Drip) => Retried(TimedOut),
        (Place::Request | Place::StatusLine, What::Refuse) => Retried(Unavailable),
        (Place::Headers, What::Refuse) => Retried(RateLimited),
        (Place::Body, What::Refuse | What::Oversize) => Retried(BadResponse),
        (Place::Body | Place::Media, What::Garbage | What::WrongLength) => Retried(BadResponse),
        _ => Retried(ConnectionFailed),
    }
}
