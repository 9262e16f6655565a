//! One compiled component for all tests, and a mock for each test.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use meraki_mock::{CLIP, MockConfig, MockMeraki, RecordedRequest, Target};
use mv_clip_host::{
    ApiKey, CallError, Clip, ClipError, ClipHost, ClipHostBuilder, ClipRequest, ClipUrl, CodeCache,
    Failure, FailureKind, KeyMode, Limits, LoadError, MediaError, Policy, RateLimiter, Setting,
    Settings, Tenant,
};
use tokio::net::TcpSocket;
use tokio::process::Command;
use tokio::time::timeout;
use tracing::subscriber::DefaultGuard;
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Level};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::component::{built, up_to_date};

/// The component of the world `clip-plugin`.
pub fn component_file() -> PathBuf {
    up_to_date(built()).unwrap()
}

/// The component of the world `clips-only`, which is in the same folder.
pub fn clips_only_file() -> PathBuf {
    up_to_date(built().with_file_name("mv-clip-clips.wasm")).unwrap()
}

/// The cache for the compiled component.
pub const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/code-cache");

/// Has enough instances for the calls of all tests: while a call waits for one, simulated time would pass.
pub static HOST: LazyLock<ClipHost> = LazyLock::new(|| {
    let concurrent_calls = NonZeroU32::new(400).unwrap();
    let limits = Limits::default().concurrent_calls(concurrent_calls);
    load_with(&component_file(), limits)
});

/// A host with the component in this file and an empty policy.
pub fn load(component: &Path) -> ClipHost {
    load_with(component, Limits::default())
}

fn load_with(component: &Path, limits: Limits) -> ClipHost {
    let component = std::fs::read(component).expect("`cargo xtask build` makes the component");
    let cache = CodeCache::at(CACHE.as_ref()).unwrap();
    let builder = ClipHost::builder().limits(limits).cache(cache);
    builder.load_bytes_blocking(&component).unwrap()
}

/// A new host for a test guest.
pub fn try_load(guest: &[u8], policy: Policy, limits: Limits) -> Result<ClipHost, LoadError> {
    let builder = ClipHost::builder().policy(policy).limits(limits);
    builder.load_bytes_blocking(guest)
}

/// A host that may send to these origins.
pub fn host(origins: &[&str]) -> ClipHost {
    let allowed = origins.iter().map(|form| form.parse().unwrap());
    tenant(HOST.tenant().policy(Policy::new(allowed)))
}

pub fn tenant(builder: ClipHostBuilder<Tenant>) -> ClipHost {
    builder.build().unwrap()
}

/// A mock that serves a small clip, and a host that may reach only the mock.
pub struct World {
    pub mock: MockMeraki,
    pub host: ClipHost,
    settings: Settings,
}

pub const SERIAL: &str = "Q2MV-MOCK-0001";

impl World {
    pub async fn new() -> Self {
        Self::with(MockConfig::default()).await
    }

    pub async fn with(mut config: MockConfig) -> Self {
        config.clip.get_or_insert(CLIP.into());
        Self::with_footage(config).await
    }

    /// A mock that serves the footage that is asked for.
    pub async fn with_footage(config: MockConfig) -> Self {
        let mock = MockMeraki::start(config).await.unwrap();
        let base_url = mock.base_url();
        let host = host(&[base_url.trim_end_matches("/api/v1")]);
        let key = mock.key().to_owned();
        let world = Self {
            mock,
            host,
            settings: Settings::default(),
        };
        world
            .set("MERAKI_BASE_URL", &base_url)
            .set("MERAKI_DASHBOARD_API_KEY", &key)
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings = self.settings.text(name.parse().unwrap(), value);
        self
    }

    /// Allows the host another origin.
    pub fn also(mut self, origin: &str) -> Self {
        let policy = Policy::new([self.origin().parse().unwrap()]);
        let policy = policy.allow([origin.parse().unwrap()]);
        self.host = tenant(HOST.tenant().policy(policy));
        self
    }

    /// The same host with this rate limiter.
    pub fn limited(&self, limiter: &RateLimiter) -> ClipHost {
        tenant(self.host.tenant().rate_limiter(limiter.clone()))
    }

    /// The same host, which adds the mock's key to API requests.
    pub fn host_with_key(&self, mode: KeyMode) -> ClipHost {
        let key = ApiKey::new(self.mock.key()).unwrap();
        tenant(self.host.tenant().key(key, mode))
    }

    /// The origin of the API and of its clips.
    pub fn origin(&self) -> String {
        let base_url = self.mock.base_url();
        base_url.trim_end_matches("/api/v1").to_owned()
    }

    pub fn unset(mut self, name: &str) -> Self {
        self.settings = self.settings.without(name.parse().unwrap());
        self
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The settings as environment variables.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let value = |setting: &Setting| Some((setting.name(), self.settings.get(*setting)?));
        Setting::ALL.iter().filter_map(value)
    }

    /// Asks for footage that is long since available.
    pub async fn get(&self) -> Result<Clip, CallError> {
        self.request(&footage(SERIAL)).await
    }

    pub async fn request(&self, request: &ClipRequest) -> Result<Clip, CallError> {
        self.host.request_clip(&self.settings, request).await
    }

    /// Fetches what is behind a URL of the guest's.
    pub async fn fetch(&self, url: &ClipUrl) -> Result<Vec<u8>, MediaError> {
        let media = self.host.media_client().unwrap();
        media.fetch(url).await
    }

    /// The requests to media URLs.
    pub fn media_requests(&self) -> Vec<RecordedRequest> {
        let mut requests = self.mock.requests();
        requests.retain(|request| request.target == Target::Media);
        requests
    }

    /// The statuses of the replies to requests to media URLs.
    pub fn media_statuses(&self) -> Vec<Option<u16>> {
        statuses(&self.media_requests())
    }

    /// The statuses of the replies to all requests.
    pub fn statuses(&self) -> Vec<Option<u16>> {
        statuses(&self.mock.requests())
    }
}

fn statuses(requests: &[RecordedRequest]) -> Vec<Option<u16>> {
    let statuses = requests.iter().map(|request| request.status);
    statuses
        .map(|status| status.map(|status| status.as_u16()))
        .collect()
}

/// How much memory the guest has before it grows, in bytes.
pub async fn memory_at_rest(host: &ClipHost) -> usize {
    let settings = Settings::default();
    let refused = host.call(&settings).get_clip("none", "", "").await;
    refused.report.peak_memory
}

/// Two minutes of footage, ten minutes old.
pub fn footage(serial: &str) -> ClipRequest {
    ending(serial, Utc::now() - TimeDelta::minutes(10))
}

/// Two minutes of footage up to an instant.
pub fn ending(serial: &str, end: DateTime<Utc>) -> ClipRequest {
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    ClipRequest {
        serial: serial.to_owned(),
        start: text(end - TimeDelta::minutes(2)),
        end: text(end),
        imager_id: None,
    }
}

#[track_caller]
pub fn permanent<T: std::fmt::Debug>(result: Result<T, CallError>, kind: FailureKind) -> Failure {
    match result {
        Err(CallError::Clip(ClipError::Permanent(failure))) if failure.kind == kind => failure,
        other => panic!("not permanent({kind:?}): {other:?}"),
    }
}

#[track_caller]
pub fn transient<T: std::fmt::Debug>(result: Result<T, CallError>, kind: FailureKind) -> Failure {
    match result {
        Err(CallError::Clip(ClipError::Transient(failure))) if failure.kind == kind => failure,
        other => panic!("not transient({kind:?}): {other:?}"),
    }
}

/// Marks the child process.
const OWN_PROCESS: &str = "MV_CLIP_TEST_OWN_PROCESS";

/// Runs the named test again in its own process, so that the resources of other tests do not count. Returns whether this
/// is that process.
pub async fn in_own_process(name: &str, limit: Duration) -> bool {
    if std::env::var_os(OWN_PROCESS).is_some() {
        return true;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", name, "--nocapture"])
        .env(OWN_PROCESS, "1")
        .kill_on_drop(true);
    let child = timeout(limit, child.output()).await;
    let child = child.expect("the child process ends in time").unwrap();
    let words = [child.stdout, child.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    eprintln!("{words}");
    // A run without any test succeeds too.
    assert!(child.status.success() && words.contains("ok. 1 passed"));
    false
}

/// A port without a listener, and the socket that reserves it.
pub fn closed_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// The log of this thread.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Collects until the guard is dropped. Excludes wasmtime's log of the guest's calls, which contains secrets: see the
    /// documentation of the crate.
    pub fn collect(&self, level: Level) -> DefaultGuard {
        // With a single subscriber, tracing takes the interest in an event from the current thread's subscriber. On the
        // thread of another test there is none, which would disable the event for all threads.
        static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
        LazyLock::force(&SECOND);
        let targets = Targets::new()
            .with_default(level)
            .with_target("wasmtime_wasi", LevelFilter::OFF);
        let lines = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(self.clone())
            .with_filter(targets);
        tracing::subscriber::set_default(tracing_subscriber::registry().with(lines))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
