//! One cell's own server, and the way there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use mv_clip_host::{ClipHost, Policy, Setting, Settings};
use rcgen::{CertifiedKey, KeyPair};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::cell::{Cell, Place};
use super::listener::Listener;
use super::resolver::{FAULTY, HEALTHY, Resolver};
use super::{ATTEMPT, ATTEMPTS, server};
use crate::outbound::tls;
use crate::support::{HOST, tenant};

const KEY: &str = "k3y-0f-the-matrix";
const TOKEN: &str = "t0ken-of-the-clip";
const SIGNATURE: &str = "s1gnature-of-the-destination";

/// What no message may hold.
pub const SECRETS: [&str; 3] = [KEY, TOKEN, SIGNATURE];

static CERTIFIED: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(|| tls::certificate("localhost"));

static ACCEPTOR: LazyLock<TlsAcceptor> = LazyLock::new(|| tls::acceptor(&CERTIFIED, &["http/1.1"]));

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| tls::file("matrix", &CERTIFIED.cert.pem()));

/// What is to be done with one arrival at the place of the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Before the fault's attempt: the answer is a 503.
    Busy,
    Faulty,
    Healthy,
}

/// What happened so far.
pub struct State {
    pub cell: Cell,
    pub clip_url: String,
    arrivals: AtomicU32,
    /// Open connections that have had no fault.
    healthy: AtomicUsize,
    stored: Mutex<Vec<u8>>,
}

impl State {
    /// Counts an attempt that has come to the place of the fault.
    pub fn arrive(&self) -> Turn {
        self.turn_of(self.arrivals.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// How a request is answered of the attempt that arrived last, which no fault kept from coming.
    pub fn turn_then(&self) -> Turn {
        match self.turn_of(self.arrivals.load(Ordering::SeqCst)) {
            Turn::Busy => Turn::Busy,
            Turn::Faulty | Turn::Healthy => Turn::Healthy,
        }
    }

    fn turn_of(&self, attempt: u32) -> Turn {
        match attempt.cmp(&self.cell.when.attempt()) {
            std::cmp::Ordering::Less => Turn::Busy,
            std::cmp::Ordering::Equal => Turn::Faulty,
            std::cmp::Ordering::Greater => Turn::Healthy,
        }
    }

    pub fn store(&self, clip: Vec<u8>) {
        *self.stored.lock().unwrap() = clip;
    }

    /// Counts a connection until the guard is dropped.
    pub fn healthy(self: &Arc<Self>) -> Healthy {
        self.healthy.fetch_add(1, Ordering::SeqCst);
        Healthy(Arc::clone(self))
    }
}

pub struct Healthy(Arc<State>);

impl Drop for Healthy {
    fn drop(&mut self) {
        self.0.healthy.fetch_sub(1, Ordering::SeqCst);
    }
}

pub struct Site {
    state: Arc<State>,
    port: u16,
    faulty: Listener,
    serving: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Site {
    pub async fn open(cell: Cell) -> Self {
        let what = (cell.place == Place::Connect).then_some(cell.what);
        // The two need the same port, which somebody else may have at one of them.
        for _ in 0..100 {
            let listener = TcpListener::bind((HEALTHY, 0)).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let Some(faulty) = Listener::open(SocketAddr::new(FAULTY, port), what).await else {
                continue;
            };
            let state = Arc::new(State {
                cell,
                clip_url: format!("https://localhost:{port}/media/{TOKEN}"),
                arrivals: AtomicU32::new(0),
                healthy: AtomicUsize::new(0),
                stored: Mutex::default(),
            });
            let serving = server::accept(listener, ACCEPTOR.clone(), Arc::clone(&state));
            return Self {
                state,
                port,
                faulty,
                serving: tokio::spawn(serving),
            };
        }
        panic!("there is no port that is free on both {HEALTHY} and {FAULTY}");
    }

    pub fn cell(&self) -> Cell {
        self.state.cell
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn fillers(&self) -> Vec<SocketAddr> {
        self.faulty.fillers()
    }

    /// How many attempts came to the place of the fault.
    pub fn arrivals(&self) -> u32 {
        self.state.arrivals.load(Ordering::SeqCst)
    }

    pub fn healthy(&self) -> usize {
        self.state.healthy.load(Ordering::SeqCst)
    }

    /// The last clip that came to its destination whole.
    pub fn stored(&self) -> Vec<u8> {
        self.state.stored.lock().unwrap().clone()
    }

    pub fn clip_url(&self) -> &str {
        &self.state.clip_url
    }

    pub fn destination(&self) -> String {
        format!(
            "{}/bucket/incident.ts?X-Amz-Signature={SIGNATURE}",
            self.origin()
        )
    }

    fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// A host that may send here and nowhere else, with a pool of its own.
    pub fn host(&self) -> ClipHost {
        let builder = HOST
            .tenant()
            .policy(Policy::new([self.origin().parse().unwrap()]))
            .root_certificates(ROOT.as_path())
            .resolver(Resolver(Arc::clone(&self.state)));
        tenant(builder)
    }

    pub fn settings(&self) -> Settings {
        Settings::default()
            .base_url(format!("{}/api/v1", self.origin()))
            .text(Setting::ApiKey, KEY)
            .deadline(self.state.cell.when.deadline())
            .attempt_timeout(ATTEMPT)
            .max_attempts(ATTEMPTS)
            .requests_per_second(100)
    }
}
