//! The API key in the host, so that the guest never has it.
//!
//! | mode | the guest has | the host |
//! | --- | --- | --- |
//! | none: no key in the host | the key, as a setting | passes on what the guest sends |
//! | [`KeyMode::Injection`] | nothing | adds `Authorization` to a request for a clip |
//! | [`KeyMode::Placeholder`] | a token, another one in each call | puts the key in its place |
//!
//! The key goes to the API's origins alone, wherever a redirect may lead a guest, and
//! for the one operation that the component is for: `GET …/devices/{serial}/camera/clip`. So a guest
//! can do nothing else with it, and clips that are on a host of the API's are fetched without. Of the
//! guest's other fields only `Accept` and `User-Agent` go along. A reply that repeats the key reaches the
//! guest with stars in its place.

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
/// In both modes the key goes to the origins of the API ([`Policy::new`], [`Policy::meraki`]) alone, and only
/// with the component's one operation, `GET …/devices/{serial}/camera/clip`. A reply that repeats the key
/// reaches the guest with stars in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyMode {
    /// The guest has no key, and the host adds `Authorization` to its requests. A request in
    /// which the guest sets that field itself is denied, wherever it goes. The default choice.
    Injection,
    /// The guest gets a random token in place of the key, which is worthless outside of its call.
    /// The host replaces it by the key in `Authorization`. A request that has the token elsewhere in its URI or
    /// fields, or takes it to another host or another operation, is denied. For a guest that insists on a key.
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
    #[error("the guest sets Authorization itself, which is the host's to add")]
    OwnAuthorization,
    #[error(
        "the placeholder of the API key is elsewhere than in Authorization on its way to the API"
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
            let mut fields = beside_the_key(request.headers());
            fields.insert(AUTHORIZATION, self.key.authorization.clone());
            *request.headers_mut() = fields;
        }
        Ok(wanted)
    }

    /// What must not come back.
    pub(super) fn secret(&self) -> &str {
        self.key.key.expose()
    }
}

impl fmt::Debug for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

/// What of a guest's fields goes along with the key. Others might ask for a reply in which the key would
/// not be found again, compressed or in parts, or for another operation than the method says.
fn beside_the_key(fields: &HeaderMap) -> HeaderMap {
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

/// Whether `Authorization` is there once, and is the token as a bearer's.
fn bears(headers: &HeaderMap, token: &str) -> bool {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let only = values.next().filter(|_| values.next().is_none());
    only.and_then(|value| value.to_str().ok()?.strip_prefix(SCHEME))
        .is_some_and(|bearer| bearer == token)
}

/// Whether the token is in the URI or in a field, that one aside if it `bears` it.
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
