//! The configuration of a mock.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use mv_clip_core::rate::RateLimit;

use crate::faults::Faults;

/// The default API key. It is not a secret: no real Meraki key looks like it.
pub const DEFAULT_KEY: &str = "mock-meraki-key-not-a-secret";

/// Whether a key is a mock's: it begins with `mock-`. A real key is hexadecimal.
pub fn is_mock_key(key: &str) -> bool {
    key.starts_with("mock-")
}

/// The configuration of a mock. Start from [`MockConfig::default`]:
///
/// ```
/// use meraki_mock::{Camera, MockConfig};
/// use std::time::Duration;
///
/// let config = MockConfig::default()
///     .cameras(vec![Camera::new("Q2MV-ABCD-1234")])
///     .lag(Duration::from_secs(5));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct MockConfig {
    /// The address to listen on. It must be a loopback address, because the mock speaks plain HTTP. Default:
    /// a free port of 127.0.0.1.
    pub listen: SocketAddr,
    /// The API key with access. Default: [`DEFAULT_KEY`].
    pub key: String,
    /// The organisation's cameras. Default: `Q2MV-MOCK-0001`; `Q2MV-MOCK-0004`, with four imagers; and
    /// `Q2MV-MOCK-0000`, which is offline.
    pub cameras: Vec<Camera>,
    /// How long footage takes to become available. Default: 30 s, the minimum in Meraki's documentation.
    pub lag: Duration,
    /// How long footage is kept. Default: 90 days.
    pub retention: Duration,
    /// The organisation's rate limit; `None` for no limit. Default: [`RateLimit::default`].
    pub rate_limit: Option<RateLimit>,
    /// Whether a 429 has `Retry-After`. Meraki sometimes omits it. Default: true.
    pub retry_after: bool,
    /// The status of a successful reply: 200 by Meraki's documentation, 202 in practice. Default: 200.
    pub success: StatusCode,
    /// Whether and where the API redirects to a shard. Default: `None`.
    pub redirect: Option<Redirect>,
    /// How long a media URL is valid. Default: 15 minutes.
    pub media_ttl: Duration,
    /// How many requests to a new media URL get 404 because the clip is not ready. Default: 0.
    pub media_not_ready: u32,
    /// The clip of every media URL, such as [`CLIP`](crate::CLIP). Default: `None`, the footage that was asked for, with
    /// the camera and the time in each picture. Half a minute of it has about a megabyte.
    pub clip: Option<Bytes>,
    /// Whether the media host sends `Content-Length`. Default: true.
    pub media_length: bool,
    /// The delay of every reply. Default: 0.
    pub latency: Duration,
    /// Random faults of replies that are not scripted. Default: `None`.
    pub faults: Option<Faults>,
}

impl Default for MockConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            key: DEFAULT_KEY.to_owned(),
            cameras: vec![
                Camera::new("Q2MV-MOCK-0001"),
                Camera::new("Q2MV-MOCK-0004").imagers(4),
                Camera::new("Q2MV-MOCK-0000").online(false),
            ],
            lag: Duration::from_secs(30),
            retention: Duration::from_secs(90 * 24 * 60 * 60),
            rate_limit: Some(RateLimit::default()),
            retry_after: true,
            success: StatusCode::OK,
            redirect: None,
            media_ttl: Duration::from_secs(15 * 60),
            media_not_ready: 0,
            clip: None,
            media_length: true,
            latency: Duration::ZERO,
            faults: None,
        }
    }
}

macro_rules! setters {
    ($($field:ident: $type:ty),*) => {
        impl MockConfig {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](MockConfig#structfield.", stringify!($field), ").")]
                #[must_use]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field.into();
                    self
                }
            )*
        }
    };
}

setters! {
    listen: SocketAddr,
    key: impl Into<String>,
    cameras: Vec<Camera>,
    lag: Duration,
    retention: Duration,
    rate_limit: impl Into<Option<RateLimit>>,
    retry_after: bool,
    success: StatusCode,
    redirect: impl Into<Option<Redirect>>,
    media_ttl: Duration,
    media_not_ready: u32,
    media_length: bool,
    latency: Duration,
    faults: impl Into<Option<Faults>>
}

impl MockConfig {
    /// Sets [`clip`](MockConfig#structfield.clip).
    #[must_use]
    pub fn clip(mut self, clip: impl Into<Bytes>) -> Self {
        self.clip = Some(clip.into());
        self
    }
}

impl fmt::Debug for MockConfig {
    /// Omits the key and the content of the clip.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockConfig")
            .field("listen", &self.listen)
            .field("cameras", &self.cameras)
            .field("lag", &self.lag)
            .field("retention", &self.retention)
            .field("rate_limit", &self.rate_limit)
            .field("retry_after", &self.retry_after)
            .field("success", &self.success)
            .field("redirect", &self.redirect)
            .field("media_ttl", &self.media_ttl)
            .field("media_not_ready", &self.media_not_ready)
            .field("clip_bytes", &self.clip.as_ref().map(Bytes::len))
            .field("media_length", &self.media_length)
            .field("latency", &self.latency)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// A camera of the mock's organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Camera {
    /// The serial number. The mock compares it case-sensitively.
    pub serial: String,
    /// The number of imagers. If there are several, a request must name one, from 1 to this number.
    pub imagers: u32,
    /// Whether the camera is connected. An offline camera has no footage.
    pub online: bool,
}

impl Camera {
    /// An online camera with one imager.
    pub fn new(serial: impl Into<String>) -> Self {
        Self {
            serial: serial.into(),
            imagers: 1,
            online: true,
        }
    }

    /// Sets [`imagers`](Camera#structfield.imagers).
    #[must_use]
    pub fn imagers(self, imagers: u32) -> Self {
        Self { imagers, ..self }
    }

    /// Sets [`online`](Camera#structfield.online).
    #[must_use]
    pub fn online(self, online: bool) -> Self {
        Self { online, ..self }
    }
}

/// The shard that the API redirects to (302). As at Meraki, its paths are those of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Redirect {
    /// The same host and port, so the same URL: the first request for it is redirected, the next one answered, and so on.
    SamePort,
    /// The same host, another port.
    OtherPort,
}
