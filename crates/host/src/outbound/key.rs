//! The API key in the host, so that the guest never has it.
//!
//! | mode | the guest has | the host |
//! | --- | --- | --- |
//! | none: no key in the host | the key, as a setting | passes on what the guest sends |
//! | [`KeyMode::Injection`] | nothing | adds `Authorization` to requests for a clip |
//! | [`KeyMode::Placeholder`] | a token, different in each call | replaces the token with the key |
//!
//! [`CallApi`](super::call_api::CallApi) says which requests these are. So a guest can do nothing else with the key, and
//! a clip that is on one of the API's hosts is fetched without it.

use std::fmt;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request};
use memchr::memmem;
use rand::RngCore;
use secrecy::zeroize::Zeroizing;

use crate::api_key::ApiKey;
use crate::setting::Setting;
use crate::settings::Settings;

pub(super) const SCHEME: &str = "Bearer ";

/// How requests get the API key that the host keeps.
///
/// In both modes the key is sent only to the origins of the API ([`Policy::new`](crate::Policy::new),
/// [`Policy::meraki`](crate::Policy::meraki)), and only with the component's one operation:
/// `GET {path of the base URL}/devices/{serial}/camera/clip`, with its parameters and no others. The host writes that
/// request itself. Nothing that the guest sees of the reply depends on the key; where the reply repeats it, the guest sees
/// asterisks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyMode {
    /// The guest has no key, and the host adds `Authorization` to its requests. A request in which the guest
    /// sets that field itself is denied, wherever it goes. Choose this unless the guest requires a key.
    Injection,
    /// The guest gets a random token instead of the key. The token is valid for one call. In `Authorization`, the
    /// host replaces it with the key. A request is denied if it has the token in its URI or in another header
    /// field, or if it sends the token to another host or operation. For guests that require a key.
    Placeholder,
}

/// The key that the host keeps, and how requests get it. Cloning is cheap, and does not copy the key.
#[derive(Clone)]
pub(super) struct KeptKey {
    key: ApiKey,
    mode: KeyMode,
}

impl KeptKey {
    pub(super) fn new(key: ApiKey, mode: KeyMode) -> Self {
        Self { key, mode }
    }

    /// The value of `Authorization`. The memory that holds it is cleared when the request is dropped.
    fn authorization(&self) -> Option<HeaderValue> {
        let key = self.key.expose();
        // With its final capacity, so that no copy stays behind.
        let mut value = Zeroizing::new(Vec::with_capacity(SCHEME.len() + key.len()));
        value.extend_from_slice(SCHEME.as_bytes());
        value.extend_from_slice(key.as_bytes());
        let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(value)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for KeptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptKey")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Why a request is denied for what it does with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misuse {
    #[error("the guest sets Authorization, which only the host may add")]
    OwnAuthorization,
    #[error(
        "the placeholder of the API key is not in the header Authorization of a request for a clip"
    )]
    PlaceholderElsewhere,
}

/// The key of one call.
pub(super) struct CallKey {
    key: KeptKey,
    placeholder: Option<String>,
}

impl CallKey {
    pub(super) fn new(key: KeptKey) -> Self {
        let placeholder = match key.mode {
            KeyMode::Injection => None,
            KeyMode::Placeholder => {
                let mut token = [0; 32];
                rand::rng().fill_bytes(&mut token);
                Some(hex::encode(token))
            }
        };
        Self { key, placeholder }
    }

    /// The guest's variables: with the placeholder, if there is one, and never with a key.
    pub(super) fn variables<'a>(
        &'a self,
        settings: &'a Settings,
    ) -> impl Iterator<Item = (Setting, &'a str)> {
        let others = settings.iter().filter(|(name, _)| *name != Setting::ApiKey);
        let placeholder = self.placeholder.as_deref();
        others.chain(placeholder.map(|token| (Setting::ApiKey, token)))
    }

    /// Puts the key into a request for a clip, if the guest asks for it, and says whether it did.
    pub(super) fn put_into<B>(
        &self,
        request: &mut Request<B>,
        is_clip: bool,
    ) -> Result<bool, Misuse> {
        let headers = request.headers();
        let wanted = match &self.placeholder {
            None if headers.contains_key(AUTHORIZATION) => return Err(Misuse::OwnAuthorization),
            None => is_clip,
            Some(token) => {
                let bears = bears(headers, token);
                if bears && !is_clip || is_elsewhere(request, token, bears) {
                    return Err(Misuse::PlaceholderElsewhere);
                }
                bears
            }
        };
        // `ApiKey` excludes a key that cannot be in a header.
        let value = wanted.then(|| self.key.authorization()).flatten();
        let Some(value) = value else {
            return Ok(false);
        };
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(true)
    }

    /// The key, which replies must not repeat.
    pub(super) fn secret(&self) -> &ApiKey {
        &self.key.key
    }
}

impl fmt::Debug for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

/// Whether there is exactly one `Authorization`, with the token as a bearer token.
fn bears(headers: &HeaderMap, token: &str) -> bool {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let only = values.next().filter(|_| values.next().is_none());
    only.and_then(|value| value.to_str().ok()?.strip_prefix(SCHEME))
        .is_some_and(|bearer| bearer == token)
}

/// Whether the token is in the URI or in a header field. `Authorization` does not count if it `bears` the token.
fn is_elsewhere<B>(request: &Request<B>, token: &str, bears: bool) -> bool {
    let in_field = |(name, value): (&http::HeaderName, &HeaderValue)| {
        is_in(name.as_str().as_bytes(), token)
            || is_in(value.as_bytes(), token) && !(bears && name == AUTHORIZATION)
    };
    is_in(request.uri().to_string().as_bytes(), token) || request.headers().iter().any(in_field)
}

fn is_in(text: &[u8], token: &str) -> bool {
    memmem::find(text, token.as_bytes()).is_some()
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
