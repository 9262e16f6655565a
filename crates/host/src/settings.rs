//! The settings of one call.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mv_clip_core::settings::Settings as GuestSettings;
use secrecy::zeroize::Zeroizing;

use crate::api_key::ApiKey;
use crate::setting::Setting;

/// The settings of a call. Each has a default in the component; [`Settings::default`] sets none.
///
/// A host can serve several organisations: each call has settings of its own. Nothing else of the process's
/// environment reaches the component. The component checks the values, and answers one that it cannot use
/// with [`FailureKind::InvalidSetting`](crate::FailureKind::InvalidSetting) before it sends anything.
///
/// `Debug` prints which settings are set, and no value.
///
/// ```
/// use std::time::Duration;
/// use mv_clip_host::Settings;
///
/// let settings = Settings::default()
///     .base_url("https://api.meraki.ca/api/v1")
///     .deadline(Duration::from_secs(60))
///     .max_attempts(3);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Cleared when they are dropped: one of them can be the API key.
    values: Vec<(Setting, Zeroizing<String>)>,
    /// The path of the base URL, read once for all calls. None if that is no URL, which the guest reports.
    base_path: Option<Arc<str>>,
}

static DEFAULT_BASE_PATH: LazyLock<Option<Arc<str>>> = LazyLock::new(|| base_path(None));

fn base_path(base_url: Option<&str>) -> Option<Arc<str>> {
    let variables = base_url.map(|value| (Setting::BaseUrl.name(), value));
    let settings = GuestSettings::from_variables(variables).ok()?;
    Some(settings.base_url.path().into())
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            base_path: DEFAULT_BASE_PATH.clone(),
        }
    }
}

/// A setting cannot be taken from the environment. Its value is not repeated: a URL may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {setting} is not UTF-8: set it again")]
#[non_exhaustive]
pub struct SettingsError {
    /// Which one.
    pub setting: Setting,
}

impl Settings {
    /// Takes the settings that this process's environment has, with their values as they are, but for the API key.
    ///
    /// The key belongs to [`ClipHostBuilder::key`](crate::ClipHostBuilder::key), with [`ApiKey::from_env`].
    ///
    /// # Errors
    ///
    /// [`SettingsError`] if a value is not UTF-8.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::from_variables(|name| env::var_os(name))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        let others = Setting::ALL.iter().filter(|it| **it != Setting::ApiKey);
        for &setting in others {
            if let Some(value) = variable(setting.name()) {
                let value = value.into_string().map_err(|_| SettingsError { setting })?;
                settings = settings.text(setting, value);
            }
        }
        Ok(settings)
    }

    /// The API of the organisation's region: https, or http to a loopback address. By default
    /// `https://api.meraki.com/api/v1`. The host's [`Policy`](crate::Policy) has to allow it.
    #[must_use]
    pub fn base_url(self, url: impl Into<String>) -> Self {
        self.text(Setting::BaseUrl, url)
    }

    /// The longest time of a call, waits included: 1 s to 24 h, 120 s by default. A fraction of a second
    /// counts as a second. [`Limits::wall_time`](crate::Limits::wall_time) has to be longer.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        self.seconds(Setting::Deadline, deadline)
    }

    /// The longest time of one request: 1 s to 600 s, 30 s by default. A fraction of a second counts as a
    /// second. In a transfer it is the longest time without progress.
    /// [`Timeouts`](crate::Timeouts) can be shorter.
    #[must_use]
    pub fn attempt_timeout(self, timeout: Duration) -> Self {
        self.seconds(Setting::AttemptTimeout, timeout)
    }

    /// The most requests to Meraki for one clip, and the most attempts at a transfer: 1 to 10, 5 by default.
    #[must_use]
    pub fn max_attempts(self, attempts: u32) -> Self {
        self.text(Setting::MaxAttempts, attempts.to_string())
    }

    /// The most requests per second of a call, all its clips and retries together: 1 to 100, 5 by default. A
    /// [`RateLimiter`](crate::RateLimiter) limits all calls of an organisation together.
    #[must_use]
    pub fn requests_per_second(self, requests: u32) -> Self {
        self.text(Setting::RequestsPerSecond, requests.to_string())
    }

    /// How long after a window's end its footage is available: 0 s to 3600 s, 60 s by default. A fraction of a
    /// second counts as a second.
    #[must_use]
    pub fn lag(self, lag: Duration) -> Self {
        self.seconds(Setting::Lag, lag)
    }

    /// The camera's retention, in days: 1 to 3650. The component refuses older footage without a request. By default
    /// it sends the request.
    #[must_use]
    pub fn retention_days(self, days: u32) -> Self {
        self.text(Setting::Retention, days.to_string())
    }

    /// Hands the API key to the component. Only for a host that does not keep it: see
    /// [`ClipHostBuilder::key`](crate::ClipHostBuilder::key), which is safer.
    #[must_use]
    pub fn api_key(self, key: &ApiKey) -> Self {
        self.text(Setting::ApiKey, key.expose())
    }

    /// Sets a value as text, as a command line or a configuration file has it. The component checks it.
    #[must_use]
    pub fn text(mut self, setting: Setting, value: impl Into<String>) -> Self {
        self = self.without(setting);
        let value = value.into();
        if setting == Setting::BaseUrl {
            self.base_path = base_path(Some(&value));
        }
        self.values.push((setting, Zeroizing::new(value)));
        self
    }

    /// Leaves a setting at its default.
    #[must_use]
    pub fn without(mut self, setting: Setting) -> Self {
        self.values.retain(|(other, _)| *other != setting);
        if setting == Setting::BaseUrl {
            self.base_path = DEFAULT_BASE_PATH.clone();
        }
        self
    }

    /// The text of a setting, if it is set. That of [`Setting::ApiKey`] is a secret.
    #[must_use]
    pub fn get(&self, setting: Setting) -> Option<&str> {
        let found = self.values.iter().find(|(other, _)| *other == setting);
        found.map(|(_, value)| value.as_str())
    }

    /// The path of the base URL, without a slash at its end. None if that is no URL.
    pub(crate) fn base_path(&self) -> Option<Arc<str>> {
        self.base_path.clone()
    }

    /// The settings that are set, the API key included.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Setting, &str)> {
        let values = self.values.iter();
        values.map(|(setting, value)| (*setting, value.as_str()))
    }

    fn seconds(self, setting: Setting, duration: Duration) -> Self {
        let fraction = u64::from(duration.subsec_nanos() > 0);
        let seconds = duration.as_secs().saturating_add(fraction);
        self.text(setting, seconds.to_string())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.values.iter().map(|(setting, _)| setting);
        f.write_str("Settings ")?;
        f.debug_set().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_written_as_the_component_reads_it() {
        let key = ApiKey::new("5ec2e7").unwrap();
        let settings = Settings::default()
            .base_url("https://api.meraki.ca/api/v1")
            .deadline(Duration::from_millis(1_500))
            .attempt_timeout(Duration::from_secs(7))
            .max_attempts(3)
            .requests_per_second(4)
            .lag(Duration::ZERO)
            .retention_days(30)
            .api_key(&key);
        let mut found: Vec<_> = settings
            .iter()
            .map(|(name, value)| (name.name(), value))
            .collect();
        found.sort_unstable();
        let expected = [
            ("MERAKI_BASE_URL", "https://api.meraki.ca/api/v1"),
            ("MERAKI_DASHBOARD_API_KEY", "5ec2e7"),
            ("MV_CLIP_ATTEMPT_TIMEOUT_SECONDS", "7"),
            ("MV_CLIP_DEADLINE_SECONDS", "2"),
            ("MV_CLIP_LAG_SECONDS", "0"),
            ("MV_CLIP_MAX_ATTEMPTS", "3"),
            ("MV_CLIP_REQUESTS_PER_SECOND", "4"),
            ("MV_CLIP_RETENTION_DAYS", "30"),
        ];
        assert_eq!(found, expected);
        assert_eq!(found.len(), Setting::ALL.len());
    }

    #[test]
    fn the_last_value_counts() {
        let settings = Settings::default().max_attempts(3).max_attempts(4);
        assert_eq!(settings.get(Setting::MaxAttempts), Some("4"));
        assert_eq!(settings.iter().count(), 1);
        assert_eq!(settings.without(Setting::MaxAttempts), Settings::default());
    }

    #[test]
    fn debug_prints_no_value() {
        let settings = Settings::default()
            .text(Setting::ApiKey, "5ec2e7")
            .base_url("https://5ec2e7@host/");
        assert_eq!(format!("{settings:?}"), "Settings {ApiKey, BaseUrl}");
    }

    #[test]
    fn only_the_components_own_variables_are_read_and_not_the_key() {
        let all = Settings::from_variables(|name| {
            let is_setting = name.parse::<Setting>().is_ok();
            is_setting.then(|| "x".into())
        });
        let all = all.unwrap();
        assert_eq!(all.iter().count(), Setting::ALL.len() - 1);
        assert_eq!(all.get(Setting::ApiKey), None);
        let none = Settings::from_variables(|_| None).unwrap();
        assert_eq!(none, Settings::default());
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_utf_8_is_not_repeated() {
        use std::os::unix::ffi::OsStringExt;
        let broken = |name: &str| {
            let is_url = name == Setting::BaseUrl.name();
            is_url.then(|| OsString::from_vec(b"5ec2e7\xff".to_vec()))
        };
        let error = Settings::from_variables(broken).unwrap_err();
        let printed = format!("{error} {error:?}");
        assert!(
            printed.contains("MERAKI_BASE_URL is not UTF-8"),
            "{printed}"
        );
        assert!(!printed.contains("5ec2e7"), "{printed}");
    }
}
