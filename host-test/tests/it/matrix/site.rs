//! One cell's server, and the host that uses it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use mv_clip_host::{ClipHost, Policy, Setting, Settings};
use rcgen::{CertifiedKey, KeyPair};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::cell::{ATTEMPT_TIMEOUT, Cell, MAX_ATTEMPTS, Place};
use super::listener::Listener;
use super::resolver::{FAULTY, HEALTHY, Resolver};
use super::server;
use super::state::State;
use crate::outbound::tls;
use crate::support::{HOST, tenant};

const KEY: &str = "k3y-0f-the-matrix";
const TOKEN: &str = "t0ken-of-the-clip";
const SIGNATURE: &str = "s1gnature-of-the-destination";

/// No message may contain these.
pub const SECRETS: [&str; 3] = [KEY, TOKEN, SIGNATURE];

static CERTIFIED: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(|| tls::certificate("localhost"));

static ACCEPTOR: LazyLock<TlsAcceptor> = LazyLock::new(|| tls::acceptor(&CERTIFIED, &["http/1.1"]));

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| tls::file("matrix", &CERTIFIED.cert.pem()));

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
        // Both listeners need the same port, which may be in use at one of the addresses.
        for _ in 0..100 {
            let listener = TcpListener::bind((HEALTHY, 0)).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let Some(faulty) = Listener::open(SocketAddr::new(FAULTY, port), what).await else {
                continue;
            };
            let clip_url = format!("https://localhost:{port}/media/{TOKEN}");
            let state = Arc::new(State::new(cell, clip_url));
            let serving = server::accept(listener, ACCEPTOR.clone(), Arc::clone(&state));
            return Self {
                state,
                port,
                faulty,
                serving: tokio::spawn(serving),
            };
        }
        panic!("no port is free on both {HEALTHY} and {FAULTY}");
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

    /// How many attempts reached the place of the fault.
    pub fn arrivals(&self) -> u32 {
        self.state.arrivals()
    }

    pub fn healthy(&self) -> usize {
        self.state.healthy_connections()
    }

    /// The last clip that the destination received completely.
    pub fn stored(&self) -> Vec<u8> {
        self.state.stored()
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

    /// A host that may send only to this server, with its own connection pool.
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
            .attempt_timeout(ATTEMPT_TIMEOUT)
            .max_attempts(MAX_ATTEMPTS)
            .requests_per_second(100)
    }
}
