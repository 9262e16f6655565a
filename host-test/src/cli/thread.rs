//! Work that nothing can interrupt, such as reading from a pipe or a terminal.

use std::thread;

use tokio::sync::oneshot;

/// Runs work in a thread of its own. It is not one of tokio's, which would wait for it at exit.
pub(super) async fn of_its_own<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, oneshot::error::RecvError> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || sender.send(work()));
    receiver.await
}
