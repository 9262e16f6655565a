//! The timeouts of requests.

use std::time::Duration;

use wasmtime_wasi_http::RequestOptions;

/// The shortest timeout. None is zero: tokio panics on an interval of zero, and so did the default transport
/// (RUSTSEC-2026-0320).
const MIN: Duration = Duration::from_millis(1);

/// The longest timeout: a point in time so far away can still be computed.
const MAX: Duration = Duration::from_secs(365 * 86_400);

/// The part of the host's time to connect in which a name is looked up before a proxy gets it. Where only the proxy knows
/// names, the system's servers may be silent.
const LOOKUP_PART: u32 = 4;

/// The longest timeouts of a request. A guest can set shorter ones, but not longer ones. If it sets none, these apply.
///
/// Any value is accepted. A value below 1 ms counts as 1 ms, the guest's included, and one above a year as a year.
///
/// ```
/// use std::time::Duration;
/// use mv_clip_host::Timeouts;
///
/// let timeouts = Timeouts::default().first_byte(Duration::from_secs(20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// The time until a connection is ready: lookup, TCP, proxy and TLS. 10 s by default.
    pub connect: Duration,
    /// From there to the end of the response's header section. While a body is sent, this counts from
    /// the last piece of it that the connection took. 60 s by default: Meraki may take long to prepare
    /// a clip.
    pub first_byte: Duration,
    /// Between two pieces of the response's body, counted only while the guest waits for one.
    /// 30 s by default.
    pub between_bytes: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            between_bytes: Duration::from_secs(30),
        }
    }
}

impl Timeouts {
    /// Sets [`connect`](Timeouts#structfield.connect).
    #[must_use]
    pub fn connect(self, connect: Duration) -> Self {
        Self { connect, ..self }
    }

    /// Sets [`first_byte`](Timeouts#structfield.first_byte).
    #[must_use]
    pub fn first_byte(self, first_byte: Duration) -> Self {
        Self { first_byte, ..self }
    }

    /// Sets [`between_bytes`](Timeouts#structfield.between_bytes).
    #[must_use]
    pub fn between_bytes(self, between_bytes: Duration) -> Self {
        Self {
            between_bytes,
            ..self
        }
    }

    /// How long a name is looked up here before a proxy gets it unchecked. A guest cannot shorten this time, and so cannot
    /// skip the check.
    pub(super) fn lookup(self) -> Duration {
        self.limit(None).connect / LOOKUP_PART
    }

    /// The limits of one request.
    pub(super) fn limit(self, requested: Option<RequestOptions>) -> Self {
        let requested = requested.unwrap_or_default();
        let limit = |max: Duration, requested: Option<Duration>| {
            requested.unwrap_or(max).min(max).clamp(MIN, MAX)
        };
        Self {
            connect: limit(self.connect, requested.connect_timeout),
            first_byte: limit(self.first_byte, requested.first_byte_timeout),
            between_bytes: limit(self.between_bytes, requested.between_bytes_timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(timeout: Option<Duration>) -> Option<RequestOptions> {
        Some(RequestOptions {
            connect_timeout: timeout,
            first_byte_timeout: timeout,
            between_bytes_timeout: timeout,
        })
    }

    #[test]
    fn a_guest_can_shorten_the_timeouts_and_not_extend_them() {
        let second = Duration::from_secs(1);
        let host = Timeouts {
            connect: second,
            first_byte: second * 2,
            between_bytes: second * 3,
        };
        let all = |each| Timeouts {
            connect: each,
            first_byte: each,
            between_bytes: each,
        };
        let cases = [
            ("no options", None, host),
            ("none", all_of(None), host),
            ("shorter", all_of(Some(second / 2)), all(second / 2)),
            ("longer", all_of(Some(Duration::MAX)), host),
            (
                "between",
                all_of(Some(second * 2)),
                Timeouts {
                    between_bytes: second * 2,
                    ..host
                },
            ),
            ("zero", all_of(Some(Duration::ZERO)), all(MIN)),
            (
                "a nanosecond",
                all_of(Some(Duration::from_nanos(1))),
                all(MIN),
            ),
        ];
        for (case, requested, expected) in cases {
            assert_eq!(host.limit(requested), expected, "{case}");
        }
        assert_eq!(
            all(Duration::ZERO).limit(None),
            all(MIN),
            "timeouts of zero"
        );
        assert_eq!(all(Duration::MAX).limit(None), all(MAX), "endless timeouts");
    }
}
