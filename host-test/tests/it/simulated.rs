//! Simulated time. It passes only while nothing else happens, so no test result depends on the speed of the machine.
//!
//! Guests, hosts, mocks and test servers all use tokio's clock. tokio's auto-advance, which jumps to the next timer when
//! the runtime is idle, ignores data that is in transit through a socket.

use std::sync::mpsc;
use std::time::Duration;

use tokio::task::{spawn_blocking, yield_now};
use tokio::time::{advance, pause};
use tokio_util::task::AbortOnDropHandle;

/// The step of simulated time.
pub const STEP: Duration = Duration::from_millis(5);

/// How many times all ready tasks run and all sockets are polled before time passes. An HTTP exchange takes some tens.
const ROUNDS: usize = 200;

/// Pauses time on this runtime, which must have one thread, as with `#[tokio::test]`. Only [`tokio::time::advance`]
/// advances it.
#[must_use = "time is paused until this is dropped"]
pub struct Stopped {
    /// Dropping it ends a thread.
    _end: mpsc::Sender<()>,
}

impl Stopped {
    pub fn now() -> Self {
        pause();
        let (end, ended) = mpsc::channel();
        // tokio does not auto-advance while a blocking task runs.
        spawn_blocking(move || ended.recv());
        Self { _end: end }
    }
}

/// The output of a future that must complete while time is paused.
pub async fn at_once<T>(future: impl Future<Output = T>) -> T {
    let other_tasks = async {
        for _ in 0..ROUNDS {
            yield_now().await;
        }
    };
    tokio::select! {
        biased;
        result = future => result,
        () = other_tasks => panic!("the future needs time"),
    }
}

/// Simulates time on this runtime, which must have one thread, as with `#[tokio::test]`.
#[must_use = "time passes until this is dropped"]
pub struct Simulated {
    _stopped: Stopped,
    _passing: AbortOnDropHandle<()>,
}

impl Simulated {
    pub fn time() -> Self {
        Self::in_steps_of(STEP)
    }

    /// Uses another step: a longer one is cheaper but less precise.
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
