//! Simulated time: it passes only while nothing else happens, so no verdict depends on how fast the machine is.
//!
//! Guests, hosts, mocks and the tests' own servers all read tokio's clock. tokio's own way to simulate time, which is to
//! jump to the next timer whenever it has nothing to run, does not know of bytes that are on their way through a socket.

use std::sync::mpsc;
use std::time::Duration;

use tokio::task::{spawn_blocking, yield_now};
use tokio::time::{advance, pause};
use tokio_util::task::AbortOnDropHandle;

/// How much time passes at once.
pub const STEP: Duration = Duration::from_millis(5);

/// How often everything that can run has run, and all sockets were looked at, before time passes. An exchange over HTTP
/// takes some tens.
const ROUNDS: usize = 200;

/// Stops time on this runtime, which has to have one thread, as that of `#[tokio::test]` has. Only
/// [`tokio::time::advance`] moves it on.
#[must_use = "time is stopped until this is dropped"]
pub struct Stopped {
    /// Held for its drop, which ends a thread.
    _end: mpsc::Sender<()>,
}

impl Stopped {
    pub fn now() -> Self {
        pause();
        let (end, ended) = mpsc::channel();
        // tokio does not jump while such a task runs.
        spawn_blocking(move || ended.recv());
        Self { _end: end }
    }
}

/// What a future gives while time is stopped: it must not need any.
pub async fn at_once<T>(future: impl Future<Output = T>) -> T {
    let all_else = async {
        for _ in 0..ROUNDS {
            yield_now().await;
        }
    };
    tokio::select! {
        biased;
        result = future => result,
        () = all_else => panic!("this needs more time"),
    }
}

/// Simulates time on this runtime, which has to have one thread, as that of `#[tokio::test]` has.
#[must_use = "time passes until this is dropped"]
pub struct Simulated {
    _stopped: Stopped,
    _passing: AbortOnDropHandle<()>,
}

impl Simulated {
    pub fn time() -> Self {
        Self::in_steps_of(STEP)
    }

    /// With steps of another length: longer ones cost less, and less is told apart.
    pub fn in_steps_of(step: Duration) -> Self {
        let stopped = Stopped::now();
        let passing = tokio::spawn(async move {
            loop {
                for _ in 0..ROUNDS {
                    yield_now().await;
                }
                advance(step).await;
            }
        });
        Self {
            _stopped: stopped,
            _passing: AbortOnDropHandle::new(passing),
        }
    }
}
