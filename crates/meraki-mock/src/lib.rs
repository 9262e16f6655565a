//! A mock of the Meraki API's video clip operation, and of the hosts that serve its clips.
//!
//! [`MockMeraki`] is a real HTTP/1.1 server on a loopback address. By itself it behaves like the API:
//! it wants the key, knows its cameras, checks windows, has footage only after a lag and until the
//! retention, keeps a call budget, redirects if told to, and gives out media URLs that expire. It
//! refuses what Meraki would refuse, so a wrong client does not get through. It also refuses what
//! Meraki must never be sent, an `Authorization` header at a media URL.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use meraki_mock::{MockConfig, MockMeraki, Point, Scripted, WireFault};
//! use http::StatusCode;
//!
//! let mock = MockMeraki::start(MockConfig::default()).await?;
//! mock.script([
//!     Scripted::error(StatusCode::SERVICE_UNAVAILABLE, "Try again"),
//!     WireFault::Reset(Point::InBody).into(),
//!     Scripted::Pass,
//! ]);
//! // … point a client at `mock.base_url()` with `mock.key()`, let it make its three requests …
//! # mock.finish().unwrap_err();
//! # Ok(())
//! # }
//! ```
//!
//! # Scripts
//!
//! [`MockMeraki::script`] queues what happens to the next API requests, one entry per request, in the
//! order of their arrival and whatever they ask for; [`MockMeraki::script_media`] does the same for
//! requests to media URLs. When the queue is empty, the mock is itself again. A follow-up at the
//! shard after a redirect is a request of its own.
//!
//! A [`WireFault`] does not depend on how the client uses its connections: the mock reads the request,
//! works out its reply, takes the socket away from the HTTP server before a byte of that reply is
//! written, and then writes what the fault says. So a fault strikes on a new connection and on a kept
//! one alike, and never a request that it was not meant for.
//!
//! Where no script has a say, [`MockConfig::faults`] lets replies go wrong by chance.
//!
//! A script must be used up: [`MockMeraki::finish`] says what is left, and a mock that is dropped with
//! entries left panics, unless its thread is panicking already.

#![forbid(unsafe_code)]

mod api;
mod config;
mod crowd;
mod faults;
mod media;
mod rate;
mod record;
mod script;
mod server;
mod wire;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use config::{Camera, DEFAULT_KEY, MockConfig, Redirect};
pub use faults::Faults;
pub use media::CLIP;
pub use record::{Authorization, RecordedRequest, Target};
pub use script::{Scripted, UnusedScript};
pub use wire::{Point, WireFault};

/// A running mock of the Meraki API. It stops, and closes its connections, when it is dropped.
pub struct MockMeraki {
    shared: Arc<Shared>,
    connections: Arc<AtomicUsize>,
    /// Held for its drop, which ends the listeners and their connections.
    _listeners: JoinSet<()>,
}

/// What every connection of a mock works on.
struct Shared {
    config: MockConfig,
    /// Host and port of the API and of media URLs.
    authority: SocketAddr,
    /// Host and port of the shard, if the API redirects to one.
    shard: Option<SocketAddr>,
    bucket: Option<Mutex<rate::TokenBucket>>,
    media: media::MediaUrls,
    script: Mutex<script::Script>,
    chance: Option<faults::Chance>,
    log: record::Log,
    in_hand: crowd::Crowd,
}

impl MockMeraki {
    /// Starts a mock on the current tokio runtime. It answers from the moment this returns.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if the address is not a loopback one; otherwise whatever
    /// listening fails with, such as [`io::ErrorKind::AddrInUse`].
    pub async fn start(config: MockConfig) -> io::Result<Self> {
        if !config.listen.ip().is_loopback() {
            let message = format!(
                "{} is not a loopback address: the mock speaks plain HTTP, so let it listen on \
                 127.0.0.1 or [::1]",
                config.listen
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let main = TcpListener::bind(config.listen).await?;
        let authority = main.local_addr()?;
        let mut listening = vec![main];
        let shard = match config.redirect {
            None => None,
            Some(Redirect::SamePort) => Some(authority),
            Some(Redirect::OtherPort) => {
                let other = TcpListener::bind((authority.ip(), 0)).await?;
                let shard = other.local_addr()?;
                listening.push(other);
                Some(shard)
            }
        };
        let bucket = config
            .rate_limit
            .map(|limit| rate::TokenBucket::new(limit, Instant::now()));
        let shared = Arc::new(Shared {
            authority,
            shard,
            bucket: bucket.map(Mutex::new),
            media: media::MediaUrls::new(&config),
            script: Mutex::default(),
            chance: config.faults.map(faults::Chance::new),
            log: record::Log::default(),
            in_hand: crowd::Crowd::default(),
            config,
        });
        let connections = Arc::default();
        let router = server::router(Arc::clone(&shared));
        let listeners = listening
            .into_iter()
            .map(|listener| server::accept(listener, router.clone(), Arc::clone(&connections)))
            .collect();
        Ok(Self {
            shared,
            connections,
            _listeners: listeners,
        })
    }

    /// What a client takes as Meraki's base URL: `http://127.0.0.1:PORT/api/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.shared.authority, record::API)
    }

    /// The API key that has access.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.shared.config.key
    }

    /// The organisation's cameras.
    #[must_use]
    pub fn cameras(&self) -> &[Camera] {
        &self.shared.config.cameras
    }

    /// Every request so far, in the order of their arrival, scripted or not. They are kept for as
    /// long as the mock lives, or until they are taken.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.log.snapshot()
    }

    /// Takes the requests that are not in hand any more out of the record, in the order of their arrival, so that
    /// a mock that lives long does not grow. Those that are in hand stay for the next time.
    #[must_use = "what is taken is not kept"]
    pub fn take_requests(&self) -> Vec<RecordedRequest> {
        self.shared.log.take()
    }

    /// The greatest number of requests that were in hand at once so far: arrived, and not answered yet.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.shared.in_hand.most()
    }

    /// How many connections clients have opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Adds entries to the end of the script for API requests; see [the module](self) for how they
    /// are used.
    pub fn script(&self, entries: impl IntoIterator<Item = impl Into<Scripted>>) {
        lock(&self.shared.script)
            .api
            .extend(entries.into_iter().map(Into::into));
    }

    /// Adds entries to the end of the script for requests to media URLs.
    pub fn script_media(&self, entries: impl IntoIterator<Item = impl Into<Scripted>>) {
        lock(&self.shared.script)
            .media
            .extend(entries.into_iter().map(Into::into));
    }

    /// Stops the mock, and says whether its script was used up.
    ///
    /// # Errors
    ///
    /// [`UnusedScript`] names the entries that no request used.
    pub fn finish(self) -> Result<(), UnusedScript> {
        lock(&self.shared.script).finish()
    }
}

impl Drop for MockMeraki {
    #[expect(
        clippy::panic,
        reason = "a test that leaves part of its script unused must not pass"
    )]
    fn drop(&mut self) {
        let unused = lock(&self.shared.script).finish();
        if let Err(unused) = unused
            && !std::thread::panicking()
        {
            panic!("{unused}");
        }
    }
}

impl fmt::Debug for MockMeraki {
    /// Everything but secrets: the key, and the tokens of media URLs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockMeraki")
            .field("base_url", &self.base_url())
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

/// A panic elsewhere leaves nothing half-done in the data locked here, so it is as good as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
