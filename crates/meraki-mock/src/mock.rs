//! Starts and observes a mock.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::concurrency::ConcurrencyGauge;
use crate::config::{Camera, MockConfig, Redirect};
use crate::faults::FaultInjector;
use crate::media_urls::MediaUrls;
use crate::rate::TokenBucket;
use crate::record::{API, Log, RecordedRequest};
use crate::script::{Scripted, UnusedScript};
use crate::server;
use crate::shard::Shard;
use crate::state::State;
use crate::sync::lock;

/// A running mock of the Meraki API. Dropping it stops the mock and closes its connections.
pub struct MockMeraki {
    state: Arc<State>,
    connections: Arc<AtomicUsize>,
    /// Aborts the listeners and their connections when dropped.
    _listeners: JoinSet<()>,
}

impl MockMeraki {
    /// Starts a mock on the current tokio runtime. It accepts requests when this returns.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if the address is not a loopback address; otherwise the error of
    /// listening, such as [`io::ErrorKind::AddrInUse`].
    pub async fn start(config: MockConfig) -> io::Result<Self> {
        if !config.listen.ip().is_loopback() {
            let message = format!(
                "{} is not a loopback address: the mock speaks plain HTTP, so use 127.0.0.1 or [::1]",
                config.listen
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let main = TcpListener::bind(config.listen).await?;
        let authority = main.local_addr()?;
        let other = match config.redirect {
            Some(Redirect::OtherPort) => Some(TcpListener::bind((authority.ip(), 0)).await?),
            _ => None,
        };
        let shard = match (config.redirect, &other) {
            (_, Some(other)) => Some(Shard::on_other_port(other.local_addr()?)),
            (Some(_), None) => Some(Shard::on_same_port(authority)),
            (None, None) => None,
        };
        let bucket = config
            .rate_limit
            .map(|limit| TokenBucket::new(limit, Instant::now()));
        let state = Arc::new(State {
            authority,
            shard,
            bucket: bucket.map(Mutex::new),
            media_urls: MediaUrls::new(&config),
            script: Mutex::default(),
            faults: config.faults.map(FaultInjector::new),
            log: Log::default(),
            concurrency: ConcurrencyGauge::default(),
            config,
        });
        let connections = Arc::<AtomicUsize>::default();
        let mut listeners = JoinSet::new();
        let router = server::router(Arc::clone(&state));
        listeners.spawn(server::accept(main, router, Arc::clone(&connections)));
        if let Some(other) = other {
            let router = server::shard_router(Arc::clone(&state));
            listeners.spawn(server::accept(other, router, Arc::clone(&connections)));
        }
        Ok(Self {
            state,
            connections,
            _listeners: listeners,
        })
    }

    /// The base URL for clients: `http://127.0.0.1:PORT/api/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.state.authority, API)
    }

    /// The API key with access.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.state.config.key
    }

    /// The organisation's cameras.
    #[must_use]
    pub fn cameras(&self) -> &[Camera] {
        &self.state.config.cameras
    }

    /// All requests so far, in the order of their arrival. The mock keeps them until they are taken.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.log.snapshot()
    }

    /// Removes and returns the requests that are not in progress, in the order of their arrival. A mock that runs
    /// for long needs this to keep its memory small.
    #[must_use = "the returned requests are removed"]
    pub fn take_requests(&self) -> Vec<RecordedRequest> {
        self.state.log.take()
    }

    /// The maximum number of requests in progress at once so far.
    #[must_use]
    pub fn max_concurrency(&self) -> usize {
        self.state.concurrency.max()
    }

    /// The number of connections that clients have opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Appends entries to the script for API requests: see [the crate's documentation](crate#scripts).
    pub fn script(&self, entries: impl IntoIterator<Item = impl Into<Scripted>>) {
        lock(&self.state.script)
            .api
            .extend(entries.into_iter().map(Into::into));
    }

    /// Appends entries to the script for requests to media URLs.
    pub fn script_media(&self, entries: impl IntoIterator<Item = impl Into<Scripted>>) {
        lock(&self.state.script)
            .media
            .extend(entries.into_iter().map(Into::into));
    }

    /// Stops the mock, and checks that the script was used up.
    ///
    /// # Errors
    ///
    /// [`UnusedScript`] lists the entries that no request used.
    pub fn finish(self) -> Result<(), UnusedScript> {
        lock(&self.state.script).finish()
    }
}

impl Drop for MockMeraki {
    #[expect(
        clippy::panic,
        reason = "a test that leaves entries of its script unused must fail"
    )]
    fn drop(&mut self) {
        let unused = lock(&self.state.script).finish();
        if let Err(unused) = unused
            && !std::thread::panicking()
        {
            panic!("{unused}");
        }
    }
}

impl fmt::Debug for MockMeraki {
    /// Omits the secrets: the key and the tokens of media URLs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockMeraki")
            .field("base_url", &self.base_url())
            .field("config", &self.state.config)
            .finish_non_exhaustive()
    }
}
