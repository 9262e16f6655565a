//! What all calls of a host may use of the process together.
//!
//! | budget | what counts | how it is divided |
//! | --- | --- | --- |
//! | requests in flight | each from its start until its reply is read or dropped; over HTTP/2 too | [`Fair`] |
//! | sockets | each open connection: one that is being made, one in use, an idle one in a pool | a request in flight needs one at most; idle ones give way |
//! | look-ups | each name that is being looked up, until there is a connection | [`Fair`] |
//! | unread bytes | at most [`WINDOW`] for each request in flight, and as much as `reply.rs` reads of one | follows from the first |
//!
//! There is no budget of threads, because no request needs one of its own.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tracing::warn;

use super::descriptors;
use super::fair::{Fair, Kind, Share};
use super::pool::Pool;
use super::socket::Sockets;
use crate::error::OpenFiles;
use crate::limits::Limits;

/// How much of an unread reply is buffered, in bytes: the flow-control window of an HTTP/2 stream. Over HTTP/1.1 it is
/// half as much.
pub(super) const WINDOW: u32 = 256 << 10;

/// The default number of sockets, if the process may open as many. With [`WINDOW`] it bounds the unread bytes.
const USUAL_SOCKETS: usize = 2_048;

/// Files reserved for the rest of the process.
const RESERVE: usize = 16;

/// The sockets per look-up.
const SOCKETS_PER_LOOKUP: usize = 8;

/// A look-up asks for both kinds of addresses at once, and then may connect to both. So it needs this many sockets
/// beside the one that its request has.
const SOCKETS_OF_LOOKUP: usize = 2;

/// The budgets of one host, its tenants and its media clients.
#[derive(Debug)]
pub(crate) struct Budget {
    requests: Fair,
    lookups: Fair,
    pub(super) sockets: Sockets,
    pools: Mutex<Vec<Weak<Pool>>>,
}

impl Budget {
    /// For a host that runs this many calls at once: with this many sockets, or as many as the process may open.
    ///
    /// # Errors
    ///
    /// The process may not open so many files.
    pub(crate) fn new(calls: NonZeroU32, sockets: Option<NonZeroU32>) -> Result<Self, OpenFiles> {
        let calls = usize::try_from(calls.get()).unwrap_or(usize::MAX);
        let sockets = match sockets {
            Some(asked) => explicit(usize::try_from(asked.get()).unwrap_or(usize::MAX))?,
            None => usual(calls, descriptors::free()),
        };
        let budget = Self::of(calls, sockets);
        if !budget.requests.reserves_for(calls) {
            warn!(
                sockets,
                calls,
                "the limit on open files is too low to reserve a connection for each call, so calls may wait for \
                 one: raise it (`ulimit -n`, or LimitNOFILE= in systemd), or lower Limits::concurrent_calls"
            );
        }
        Ok(budget)
    }

    /// For a host with the usual limits, as far as the process may open files.
    fn usual() -> Self {
        let calls = usize::try_from(Limits::default().concurrent_calls.get()).unwrap_or(usize::MAX);
        Self::of(calls, usual(calls, descriptors::free()))
    }

    fn of(calls: usize, sockets: usize) -> Self {
        Self {
            requests: Fair::new(sockets, calls),
            lookups: Fair::new(lookups(sockets), calls),
            sockets: Sockets::at_most(sockets),
            pools: Mutex::default(),
        }
    }

    /// What one call may take.
    pub(super) fn call(&self) -> Shares {
        self.shares(Kind::Call)
    }

    /// What the host may take for requests of its own.
    pub(super) fn own(&self) -> Shares {
        self.shares(Kind::Own)
    }

    fn shares(&self, kind: Kind) -> Shares {
        Shares {
            requests: self.requests.share(kind),
            lookups: self.lookups.share(kind),
            dropped: Arc::default(),
        }
    }

    /// Idle connections of this pool give way to new ones of every pool.
    pub(super) fn add(&self, pool: &Arc<Pool>) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    /// Closes the connection that has been idle for longest.
    pub(super) fn evict(&self) {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pools = pools.iter().filter_map(Weak::upgrade);
        let oldest = pools
            .filter_map(|pool| Some((pool.oldest()?, pool)))
            .min_by_key(|(since, _)| *since);
        if let Some((_, pool)) = oldest {
            pool.evict();
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::usual()
    }
}

/// What one call may take of each budget.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    pub(super) requests: Share,
    pub(super) lookups: Share,
    /// How many of its requests the call has dropped on shared connections over HTTP/2.
    pub(super) dropped: Arc<AtomicUsize>,
}

impl Shares {
    /// Whether the call's requests get connections of their own. Each request that is dropped resets its stream, and a
    /// server that sees many resets closes the connection for all calls.
    pub(super) fn drops_many_requests(&self) -> bool {
        self.dropped.load(Ordering::Relaxed) >= MAX_DROPPED
    }
}

/// The requests that a call may drop. A call that drops slow attempts to retry them stays below this.
const MAX_DROPPED: usize = 4;

/// How many files a host with so many sockets opens.
fn files(sockets: usize) -> usize {
    let lookups = lookups(sockets).saturating_mul(SOCKETS_OF_LOOKUP);
    sockets.saturating_add(lookups).saturating_add(RESERVE)
}

fn lookups(sockets: usize) -> usize {
    (sockets / SOCKETS_PER_LOOKUP).max(1)
}

fn usual(calls: usize, free: Option<usize>) -> usize {
    // Half of them are reserved, and a transfer needs two at once: the clip's and the destination's.
    let wanted = USUAL_SOCKETS.max(calls.saturating_add(1).saturating_mul(4));
    let Some(free) = free else {
        return wanted;
    };
    let fits = free.saturating_sub(RESERVE) * SOCKETS_PER_LOOKUP
        / (SOCKETS_PER_LOOKUP + SOCKETS_OF_LOOKUP);
    wanted.min(fits).max(1)
}

fn explicit(sockets: usize) -> Result<usize, OpenFiles> {
    let (Some(limit), Some(free)) = (descriptors::limit(), descriptors::free()) else {
        return Ok(sockets);
    };
    let files = files(sockets);
    if files <= free {
        return Ok(sockets);
    }
    Err(OpenFiles {
        sockets,
        needed: files.saturating_add(limit - free),
        limit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_number_of_sockets_fits_into_what_the_process_may_open() {
        for (free, expected) in [
            (None, 2_048),
            (Some(1_000_000), 2_048),
            (Some(1_012), 796),
            (Some(52), 28),
            (Some(18), 1),
            (Some(0), 1),
        ] {
            let sockets = usual(100, free);
            assert_eq!(sockets, expected, "{free:?}");
            if let Some(free @ 20..) = free {
                assert!(files(sockets) <= free, "{free}");
            }
        }
        assert_eq!(usual(1_000, None), 4_004, "four for each call");
        let each = Fair::new(usual(1_000, None), 1_000).share(Kind::Call);
        assert!(each.try_acquire().is_some() && each.try_acquire().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_number_of_sockets_that_does_not_fit_is_refused_with_the_limit_that_it_needs() {
        let limit = descriptors::limit().unwrap();
        assert_eq!(explicit(10), Ok(10));
        let error = explicit(limit).unwrap_err();
        assert_eq!((error.sockets, error.limit), (limit, limit));
        assert!(error.needed > limit + limit / 8, "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("ulimit -n {}", error.needed)),
            "{text}"
        );
    }
}
