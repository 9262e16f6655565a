//! The API key in the hands of the host, so that the guest never holds it.
//!
//! | mode | the guest has | the host |
//! | --- | --- | --- |
//! | none: no [`ApiKey`] | the key, as a setting | passes on what the guest sends |
//! | [`KeyMode::Injection`] | nothing | adds `Authorization` to a request for a clip |
//! | [`KeyMode::Placeholder`] | a token, another one in each call | puts the key in its place |
//!
//! Either way the key goes to the given destinations alone, wherever a redirect may lead a guest, and
//! for the one operation that the component is for: `GET …/devices/{serial}/camera/clip`. So a guest
//! can do nothing else with it, and clips that are on a host of the API's are fetched without. Of the
//! guest's other fields only `Accept` and `User-Agent` go along. A reply that repeats the key reaches the
//! guest with stars in its place.

use std::fmt;

use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use memchr::memmem;
use rand::RngCore;

use super::policy::{Destination, Origin, Policy};

/// The setting in which the component looks for the key.
pub(crate) const VARIABLE: &str = "MERAKI_DASHBOARD_API_KEY";

const SCHEME: &str = "Bearer ";

/// How a guest comes to send the key without having it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    /// The host adds `Authorization` to each request for a clip to the API's destinations. A request in
    /// which the guest sets that field itself is denied, wherever it goes.
    Injection,
    /// The guest gets a random token in place of the key, which is worth nothing outside of its call.
    /// The host swaps it for the key in `Authorization` of a request for a clip to the API's
    /// destinations. A request that has the token elsewhere in its URI or fields, or takes it to another
    /// host or another operation, is denied.
    Placeholder,
}

/// An API key that the host keeps, for [`OutboundBuilder::key`](super::OutboundBuilder::key).
///
/// `Debug` does not print the key.
///
/// ```
/// use mv_clip_host::outbound::{ApiKey, KeyMode, Outbound, Policy};
/// use mv_clip_host::outbound::policy::Destination;
///
/// let meraki: Destination = "https://*.meraki.com".parse()?;
/// let key = ApiKey::new("0123456789abcdef", KeyMode::Placeholder, [meraki.clone()])?;
/// let outbound = Outbound::builder().policy(Policy::new([meraki])).key(key).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ApiKey {
    key: String,
    /// The value of `Authorization`.
    authorization: HeaderValue,
    mode: KeyMode,
    destinations: Policy,
}

/// Why a text is no API key. The text is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an API key is one or more visible ASCII characters, without spaces or line ends")]
pub struct ApiKeyError;

impl ApiKey {
    /// Keeps `key` for the API's `destinations`. They may get the key; whether they may be reached is the
    /// policy's to say.
    ///
    /// # Errors
    ///
    /// [`ApiKeyError`] if `key` is empty or has other characters than visible ASCII.
    pub fn new(
        key: &str,
        mode: KeyMode,
        destinations: impl IntoIterator<Item = Destination>,
    ) -> Result<Self, ApiKeyError> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ApiKeyError);
        }
        let bearer = HeaderValue::try_from(format!("{SCHEME}{key}"));
        let mut authorization = bearer.map_err(|_| ApiKeyError)?;
        authorization.set_sensitive(true);
        Ok(Self {
            key: key.to_owned(),
            authorization,
            mode,
            destinations: Policy::new(destinations),
        })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("mode", &self.mode)
            .field("destinations", &self.destinations)
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
    key: ApiKey,
    placeholder: Option<String>,
}

impl CallKey {
    pub(super) fn new(key: ApiKey) -> Self {
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

    /// The guest's settings: with the placeholder, where there is one, and without a key in any case.
    pub(super) fn settings(&self, given: &[(String, String)]) -> Vec<(String, String)> {
        let others = given.iter().filter(|(name, _)| name != VARIABLE).cloned();
        let placeholder = self.placeholder.clone();
        others
            .chain(placeholder.map(|token| (VARIABLE.to_owned(), token)))
            .collect()
    }

    /// Puts the key into a request where it belongs, and says whether it did.
    pub(super) fn put_into<B>(
        &self,
        request: &mut Request<B>,
        origin: &Origin,
    ) -> Result<bool, Misuse> {
        let to_api = self.key.destinations.covers(origin)
            && is_operation(request.method(), request.uri().path());
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
        &self.key.key
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
