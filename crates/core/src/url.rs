//! [`Url`]: the URLs that requests are sent to, and that callers get.

use std::fmt;

use fluent_uri::component::{Authority, Host, Scheme};
use fluent_uri::pct_enc::EStr;
use fluent_uri::pct_enc::encoder::{Path, Query};
use fluent_uri::{Uri, UriRef};

use crate::host::{check_domain, is_under};

/// Meraki's regions, each with its own API and its own shards.
///
/// Source: the base URLs in Meraki's API documentation, "Path schema and base URI".
const MERAKI_DOMAINS: [&str; 5] = [
    "meraki.com",
    "meraki.ca",
    "meraki.cn",
    "meraki.in",
    "gov-meraki.com",
];

/// An absolute URL for footage or the API key: https, or plain http to a loopback address, without user
/// information, with a [`Host`](crate::host::Host).
///
/// It may contain a clip's access token: print [`Url::authority`], never the whole URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(Uri<String>);

/// Why a text is not a [`Url`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// Not an absolute URL (RFC 3986) with a [`Host`](crate::host::Host).
    Malformed,
    /// Neither https nor plain http to a loopback address.
    Insecure,
    /// There is user information before the host.
    UserInfo,
}

impl UrlError {
    /// What is wrong: a clause to follow "the URL", such as "is not https".
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "is not an absolute URL (RFC 3986)",
            Self::Insecure => "is not https (plain http is accepted for a loopback address only)",
            Self::UserInfo => "holds a user name or password",
        }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the URL {}", self.reason())
    }
}

impl std::error::Error for UrlError {}

impl Url {
    /// Parses an absolute URL.
    ///
    /// # Errors
    ///
    /// [`UrlError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        Uri::parse(text)
            .map_err(|_| UrlError::Malformed)
            .and_then(|uri| Self::check(uri.into()))
    }

    /// Resolves a URL reference, such as the value of a header `Location` (RFC 9110, section 10.2.2), against this
    /// URL.
    ///
    /// # Errors
    ///
    /// [`UrlError`] says which rule the result breaks.
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        let reference = UriRef::parse(reference).map_err(|_| UrlError::Malformed)?;
        let base = self.0.strip_fragment();
        reference
            .resolve_against(&base)
            .map_err(|_| UrlError::Malformed)
            .and_then(Self::check)
    }

    /// The same URL with another path and query. `path_and_query` starts with `/`.
    pub(crate) fn with_path(&self, path_and_query: &str) -> Result<Self, UrlError> {
        let origin = format!("{}://{}", self.scheme(), self.authority());
        Self::parse(&(origin + path_and_query))
    }

    fn check(uri: Uri<String>) -> Result<Self, UrlError> {
        let authority = uri.authority().ok_or(UrlError::Malformed)?;
        let is_loopback = is_loopback(&authority).ok_or(UrlError::Malformed)?;
        if authority.port_to_u16().is_err() {
            return Err(UrlError::Malformed);
        }
        if authority.has_userinfo() {
            return Err(UrlError::UserInfo);
        }
        if uri.scheme() == HTTPS || (uri.scheme() == HTTP && is_loopback) {
            return Ok(Self(uri));
        }
        Err(UrlError::Insecure)
    }

    /// Whether the scheme is https. Otherwise it is http.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == HTTPS
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        if self.is_https() { "https" } else { "http" }
    }

    /// Host and port, as written. This part of a URL may be printed.
    pub fn authority(&self) -> &str {
        self.0
            .authority()
            .map_or("", |authority| authority.as_str())
    }

    /// The host, as written; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.0.authority().map_or("", |authority| authority.host())
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.0.path().as_str()
    }

    /// The segments of the path.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &EStr<Path>> {
        self.0.path().split('/')
    }

    /// Whether there is a query.
    pub fn has_query(&self) -> bool {
        self.0.has_query()
    }

    /// Whether there is a fragment, which is not sent to the server.
    pub fn has_fragment(&self) -> bool {
        self.0.has_fragment()
    }

    /// The parameters of a query of the form `name=value&name=value`.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&EStr<Query>, &EStr<Query>)> {
        let pairs = self
            .0
            .query()
            .into_iter()
            .flat_map(|query| query.split('&'));
        pairs.filter_map(|pair| pair.split_once('='))
    }

    /// Path and query, as in the request line. Never empty.
    pub fn path_and_query(&self) -> String {
        let path = match self.path() {
            "" => "/",
            path => path,
        };
        match self.0.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }

    /// The whole URL. Do not put it into a message or a log.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// Whether scheme, host and port are the same as in `other` (RFC 6454).
    pub fn same_origin(&self, other: &Self) -> bool {
        self.is_https() == other.is_https()
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port() == other.port()
    }

    /// Whether this is https on port 443 at one of Meraki's five domains or a name under it.
    pub fn is_meraki(&self) -> bool {
        let host = self.host().to_ascii_lowercase();
        self.is_https()
            && self.port() == 443
            && MERAKI_DOMAINS
                .iter()
                .any(|domain| host == *domain || is_under(&host, domain))
    }

    /// Whether this is https on port 443 at an API of Meraki: see [`is_meraki_api`].
    pub fn is_meraki_api(&self) -> bool {
        self.is_https() && self.port() == 443 && is_meraki_api(&self.host().to_ascii_lowercase())
    }

    fn port(&self) -> u16 {
        let given = self
            .0
            .authority()
            .and_then(|authority| authority.port_to_u16().ok().flatten());
        given.unwrap_or(if self.is_https() { 443 } else { 80 })
    }
}

/// Whether a host, in lower case, is the API of a region, such as `api.meraki.com`, or one of the shards that the API
/// redirects to, such as `n149.meraki.com`. Other names under Meraki's domains serve web pages and footage.
pub fn is_meraki_api(host: &str) -> bool {
    let is_shard = |name: &str| {
        let number = name.strip_prefix('n').unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    host.split_once('.').is_some_and(|(name, domain)| {
        MERAKI_DOMAINS.contains(&domain) && (name == "api" || is_shard(name))
    })
}

/// The authority at the start of what follows `//` in a URL (RFC 3986, section 3.2). It is not checked.
pub(crate) fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

const HTTPS: &Scheme = Scheme::new_or_panic("https");
const HTTP: &Scheme = Scheme::new_or_panic("http");

/// Whether a host is this machine; none if it is not a [`Host`](crate::host::Host).
///
/// `localhost` is this machine: RFC 6761, section 6.3, keeps the name for loopback addresses. With a trailing dot
/// it is another name to browsers. The addresses are already parsed, which `Host::parse` would repeat.
fn is_loopback(authority: &Authority<'_>) -> Option<bool> {
    match authority.host_parsed() {
        Host::Ipv4(ip) => Some(ip.is_loopback()),
        Host::Ipv6(ip) => Some(ip.is_loopback()),
        Host::RegName(name) => {
            check_domain(name.as_str()).ok()?;
            Some(name.as_str().eq_ignore_ascii_case("localhost"))
        }
        _ => None,
    }
}

/// The path may contain a clip's access token, so only the origin is printed.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({}://{}/...)", self.scheme(), self.authority())
    }
}

#[cfg(test)]
mod tests;
