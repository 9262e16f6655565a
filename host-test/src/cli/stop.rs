//! Ends a command at its deadline, by Ctrl-C or by SIGTERM, even if the command hangs.
//!
//! A separate thread waits for these events. It signals the command, which then drops its work: partial files
//! stay. If the command does not end within the grace period, or at a second signal, the thread ends the process.

use std::io;
use std::process;
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
}

impl Stop {
    /// Waits for signals from now on. When this returns, their default actions are replaced. For the first process of a
    /// container, the default is to ignore SIGTERM.
    pub(super) fn watch() -> io::Result<Self> {
        let (sender, reason) = watch::channel(None);
        let (limit, limits) = watch::channel(None);
        let watcher = Watcher {
            reason: sender,
            limits,
        };
        let (ready, installed) = mpsc::channel();
        thread::Builder::new()
            .name("stop".into())
            .spawn(move || watcher.run(&ready))?;
        // The thread always sends a result.
        installed.recv().map_err(io::Error::other)??;
        Ok(Self { reason, limit })
    }

    /// Runs a command until it is done or has to stop.
    pub(super) async fn bound<T>(
        &self,
        limit: Limit,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        self.within(limit, async {
            // After the deadline is set: standard error may accept nothing.
            tracing::info!(deadline = ?limit.time, "command started");
            work.await
        })
        .await
    }

    /// The same for a part of a command, before its deadline is known.
    pub(super) async fn within<T>(
        &self,
        limit: Limit,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        // A time of centuries is no limit.
        let at = Instant::now().checked_add(limit.time);
        self.limit.send_replace(at.map(|at| (limit, at)));
        self.rest(work).await
    }

    /// The same for a further part of a command, within the deadline that is set.
    pub(super) async fn rest<T>(
        &self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let reason = tokio::select! {
            biased;
            reason = self.reason() => reason,
            result = work => return result,
        };
        let limit = self.limit.borrow().map(|(limit, _)| limit);
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
        report(Stopped { reason, limit });
        process::exit(exit::of_stop(reason).into());
    }
}

/// Waits for the last deadline that is set.
async fn deadline(limits: &mut watch::Receiver<Option<(Limit, Instant)>>) {
    loop {
        let at = limits.borrow_and_update().map(|(_, at)| at);
        let over = async {
            match at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Ok(()) = limits.changed() => {}
            () = over => return,
        }
    }
}

/// Prints the error, unless the command has printed it. Gives up if standard error does not accept it in time.
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
    /// Its default action ends the process without a word. When it is received, the write fails with an error instead.
    _file_size: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> io::Result<Self> {
        use nix::sys::signal::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            _file_size: signal(SignalKind::from_raw(Signal::SIGXFSZ as i32))?,
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
