//! Ends a command at its deadline, by Ctrl-C or by SIGTERM, even if the command hangs.
//!
//! A separate thread waits for these events. It signals the command, which then drops its work: child processes are
//! killed, and partial files stay. If the command does not end within the grace period, or at a second signal, the thread
//! ends the process.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::stopped::{Limit, Reason, Stopped};
use super::{exit, outcome};

/// How long a command may take to end after it is signalled.
const GRACE: Duration = Duration::from_millis(700);

/// How long standard error may take to accept the last message.
const MESSAGE_TIMEOUT: Duration = Duration::from_millis(200);

/// Signals a command to stop.
pub(super) struct Stop {
    reason: watch::Receiver<Option<Reason>>,
    limit: watch::Sender<Option<(Limit, Instant)>>,
    /// Whether the reason is printed, by the command or by the thread.
    is_reported: Arc<AtomicBool>,
}

impl Stop {
    /// Waits for signals from now on. When this returns, their default actions are replaced. For the first process of a
    /// container, the default is to ignore SIGTERM.
    pub(super) fn watch() -> io::Result<Self> {
        let (sender, reason) = watch::channel(None);
        let (limit, limits) = watch::channel(None);
        let is_reported = Arc::new(AtomicBool::new(false));
        let watcher = Watcher {
            reason: sender,
            limits,
            is_reported: Arc::clone(&is_reported),
        };
        let (ready, installed) = mpsc::channel();
        thread::Builder::new()
            .name("stop".into())
            .spawn(move || watcher.run(&ready))?;
        // The thread always sends a result.
        installed.recv().map_err(io::Error::other)??;
        Ok(Self {
            reason,
            limit,
            is_reported,
        })
    }

    /// Runs a command until it is done or has to stop.
    pub(super) async fn bound<T>(
        &self,
        limit: Limit,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        // A time of centuries is no limit.
        let at = Instant::now().checked_add(limit.time);
        self.limit.send_replace(at.map(|at| (limit, at)));
        // After the deadline is set: standard error may accept nothing.
        tracing::info!(deadline = ?limit.time, "command started");
        let reason = tokio::select! {
            biased;
            reason = self.reason() => reason,
            result = work => return result,
        };
        self.is_reported.store(true, Ordering::Release);
        let limit = Some(limit);
        Err(Stopped { reason, limit }.into())
    }

    /// Waits until the command has to stop.
    pub(super) async fn reason(&self) -> Reason {
        let mut reason = self.reason.clone();
        let reason = reason.wait_for(Option::is_some).await;
        // The thread never ends before the process.
        reason
            .ok()
            .and_then(|reason| *reason)
            .unwrap_or(Reason::Terminate)
    }
}

/// The thread's side of [`Stop`].
struct Watcher {
    reason: watch::Sender<Option<Reason>>,
    limits: watch::Receiver<Option<(Limit, Instant)>>,
    is_reported: Arc<AtomicBool>,
}

impl Watcher {
    fn run(mut self, ready: &mpsc::Sender<io::Result<()>>) {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(error))),
        };
        runtime.block_on(async {
            let mut signals = match Signals::install() {
                Ok(signals) => signals,
                Err(error) => return drop(ready.send(Err(error))),
            };
            if ready.send(Ok(())).is_ok() {
                self.wait(&mut signals).await;
            }
        });
    }

    async fn wait(&mut self, signals: &mut Signals) {
        let reason = tokio::select! {
            reason = signals.next() => reason,
            () = deadline(&mut self.limits) => Reason::Deadline,
        };
        self.reason.send_replace(Some(reason));
        tokio::select! {
            _ = signals.next() => {}
            () = sleep(GRACE) => {}
        }
        let limit = self.limits.borrow().map(|(limit, _)| limit);
        let stopped = Stopped { reason, limit };
        if !self.is_reported.swap(true, Ordering::AcqRel) {
            report(stopped);
        }
        process::exit(exit::of_stop(reason).into());
    }
}

/// Waits for the deadline, once there is one.
async fn deadline(limits: &mut watch::Receiver<Option<(Limit, Instant)>>) {
    let found = limits.wait_for(Option::is_some).await;
    let at = found.ok().and_then(|limit| limit.map(|(_, at)| at));
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Prints the error. Gives up if standard error does not accept it in time.
fn report(stopped: Stopped) {
    let (done, printed) = mpsc::channel();
    thread::spawn(move || {
        let json = stopped.limit.is_some_and(|limit| limit.json);
        outcome::end(Err(stopped.into()), json);
        done.send(())
    });
    let _ = printed.recv_timeout(MESSAGE_TIMEOUT);
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Reason {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Reason::Interrupt,
            Some(()) = self.terminate.recv() => Reason::Terminate,
            else => std::future::pending().await,
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn install() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> Reason {
        match self.0.recv().await {
            Some(()) => Reason::Interrupt,
            None => std::future::pending().await,
        }
    }
}
