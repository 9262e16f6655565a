//! [`RateLimit`]: what an organisation may ask of the API.

use std::num::NonZeroU32;

/// How many API requests an organisation may make.
///
/// A token bucket: it holds at most `burst` requests and refills at `per_second`, so any `t` seconds
/// see at most `burst + per_second * t` requests. With the default that is 20 in the first second
/// and 30 in the first two, which is how [Meraki puts its limit][page].
///
/// [page]: https://developer.cisco.com/meraki/api-v1/rate-limit/
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests a second that can go on for ever.
    pub per_second: NonZeroU32,
    /// Requests that may come at once after a pause.
    pub burst: NonZeroU32,
}

impl Default for RateLimit {
    /// 10 requests a second and a burst of 10.
    fn default() -> Self {
        const TEN: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
        Self {
            per_second: TEN,
            burst: TEN,
        }
    }
}
