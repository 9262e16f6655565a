//! A number of permits that the calls of a host share fairly.
//!
//! Half of the permits are reserved: each call that may run has a part of its own, so a new call always finds that
//! part free. The other half is shared. From it a call may take one more permit only while it holds fewer shared ones
//! than are free: one busy call ends up with half of the shared permits, two with a third each, and so on. (Switches
//! divide their buffers among ports by this rule: dynamic thresholds, Choudhury and Hahne, 1998.)

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The permits of a host.
#[derive(Clone, Debug)]
pub(super) struct Fair(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How many permits each party may take from its reserve.
    each: usize,
    free: Mutex<Free>,
    freed: Notify,
}

#[derive(Debug)]
struct Free {
    calls: usize,
    own: usize,
    shared: usize,
}

impl Free {
    fn reserve(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Call => &mut self.calls,
            Kind::Own => &mut self.own,
        }
    }
}

/// Who holds permits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A call of a guest.
    Call,
    /// The host itself, for what it fetches.
    Own,
}

impl Fair {
    /// Divides `total` permits among this many calls and the host itself.
    pub(super) fn new(total: usize, calls: usize) -> Self {
        let parties = calls.saturating_add(1);
        let each = (total / 2 / parties).max(1);
        let own = each.min(total / 4);
        let calls = calls
            .saturating_mul(each)
            .min(total / 2 - own.min(total / 2));
        Self(Arc::new(Shared {
            each,
            free: Mutex::new(Free {
                calls,
                own,
                shared: total - calls - own,
            }),
            freed: Notify::new(),
        }))
    }

    /// Whether every one of `calls` calls has a permit of its own.
    pub(super) fn reserves_for(&self, calls: usize) -> bool {
        self.0.free().calls >= calls
    }

    pub(super) fn share(&self, kind: Kind) -> Share {
        Share(Arc::new(Party {
            kind,
            shared: Arc::clone(&self.0),
            held: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }))
    }
}

impl Shared {
    fn free(&self) -> MutexGuard<'_, Free> {
        // No code panics while it holds the lock.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one call may take. Clones are the same call.
#[derive(Clone, Debug)]
pub(super) struct Share(Arc<Party>);

#[derive(Debug)]
struct Party {
    kind: Kind,
    shared: Arc<Shared>,
    /// Changes only while `shared.free` is locked.
    held: Mutex<Held>,
    /// Held by the request of the call that waits for a permit. Only one waits at a time, so that a call with many
    /// requests does not delay others more than a call with one.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    reserved: usize,
    shared: usize,
}

impl Share {
    /// Takes a permit if the call may have one more now.
    pub(super) fn try_acquire(&self) -> Option<Permit> {
        let Party {
            kind, shared, held, ..
        } = &*self.0;
        let mut free = shared.free();
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        let reserve = free.reserve(*kind);
        if held.reserved < shared.each && *reserve > 0 {
            *reserve -= 1;
            held.reserved += 1;
        } else if held.shared < free.shared {
            free.shared -= 1;
            held.shared += 1;
        } else {
            return None;
        }
        Some(Permit(self.clone()))
    }

    /// Waits for a permit, behind earlier requests of the same call. The time in that queue is up to the call itself.
    pub(super) async fn turn(&self) -> Turn<'_> {
        Turn {
            share: self,
            _turn: self.0.turn.lock().await,
        }
    }
}

/// The one request of a call that may wait for a permit.
pub(super) struct Turn<'a> {
    share: &'a Share,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// Waits until the call may have one more permit.
    pub(super) async fn acquire(&self) -> Permit {
        loop {
            let mut freed = pin!(self.share.0.shared.freed.notified());
            freed.as_mut().enable();
            if let Some(permit) = self.share.try_acquire() {
                return permit;
            }
            freed.await;
        }
    }
}

/// One permit, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Share);

impl Drop for Permit {
    fn drop(&mut self) {
        let Share(party) = &self.0;
        {
            let mut free = party.shared.free();
            let mut held = party.held.lock().unwrap_or_else(PoisonError::into_inner);
            // Shared ones first, because other calls can use them.
            if held.shared > 0 {
                held.shared -= 1;
                free.shared += 1;
            } else {
                held.reserved -= 1;
                *free.reserve(party.kind) += 1;
            }
        }
        party.shared.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    /// Takes as many permits as the call may have.
    fn all(share: &Share) -> Vec<Permit> {
        std::iter::from_fn(|| share.try_acquire()).collect()
    }

    #[test]
    fn one_call_takes_its_reserve_and_half_of_what_is_shared() {
        let fair = Fair::new(1_000, 99);
        let call = fair.share(Kind::Call);
        assert_eq!(all(&call).len(), 5 + 250);
    }

    #[test]
    fn a_new_call_always_finds_its_reserve() {
        for (total, calls) in [
            (1_000, 99),
            (202, 100),
            (4_096, 100),
            (2_048, 1_000),
            (4, 1),
        ] {
            let fair = Fair::new(total, calls);
            assert!(fair.reserves_for(calls), "{total} for {calls}");
            let greedy: Vec<_> = (1..calls)
                .map(|_| fair.share(Kind::Call))
                .map(|share| all(&share))
                .collect();
            let held: usize = greedy.iter().map(Vec::len).sum();
            assert!(held <= total, "{held} of {total}");
            let last = all(&fair.share(Kind::Call)).len();
            let reserve = total / 2 / (calls + 1);
            assert!(last >= reserve.max(1), "{last} of {total} for {calls}");
            let own = all(&fair.share(Kind::Own)).len();
            assert!(own >= 1, "{total} for {calls}");
        }
    }

    #[test]
    fn permits_never_exceed_the_total_and_are_all_returned() {
        for total in 1..40 {
            for calls in 1..40 {
                let fair = Fair::new(total, calls);
                for _ in 0..2 {
                    let shares: Vec<_> = (0..2 * calls).map(|_| fair.share(Kind::Call)).collect();
                    let mut given: Vec<_> = shares.iter().flat_map(all).collect();
                    given.extend(all(&fair.share(Kind::Own)));
                    assert!((1..=total).contains(&given.len()), "{total} for {calls}");
                }
            }
        }
    }

    #[test]
    fn too_few_permits_are_not_reserved_for_all() {
        assert!(!Fair::new(100, 100).reserves_for(100));
        assert!(all(&Fair::new(1, 100).share(Kind::Call)).len() == 1);
    }

    #[tokio::test]
    async fn a_request_waits_until_one_is_freed() {
        let fair = Fair::new(2, 1);
        let (one, other) = (fair.share(Kind::Call), fair.share(Kind::Call));
        let mut held = all(&one);
        let turn = other.turn().await;
        let _rest = all(&other);
        let context = &mut Context::from_waker(Waker::noop());
        let mut waiting = pin!(turn.acquire());
        assert!(waiting.as_mut().poll(context).is_pending());
        let mut behind = pin!(other.turn());
        assert!(behind.as_mut().poll(context).is_pending());
        held.pop();
        assert!(waiting.as_mut().poll(context).is_ready());
    }
}
