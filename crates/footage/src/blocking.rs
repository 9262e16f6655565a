//! Work that waits for a disk.

use std::panic::resume_unwind;

use tokio::task::spawn_blocking;

/// Runs work on a thread of its own. It goes on to its end if nobody waits for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(result) => result,
        // Nothing cancels the task but the end of the runtime, and then nobody waits.
        Err(error) => resume_unwind(error.into_panic()),
    }
}
