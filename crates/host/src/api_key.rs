//! The API key, as a type that does not print it.

use std::env::{self, VarError};
use std::fmt;

use crate::setting::Setting;

/// An API key of the Meraki Dashboard.
///
/// It is a secret: `Debug` does not print it, there is no `Display`, and [`ApiKey::expose`] is the only way
/// to its text. Give it to [`ClipHostBuilder::key`](crate::ClipHostBuilder::key), which keeps it in the
/// host, or to [`Settings::api_key`](crate::Settings::api_key), which hands it to the component.
///
/// ```
/// use mv_clip_host::ApiKey;
///
/// let key = ApiKey::new("0123456789abcdef")?;
/// assert_eq!(format!("{key:?}"), "ApiKey(hidden)");
/// # Ok::<(), mv_clip_host::ApiKeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// Why there is no API key. The rejected text is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// The environment variable `MERAKI_DASHBOARD_API_KEY` is not set.
    #[error("MERAKI_DASHBOARD_API_KEY is not set: set it to a Meraki Dashboard API key")]
    Missing,
    /// The text is empty, or has other characters than visible ASCII.
    #[error("an API key is one or more visible ASCII characters, without spaces or line ends")]
    Invalid,
}

impl ApiKey {
    /// Takes a key: one or more visible ASCII characters.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError::Invalid`].
    pub fn new(key: impl Into<String>) -> Result<Self, ApiKeyError> {
        let key = key.into();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ApiKeyError::Invalid);
        }
        Ok(Self(key))
    }

    /// Takes the key from this process's environment variable `MERAKI_DASHBOARD_API_KEY`.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError::Missing`] if the variable is not set, [`ApiKeyError::Invalid`] if its value is not a
    /// key.
    pub fn from_env() -> Result<Self, ApiKeyError> {
        match env::var(Setting::ApiKey.name()) {
            Ok(key) => Self::new(key),
            Err(VarError::NotPresent) => Err(ApiKeyError::Missing),
            Err(VarError::NotUnicode(_)) => Err(ApiKeyError::Invalid),
        }
    }

    /// The key itself: never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
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

    #[test]
    fn a_key_is_visible_ascii() {
        for key in ["", "a key", "key\n", "k\u{e9}y", "key\r\nx: y"] {
            let result = ApiKey::new(key).map(drop);
            assert_eq!(result, Err(ApiKeyError::Invalid), "{key:?}");
        }
    }

    #[test]
    fn debug_hides_the_key() {
        let printed = format!("{:?}", ApiKey::new("5ec2e7-key"));
        assert!(!printed.contains("5ec2e7"), "{printed}");
    }
}
