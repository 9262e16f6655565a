//! [`Settings`]: the settings of a call, from environment variables. A value that cannot be used is an error that
//! names the variable and the accepted form; there is no silent default.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::{Failure, FailureKind};
use crate::text::excerpt;
use crate::url::Url;

const API_KEY: &str = "MERAKI_DASHBOARD_API_KEY";
const BASE_URL: &str = "MERAKI_BASE_URL";
const MAX_ATTEMPTS: &str = "MV_CLIP_MAX_ATTEMPTS";
const DEADLINE: &str = "MV_CLIP_DEADLINE_SECONDS";
const ATTEMPT_TIMEOUT: &str = "MV_CLIP_ATTEMPT_TIMEOUT_SECONDS";
const LAG: &str = "MV_CLIP_LAG_SECONDS";
const RETENTION: &str = "MV_CLIP_RETENTION_DAYS";
const REQUESTS_PER_SECOND: &str = "MV_CLIP_REQUESTS_PER_SECOND";

const DEFAULT_BASE_URL: &str = "https://api.meraki.com/api/v1";

/// The settings of one call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The API key for the header `Authorization`; none if the host adds the header.
    pub api_key: Option<ApiKey>,
    /// The base URL of the API, without query, fragment or trailing slash.
    pub base_url: Url,
    /// The most attempts to get a clip's URL, and the most attempts to transfer it: 1 to 10.
    pub max_attempts: u32,
    /// The longest duration of a call, waits included: 1 s to 1 day.
    pub deadline: Duration,
    /// The longest duration of one exchange, body included, and the longest time without progress in a transfer:
    /// 1 s to 600 s.
    pub attempt_timeout: Duration,
    /// How long after a window's end its footage is available: 0 s to 3,600 s.
    pub lag: Duration,
    /// How long cameras keep footage, to reject earlier windows: 1 to 3,650 days; none means no check.
    pub retention: Option<Duration>,
    /// The shortest time between two attempts: 1 s divided by 1 to 100.
    pub min_interval: Duration,
}

impl Settings {
    /// Reads the settings from environment variables, as pairs of name and value. Other variables are ignored.
    ///
    /// # Errors
    ///
    /// [`FailureKind::InvalidSetting`] for the first variable whose value cannot be used. The message does not
    /// contain the value, which may be a secret in the wrong variable.
    pub fn from_variables<K, V>(
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Failure>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let mut settings = Self {
            api_key: None,
            base_url: base_url(DEFAULT_BASE_URL)?,
            max_attempts: 5,
            deadline: Duration::from_secs(120),
            attempt_timeout: Duration::from_secs(30),
            lag: Duration::from_secs(60),
            retention: None,
            min_interval: Duration::from_millis(200),
        };
        for (name, value) in variables {
            let value = value.as_ref();
            match name.as_ref() {
                API_KEY => settings.api_key = Some(ApiKey::parse(value)?),
                BASE_URL => settings.base_url = base_url(value)?,
                MAX_ATTEMPTS => settings.max_attempts = number(MAX_ATTEMPTS, value, 1..=10)?,
                DEADLINE => settings.deadline = seconds(DEADLINE, value, 1..=86_400)?,
                ATTEMPT_TIMEOUT => {
                    settings.attempt_timeout = seconds(ATTEMPT_TIMEOUT, value, 1..=600)?;
                }
                LAG => settings.lag = seconds(LAG, value, 0..=3_600)?,
                RETENTION => {
                    let days = number(RETENTION, value, 1..=3_650)?;
                    settings.retention = Some(Duration::from_secs(u64::from(days) * 86_400));
                }
                REQUESTS_PER_SECOND => {
                    settings.min_interval = Duration::from_secs(1)
                        .checked_div(number(REQUESTS_PER_SECOND, value, 1..=100)?)
                        .unwrap_or_default();
                }
                _ => {}
            }
        }
        Ok(settings)
    }

    /// Makes a server's text fit for a message: without the API key, and printable.
    pub(crate) fn redact(&self, text: &str) -> String {
        match &self.api_key {
            Some(ApiKey(key)) => excerpt(&text.replace(key, "(API key)")),
            None => excerpt(text),
        }
    }
}

fn number(name: &str, value: &str, range: RangeInclusive<u32>) -> Result<u32, Failure> {
    // `u32::parse` also takes a plus sign.
    let number = value.parse().ok().filter(|_| !value.starts_with('+'));
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            invalid(
                name,
                &format!("a whole number from {} to {}", range.start(), range.end()),
            )
        })
}

fn seconds(name: &str, value: &str, range: RangeInclusive<u32>) -> Result<Duration, Failure> {
    number(name, value, range).map(|seconds| Duration::from_secs(seconds.into()))
}

/// The failure for a base URL that cannot be used.
pub(crate) fn invalid_base_url() -> Failure {
    invalid(
        BASE_URL,
        "an https URL without user name, query or fragment, such as \
         https://api.meraki.com/api/v1 (plain http for a loopback address only)",
    )
}

fn base_url(value: &str) -> Result<Url, Failure> {
    let url = Url::parse(value.trim_end_matches('/')).ok();
    let url = url.filter(|url| !url.has_query() && !url.has_fragment());
    let url = url.ok_or_else(invalid_base_url)?;
    // A proxy may have the API elsewhere.
    match url.is_meraki() && !url.path().ends_with("/api/v1") {
        true => Err(invalid_base_url()),
        false => Ok(url),
    }
}

fn invalid(name: &str, accepted: &str) -> Failure {
    let message = format!("the setting {name} cannot be used: it takes {accepted}.");
    Failure::before_request(FailureKind::InvalidSetting, message)
}

/// The Meraki Dashboard API key: an opaque string, or a placeholder that the host replaces in outgoing requests.
/// `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Parses a key: one or more visible ASCII characters.
    ///
    /// # Errors
    ///
    /// [`FailureKind::InvalidSetting`] if the key is empty, or has a space, a line break or another character that
    /// a header field cannot have.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        Err(invalid(
            API_KEY,
            "the key alone, in visible ASCII characters without spaces or line breaks; leave it \
             unset where the host adds the Authorization header",
        ))
    }

    /// The value of the header `Authorization` (RFC 6750, section 2.1). It contains the key.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn set(name: &str, value: &str) -> Settings {
        Settings::from_variables([(name, value)]).unwrap_or_else(|error| panic!("{value}: {error}"))
    }

    #[track_caller]
    fn fails(name: &str, values: &[&str], accepted: &str) {
        for value in values {
            let failure = Settings::from_variables([(name, value)]).unwrap_err();
            assert_eq!(failure.kind, FailureKind::InvalidSetting, "{value:?}");
            let message = format!("the setting {name} cannot be used: it takes {accepted}.");
            assert_eq!(failure.message, message, "{value:?}");
        }
    }

    #[test]
    fn defaults() {
        let settings = Settings::from_variables([("PATH", "/bin")]).unwrap();
        assert_eq!(settings.api_key, None);
        assert_eq!(settings.base_url.expose(), "https://api.meraki.com/api/v1");
        assert_eq!(settings.max_attempts, 5);
        assert_eq!(settings.deadline, Duration::from_secs(120));
        assert_eq!(settings.attempt_timeout, Duration::from_secs(30));
        assert_eq!(settings.lag, Duration::from_secs(60));
        assert_eq!(settings.retention, None);
        assert_eq!(settings.min_interval, Duration::from_millis(200));
    }

    #[test]
    fn numbers() {
        assert_eq!(set(MAX_ATTEMPTS, "1").max_attempts, 1);
        assert_eq!(set(DEADLINE, "86400").deadline, Duration::from_secs(86_400));
        assert_eq!(
            set(ATTEMPT_TIMEOUT, "600").attempt_timeout,
            Duration::from_secs(600)
        );
        assert_eq!(set(LAG, "0").lag, Duration::ZERO);
        assert_eq!(
            set(RETENTION, "30").retention,
            Some(Duration::from_secs(2_592_000))
        );
        assert_eq!(
            set(REQUESTS_PER_SECOND, "100").min_interval,
            Duration::from_millis(10)
        );
    }

    #[test]
    fn errors_about_numbers_name_the_accepted_form() {
        let bad = ["", "x", "1.5", "-1", "+1", " 1", "1s", "99999999999", "1e2"];
        fails(MAX_ATTEMPTS, &bad, "a whole number from 1 to 10");
        fails(DEADLINE, &bad, "a whole number from 1 to 86400");
        fails(ATTEMPT_TIMEOUT, &bad, "a whole number from 1 to 600");
        fails(LAG, &bad, "a whole number from 0 to 3600");
        fails(RETENTION, &bad, "a whole number from 1 to 3650");
        fails(REQUESTS_PER_SECOND, &bad, "a whole number from 1 to 100");
        fails(MAX_ATTEMPTS, &["0", "11"], "a whole number from 1 to 10");
        fails(LAG, &["3601"], "a whole number from 0 to 3600");
    }

    #[test]
    fn base_urls() {
        for (value, kept) in [
            (
                "https://api.meraki.ca/api/v1",
                "https://api.meraki.ca/api/v1",
            ),
            (
                "https://api.meraki.com/api/v1/",
                "https://api.meraki.com/api/v1",
            ),
            (
                "http://127.0.0.1:8080/api/v1",
                "http://127.0.0.1:8080/api/v1",
            ),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://proxy.corp.example", "https://proxy.corp.example"),
        ] {
            assert_eq!(set(BASE_URL, value).base_url.expose(), kept);
        }
    }

    #[test]
    fn errors_about_base_urls_name_the_accepted_form() {
        let bad = [
            "",
            "api.meraki.com/api/v1",
            "http://api.meraki.com/api/v1",
            "https://user:pass@api.meraki.com/",
            "https://api.meraki.com/api/v1?x=y",
            "https://api.meraki.com/api/v1#x",
            "https://api.meraki.com/api v1",
        ];
        let accepted = "an https URL without user name, query or fragment, such as \
             https://api.meraki.com/api/v1 (plain http for a loopback address only)";
        fails(BASE_URL, &bad, accepted);
    }

    #[test]
    fn a_base_url_of_meraki_has_the_path_of_the_api() {
        let bad = [
            "https://api.meraki.com",
            "https://api.meraki.com/",
            "https://api.meraki.ca/api",
            "https://n149.meraki.com/api/v0",
            "https://api.meraki.com/api/v1/organizations",
        ];
        let accepted = "an https URL without user name, query or fragment, such as \
             https://api.meraki.com/api/v1 (plain http for a loopback address only)";
        fails(BASE_URL, &bad, accepted);
    }

    #[test]
    fn keys_are_opaque() {
        for key in ["0123abcd", "{{secret:meraki}}", "OBELISK_SECRET_7f~!"] {
            let key = set(API_KEY, key).api_key.unwrap();
            assert!(key.authorization().starts_with("Bearer "));
        }
    }

    #[test]
    fn bad_keys_are_rejected_and_not_repeated() {
        let accepted = "the key alone, in visible ASCII characters without spaces or line breaks; \
             leave it unset where the host adds the Authorization header";
        fails(
            API_KEY,
            &[
                "",
                " ",
                "k3y\n",
                "k3y\r\nX-Evil: 1",
                "Bearer k3y",
                "ké",
                "k\0",
            ],
            accepted,
        );
    }

    #[test]
    fn no_part_of_the_key_remains_in_a_text_that_is_cut_or_escaped() {
        let settings = set(API_KEY, r"s3cr\et-k3y");
        for offset in 90..130 {
            let shown = settings.redact(&format!("{}{}", " ".repeat(offset), r"s3cr\et-k3y"));
            assert!(
                !shown.contains("s3c") && !shown.contains("k3y"),
                "{offset}: {shown}"
            );
        }
    }

    #[test]
    fn the_key_is_never_printed() {
        let settings = set(API_KEY, "s3cret");
        assert!(!format!("{settings:?}").contains("s3cret"));
        assert_eq!(settings.redact("no s3cret here"), "no (API key) here");
        assert_eq!(format!("{:?}", settings.api_key.unwrap()), "ApiKey(hidden)");
    }
}
