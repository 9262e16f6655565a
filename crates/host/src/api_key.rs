//! The API key, as a type that does not print it and clears its memory.

use std::env;
use std::fmt;
use std::sync::Arc;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use crate::setting::Setting;

/// An API key of the Meraki Dashboard.
///
/// It is a secret: `Debug` does not print it, there is no `Display`, and [`ApiKey::expose`] is the only way
/// to its text. Give it to [`ClipHostBuilder::key`](crate::ClipHostBuilder::key), which keeps it in the
/// host, or to [`Settings::api_key`](crate::Settings::api_key), which hands it to the component.
///
/// Clones share one copy of the key in memory, which is cleared when the last of them is dropped.
///
/// ```
/// use mv_clip_host::ApiKey;
///
/// let key = ApiKey::new("0123456789abcdef")?;
/// assert_eq!(format!("{key:?}"), "ApiKey(hidden)");
/// # Ok::<(), mv_clip_host::ApiKeyError>(())
/// ```
#[derive(Clone)]
pub struct ApiKey(Arc<SecretString>);

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
    /// Takes a key: one or more visible ASCII characters. The memory of `key` is cleared.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError::Invalid`].
    pub fn new(key: impl Into<String>) -> Result<Self, ApiKeyError> {
        let key = Zeroizing::new(key.into());
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ApiKeyError::Invalid);
        }
        // A `String` that shrinks to its content can leave a copy behind.
        Ok(Self(Arc::new(SecretString::from(key.as_str()))))
    }

    /// Takes the key from this process's environment variable `MERAKI_DASHBOARD_API_KEY`.
    ///
    /// The environment keeps its own copy for as long as the process runs. [`ApiKey::from_file`] leaves none.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError::Missing`] if the variable is not set, [`ApiKeyError::Invalid`] if its value is not a
    /// key.
    pub fn from_env() -> Result<Self, ApiKeyError> {
        let value = env::var_os(Setting::ApiKey.name()).ok_or(ApiKeyError::Missing)?;
        let value = Zeroizing::new(value.into_encoded_bytes());
        let key = str::from_utf8(&value).map_err(|_| ApiKeyError::Invalid)?;
        Self::new(key)
    }

    /// The key itself: never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for ApiKey {}

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
    fn clones_share_the_key() {
        let key = ApiKey::new("5ec2e7-key").unwrap();
        assert_eq!(key.expose().as_ptr(), key.clone().expose().as_ptr());
        assert_eq!(key, ApiKey::new("5ec2e7-key").unwrap());
        assert_ne!(key, ApiKey::new("5ec2e7-kez").unwrap());
    }

    #[test]
    fn debug_hides_the_key() {
        let printed = format!("{:?}", ApiKey::new("5ec2e7-key"));
        assert!(!printed.contains("5ec2e7"), "{printed}");
    }
}
