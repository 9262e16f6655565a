//! [`RateLimit`]: the API's rate limit for an organisation.

use std::num::NonZeroU32;

/// How many API requests an organisation may send.
///
/// A token bucket of `burst` requests that refills at `per_second`: in any `t` seconds there are at most
/// `burst + per_second * t` requests. With the default that is 20 in the first second and 30 in the first two,
/// as [Meraki documents its limit][page].
///
/// [page]: https://developer.cisco.com/meraki/api-v1/rate-limit/
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Sustained requests per second.
    pub per_second: NonZeroU32,
    /// Requests that may be sent at once after a pause.
    pub burst: NonZeroU32,
}

impl Default for RateLimit {
    /// 10 requests per second and a burst of 10.
    fn default() -> Self {
        const TEN: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
        Self {
            per_second: TEN,
            burst: TEN,
        }
    }
}
