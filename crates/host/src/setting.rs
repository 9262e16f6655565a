//! The names of the component's settings.

use std::fmt;
use std::str::FromStr;

/// A setting of the component: one of the eight environment variables that it reads.
///
/// `Display` and [`Setting::name`] give the variable's name; `FromStr` reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// `MERAKI_DASHBOARD_API_KEY`: the API key.
    ApiKey,
    /// `MERAKI_BASE_URL`: the API of a region, such as `https://api.meraki.com/api/v1`.
    BaseUrl,
    /// `MV_CLIP_DEADLINE_SECONDS`: the longest time of a call.
    Deadline,
    /// `MV_CLIP_ATTEMPT_TIMEOUT_SECONDS`: the longest time of one request.
    AttemptTimeout,
    /// `MV_CLIP_MAX_ATTEMPTS`: the most requests to Meraki for one clip.
    MaxAttempts,
    /// `MV_CLIP_REQUESTS_PER_SECOND`: the highest request rate of a call.
    RequestsPerSecond,
    /// `MV_CLIP_LAG_SECONDS`: how long after a window's end its footage is available.
    Lag,
    /// `MV_CLIP_RETENTION_DAYS`: older footage is refused without a request.
    Retention,
}

/// A name that is not one of the component's settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a setting of the component; see mv_clip_host::Setting")]
pub struct UnknownSetting(String);

impl Setting {
    /// All settings.
    pub const ALL: &'static [Self] = &[
        Self::ApiKey,
        Self::BaseUrl,
        Self::Deadline,
        Self::AttemptTimeout,
        Self::MaxAttempts,
        Self::RequestsPerSecond,
        Self::Lag,
        Self::Retention,
    ];

    /// The name of the environment variable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "MERAKI_DASHBOARD_API_KEY",
            Self::BaseUrl => "MERAKI_BASE_URL",
            Self::Deadline => "MV_CLIP_DEADLINE_SECONDS",
            Self::AttemptTimeout => "MV_CLIP_ATTEMPT_TIMEOUT_SECONDS",
            Self::MaxAttempts => "MV_CLIP_MAX_ATTEMPTS",
            Self::RequestsPerSecond => "MV_CLIP_REQUESTS_PER_SECOND",
            Self::Lag => "MV_CLIP_LAG_SECONDS",
            Self::Retention => "MV_CLIP_RETENTION_DAYS",
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Setting {
    type Err = UnknownSetting;

    fn from_str(name: &str) -> Result<Self, UnknownSetting> {
        let found = Self::ALL.iter().find(|setting| setting.name() == name);
        found
            .copied()
            .ok_or_else(|| UnknownSetting(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_by_its_name() {
        for setting in Setting::ALL {
            assert_eq!(setting.name().parse(), Ok(*setting));
        }
        let unknown = "HOME".parse::<Setting>().unwrap_err();
        assert!(unknown.to_string().contains("HOME"), "{unknown}");
    }
}
