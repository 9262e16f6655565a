//! The API key in the host, so that the guest never has it.
//!
//! | mode | the guest has | the host |
//! | --- | --- | --- |
//! | none: no key in the host | the key, as a setting | passes on what the guest sends |
//! | [`KeyMode::Injection`] | nothing | adds `Authorization` to requests for a clip |
//! | [`KeyMode::Placeholder`] | a token, different in each call | replaces the token with the key |
//!
//! The key is sent only to the API's origins, wherever a redirect leads, and only with the component's one
//! operation: `GET …/devices/{serial}/camera/clip`. So a guest can do nothing else with it, and a clip that is
//! on one of the API's hosts is fetched without it. Of the guest's other header fields, only `Accept` and
//! `User-Agent` are sent with the key. If a response repeats the key, the guest sees asterisks.

use std::fmt;
use std::sync::Arc;

use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use memchr::memmem;
use rand::RngCore;

use super::origin::Origin;
use super::policy::Policy;
use crate::api_key::ApiKey;
use crate::setting::Setting;
use crate::settings::Settings;

const SCHEME: &str = "Bearer ";

/// How requests get the API key that the host keeps.
///
/// In both modes the key is sent only to the origins of the API ([`Policy::new`], [`Policy::meraki`]), and only
/// with the component's one operation, `GET …/devices/{serial}/camera/clip`. If a response repeats the key, the
/// guest sees asterisks.
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

/// The key that the host keeps, and how requests get it. Cloning is cheap.
#[derive(Clone)]
pub(super) struct KeptKey {
    key: ApiKey,
    /// The value of `Authorization`.
    authorization: HeaderValue,
    mode: KeyMode,
    policy: Arc<Policy>,
}

impl KeptKey {
    /// For the API's origins in `policy`. None if the key cannot be in a header, which [`ApiKey`] excludes.
    pub(super) fn new(key: ApiKey, mode: KeyMode, policy: Arc<Policy>) -> Option<Self> {
        let bearer = format!("{SCHEME}{}", key.expose());
        let mut authorization = HeaderValue::try_from(bearer).ok()?;
        authorization.set_sensitive(true);
        Some(Self {
            key,
            authorization,
            mode,
            policy,
        })
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

    /// Puts the key into a request where it belongs, and says whether it did.
    pub(super) fn put_into<B>(
        &self,
        request: &mut Request<B>,
        origin: &Origin,
    ) -> Result<bool, Misuse> {
        let to_api =
            self.key.policy.is_api(origin) && is_operation(request.method(), request.uri().path());
        let headers = request.headers();
        let wanted = match &self.placeholder {
            None if headers.contains_key(AUTHORIZATION) => return Err(Misuse::OwnAuthorization),
            None => to_api,
            Some(token) => {
                let bears = bears(headers, token);
                if bears && !to_api || is_elsewhere(request, token, bears) {
                    return Err(Misuse::PlaceholderElsewhere);
                }
                bears
            }
        };
        if wanted {
            let mut fields = allowed_headers(request.headers());
            fields.insert(AUTHORIZATION, self.key.authorization.clone());
            *request.headers_mut() = fields;
        }
        Ok(wanted)
    }

    /// The secret that responses must not repeat.
    pub(super) fn secret(&self) -> &str {
        self.key.key.expose()
    }
}

impl fmt::Debug for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

/// The header fields of a guest that are sent with the key. Others could request a compressed or partial
/// response, in which the key would not be found, or override the method.
fn allowed_headers(fields: &HeaderMap) -> HeaderMap {
    let kept = [ACCEPT, USER_AGENT].into_iter();
    kept.filter_map(|name| Some((name.clone(), fields.get(&name)?.clone())))
        .collect()
}

/// Whether this is `clipDeviceCamera`, on the API itself or on a shard that it redirects to.
fn is_operation(method: &Method, path: &str) -> bool {
    let mut segments = path.rsplit('/');
    let is_serial = |text: &str| {
        let in_serials = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !text.is_empty() && text.bytes().all(in_serials)
    };
    *method == Method::GET
        && segments.next() == Some("clip")
        && segments.next() == Some("camera")
        && segments.next().is_some_and(is_serial)
        && segments.next() == Some("devices")
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
