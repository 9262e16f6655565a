//! What the mock is: its key, cameras, limits and manners.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use mv_clip_core::rate::RateLimit;

use crate::faults::Faults;

/// The API key of a mock that was given no other. Not a secret: no real Meraki key looks like it.
pub const DEFAULT_KEY: &str = "mock-meraki-key-not-a-secret";

/// How a mock behaves. Take [`MockConfig::default`] and change what matters:
///
/// ```
/// use meraki_mock::{Camera, MockConfig};
/// use std::time::Duration;
///
/// let config = MockConfig {
///     cameras: vec![Camera::new("Q2MV-ABCD-1234")],
///     lag: Duration::from_secs(5),
///     ..MockConfig::default()
/// };
/// ```
#[derive(Clone)]
pub struct MockConfig {
    /// Where to listen: a loopback address, because the mock speaks plain HTTP, which clients of
    /// Meraki accept from nowhere else. Default: a free port of 127.0.0.1.
    pub listen: SocketAddr,
    /// The API key that has access. Default: [`DEFAULT_KEY`].
    pub key: String,
    /// The organisation's cameras. Default: `Q2MV-MOCK-0001`, `Q2MV-MOCK-0004` with four imagers,
    /// and `Q2MV-MOCK-0000`, which is offline.
    pub cameras: Vec<Camera>,
    /// How long after it was recorded footage can be asked for. Default: 30 s, the lower end of what
    /// Meraki's documentation says.
    pub lag: Duration,
    /// How long footage is kept. Default: 90 days.
    pub retention: Duration,
    /// The organisation's call budget; `None` for no limit. Default: [`RateLimit::default`].
    pub rate_limit: Option<RateLimit>,
    /// Whether a 429 says in `Retry-After` how long to wait. Meraki's sometimes do not.
    /// Default: true.
    pub retry_after: bool,
    /// The status of a successful reply: the documentation says 200, and 202 occurs. Default: 200.
    pub success: StatusCode,
    /// Whether the API sends clients on to a shard, and where that is. Default: `None`.
    pub redirect: Option<Redirect>,
    /// How long a media URL works. Default: 15 minutes.
    pub media_ttl: Duration,
    /// How many requests for a new media URL find nothing there yet (404). Default: 0.
    pub media_not_ready: u32,
    /// The clip behind every media URL. Default: [`CLIP`](super::CLIP).
    pub clip: Bytes,
    /// Whether the media host says how long the clip is. Default: true.
    pub media_length: bool,
    /// How long every reply takes. Default: 0.
    pub latency: Duration,
    /// What goes wrong by chance, of replies that no script has a say in. Default: `None`.
    pub faults: Option<Faults>,
}

impl Default for MockConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            key: DEFAULT_KEY.to_owned(),
            cameras: vec![
                Camera::new("Q2MV-MOCK-0001"),
                Camera {
                    imagers: 4,
                    ..Camera::new("Q2MV-MOCK-0004")
                },
                Camera {
                    online: false,
                    ..Camera::new("Q2MV-MOCK-0000")
                },
            ],
            lag: Duration::from_secs(30),
            retention: Duration::from_secs(90 * 24 * 60 * 60),
            rate_limit: Some(RateLimit::default()),
            retry_after: true,
            success: StatusCode::OK,
            redirect: None,
            media_ttl: Duration::from_secs(15 * 60),
            media_not_ready: 0,
            clip: Bytes::from_static(super::CLIP),
            media_length: true,
            latency: Duration::ZERO,
            faults: None,
        }
    }
}

impl fmt::Debug for MockConfig {
    /// Everything but the key and the clip itself.
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
            .field("clip_bytes", &self.clip.len())
            .field("media_length", &self.media_length)
            .field("latency", &self.latency)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// A camera of the mock's organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// The serial number, in upper case: the mock takes no other spelling.
    pub serial: String,
    /// How many imagers it has. With more than one, a request must say which: 1 to this number.
    pub imagers: u32,
    /// Whether it is connected. An offline camera has no video to give.
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
}

/// Where the shard is that the API redirects to (302). Its path starts with `/shard/n1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirect {
    /// On the same host and port.
    SamePort,
    /// On the same host, on a port of its own.
    OtherPort,
}
