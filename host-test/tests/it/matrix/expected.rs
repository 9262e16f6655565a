//! What the contract says of each fault.

use mv_clip_host::FailureKind::{
    self, BadResponse, ConnectionFailed, DestinationRefused, RateLimited, Rejected, TimedOut,
    Unavailable,
};

use super::cell::{Cell, Place, What};

/// How a call ends after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// With a clip: the fault comes too late to matter.
    Success,
    /// With an error that no other attempt would change.
    Permanent(FailureKind),
    /// With a transient error that no other attempt of the same call would change.
    Final(FailureKind),
    /// With a clip where another attempt is left; else with this error, which is transient.
    Retried(FailureKind),
}

pub fn expected(cell: Cell) -> Expected {
    use Expected::{Final, Permanent, Retried, Success};
    match (cell.place, cell.what) {
        // What may be reached is found among what may not.
        (Place::Lookup, What::Oversize) => Success,
        // 200 is the destination's word that it has the clip.
        (Place::Destination, What::WrongLength) => Success,
        (Place::Destination, What::Refuse) => Permanent(DestinationRefused),
        // A private address is what the host lets no name lead to; 411 and 431 are the client's fault.
        (Place::Lookup, What::Garbage) => Permanent(Rejected),
        (Place::Request, What::WrongLength | What::Oversize) => Permanent(Rejected),
        // The URL has expired, and only a new call gets another.
        (Place::Media, What::Refuse) => Final(Unavailable),
        // What moves is waited for.
        (Place::Media, What::Drip | What::Oversize) => Final(TimedOut),
        (_, What::Stall | What::Drip) => Retried(TimedOut),
        (Place::Request | Place::StatusLine, What::Refuse) => Retried(Unavailable),
        (Place::Headers, What::Refuse) => Retried(RateLimited),
        (Place::Body, What::Refuse | What::Oversize) => Retried(BadResponse),
        (Place::Body | Place::Media, What::Garbage | What::WrongLength) => Retried(BadResponse),
        _ => Retried(ConnectionFailed),
    }
}
