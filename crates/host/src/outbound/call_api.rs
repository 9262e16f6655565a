//! The API, as one call may use it: which requests are for a clip, and how they are sent and answered.
//!
//! A request for a clip is not passed on. The host reads it, and sends one that it writes itself: the same operation,
//! with [`Authorization`](AUTHORIZATION), with the component's own `Accept` and `User-Agent` whatever the guest set, and
//! without a body. Its reply goes through [`ReplyFilter`].

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Empty};
use mv_clip_core::operation;
use secrecy::zeroize::Zeroizing;
use tracing::debug;
use wasmtime_wasi_http::{Error, WasiBody};

use super::framing::Author;
use super::key::{CallKey, SCHEME};
use super::named::NamedUrls;
use super::origin::Origin;
use super::policy::Policy;
use super::reply::ReplyFilter;
use crate::setting::Setting;
use crate::settings::Settings;

/// What one call may ask the API, and what it learned.
pub(super) struct CallApi {
    /// The path of the call's base URL. None if that is no URL, which the guest reports.
    base_path: Option<Arc<str>>,
    key: Option<CallKey>,
    /// The key that the guest has as a setting. None if the host keeps one.
    given: Option<Zeroizing<String>>,
    named: Arc<NamedUrls>,
}

impl fmt::Debug for CallApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallApi").finish_non_exhaustive()
    }
}

impl CallApi {
    pub(super) fn new(key: Option<CallKey>, settings: &Settings) -> Self {
        let given = match key {
            Some(_) => None,
            None => settings.iter().find(|(name, _)| *name == Setting::ApiKey),
        };
        Self {
            base_path: settings.base_path(),
            key,
            given: given.map(|(_, value)| Zeroizing::new(value.to_owned())),
            named: Arc::default(),
        }
    }

    /// The guest's environment variables: the settings of its call, and of the key only what [`CallKey`] gives.
    pub(super) fn variables(&self, settings: &Settings, mut set: impl FnMut(Setting, &str)) {
        match &self.key {
            Some(key) => key
                .variables(settings)
                .for_each(|(name, value)| set(name, value)),
            None => settings.iter().for_each(|(name, value)| set(name, value)),
        }
    }

    /// The URLs of clips that the API named.
    pub(super) fn named(&self) -> &NamedUrls {
        &self.named
    }

    /// The request that is sent for one of the guest's, who wrote it, and the filter of its reply if it is for a clip.
    pub(super) fn prepare(
        &self,
        mut request: Request<WasiBody>,
        policy: &Policy,
        origin: &Origin,
    ) -> Result<(Request<WasiBody>, Author, Option<ReplyFilter>), Error> {
        let resource = self.clip(&request, policy, origin);
        let mut sent_key = None;
        if let Some(key) = &self.key {
            let is_clip = resource.is_some();
            let put = key.put_into(&mut request, is_clip).map_err(|misuse| {
                debug!(%origin, %misuse, "request denied");
                Error::HttpRequestDenied
            })?;
            sent_key = put.then(|| key.secret().clone());
        }
        let Some(resource) = resource else {
            return Ok((request, Author::Guest, None));
        };
        let author = match sent_key.is_some() || self.bears_given_key(request.headers()) {
            true => Author::Host,
            // `Authorization` is the guest's, and can be anything.
            false => Author::Guest,
        };
        let filter = ReplyFilter {
            key: sent_key,
            named: Arc::clone(&self.named),
        };
        Ok((rewritten(&request, resource)?, author, Some(filter)))
    }

    fn bears_given_key(&self, fields: &HeaderMap) -> bool {
        let sent = fields.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let bearer = sent.and_then(|value| value.strip_prefix(SCHEME.as_bytes()));
        bearer.is_some_and(|bearer| {
            let given = self.given.as_ref();
            given.is_some_and(|given| given.as_bytes() == bearer)
        })
    }

    /// Path and query of the request that the host writes, if this is one for a clip.
    fn clip<B>(
        &self,
        request: &Request<B>,
        policy: &Policy,
        origin: &Origin,
    ) -> Option<PathAndQuery> {
        if *request.method() != Method::GET || !policy.is_api(origin) {
            return None;
        }
        let base_path = self.base_path.as_deref()?;
        let clip = operation::read(base_path, request.uri().path_and_query()?.as_str())?;
        operation::path_and_query(base_path, &clip).parse().ok()
    }
}

fn rewritten<B>(request: &Request<B>, resource: PathAndQuery) -> Result<Request<WasiBody>, Error> {
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(resource);
    let uri = Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
    let body = Empty::<Bytes>::new().map_err(|never| match never {});
    let mut rewritten = Request::new(body.boxed_unsync());
    *rewritten.uri_mut() = uri;
    *rewritten.headers_mut() = fields(request.headers());
    Ok(rewritten)
}

/// The fields of the request. Of the guest's, others could ask for a part of the reply or for another method, or have a
/// length or a value that a server closes the connection for.
fn fields(of_guest: &HeaderMap) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(3);
    fields.insert(ACCEPT, HeaderValue::from_static(operation::ACCEPT));
    fields.insert(USER_AGENT, HeaderValue::from_static(operation::USER_AGENT));
    if let Some(authorization) = of_guest.get(AUTHORIZATION) {
        fields.insert(AUTHORIZATION, authorization.clone());
    }
    fields
}

#[cfg(test)]
#[path = "call_api_tests.rs"]
mod tests;
