//! The URLs that this crate sends to, follows or hands out.

use std::fmt;

use fluent_uri::component::{Authority, Scheme};
use fluent_uri::pct_enc::EStr;
use fluent_uri::pct_enc::encoder::{Path, Query};
use fluent_uri::{Uri, UriRef};

use crate::host::{Host, is_under};

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

/// An absolute URL that may carry footage or the API key: https, or plain http to a loopback
/// address, and without user information.
///
/// It may hold a clip's access token: print [`Url::authority`], never the whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(Uri<String>);

/// Why a text is no [`Url`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Not an absolute URL as RFC 3986 has it, with an address or a host's name of letters, digits,
    /// hyphens and underscores.
    Malformed,
    /// Neither https nor, to a loopback address, http.
    Insecure,
    /// User information before the host.
    UserInfo,
}

impl UrlError {
    /// What is wrong, to be read after the word for the URL.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "is not an absolute URL (RFC 3986)",
            Self::Insecure => "is not https (plain http is accepted for a loopback address only)",
            Self::UserInfo => "holds a user name or password",
        }
    }
}

impl Url {
    /// Reads an absolute URL.
    ///
    /// # Errors
    ///
    /// See [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        Uri::parse(text)
            .map_err(|_| UrlError::Malformed)
            .and_then(|uri| Self::check(uri.into()))
    }

    /// Reads a URL reference, such as a `Location` header holds (RFC 9110, section 10.2.2), as it
    /// stands in a reply from this URL.
    ///
    /// # Errors
    ///
    /// See [`UrlError`].
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
        let host = Host::parse(authority.host()).map_err(|_| UrlError::Malformed)?;
        if authority.port_to_u16().is_err() {
            return Err(UrlError::Malformed);
        }
        if authority.has_userinfo() {
            return Err(UrlError::UserInfo);
        }
        if uri.scheme() == HTTPS || (uri.scheme() == HTTP && is_loopback(&host, &authority)) {
            return Ok(Self(uri));
        }
        Err(UrlError::Insecure)
    }

    /// Whether the scheme is https; it is http otherwise.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == HTTPS
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        if self.is_https() { "https" } else { "http" }
    }

    /// Host and port, as written: what may be shown of a URL.
    pub fn authority(&self) -> &str {
        self.0
            .authority()
            .map_or("", |authority| authority.as_str())
    }

    /// The host, as written; an IPv6 address stands in brackets.
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

    /// Whether there is a fragment, which is not for the server.
    pub fn has_fragment(&self) -> bool {
        self.0.has_fragment()
    }

    /// The parameters of a query of the common form `name=value&name=value`.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&EStr<Query>, &EStr<Query>)> {
        let pairs = self
            .0
            .query()
            .into_iter()
            .flat_map(|query| query.split('&'));
        pairs.filter_map(|pair| pair.split_once('='))
    }

    /// What stands in the request line: path and query. Never empty.
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

    /// The whole URL: for a request or a caller, never for a message.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// Whether scheme, host and port are those of `other` (RFC 6454).
    pub fn same_origin(&self, other: &Self) -> bool {
        self.is_https() == other.is_https()
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port() == other.port()
    }

    /// Whether this is https, on its own port, at one of Meraki's five domains or below it.
    pub fn is_meraki(&self) -> bool {
        let host = self.host().to_ascii_lowercase();
        self.is_https()
            && self.port() == 443
            && MERAKI_DOMAINS
                .iter()
                .any(|domain| host == *domain || is_under(&host, domain))
    }

    fn port(&self) -> u16 {
        let given = self
            .0
            .authority()
            .and_then(|authority| authority.port_to_u16().ok().flatten());
        given.unwrap_or(if self.is_https() { 443 } else { 80 })
    }
}

const HTTPS: &Scheme = Scheme::new_or_panic("https");
const HTTP: &Scheme = Scheme::new_or_panic("http");

/// Whether a host is this machine. `localhost` counts: RFC 6761, section 6.3, keeps the name for loopback
/// addresses. With a trailing dot it is another name to browsers.
fn is_loopback(host: &Host, authority: &Authority<'_>) -> bool {
    match host {
        Host::Ip(ip) => ip.is_loopback(),
        Host::Domain(_) => authority.host().eq_ignore_ascii_case("localhost"),
    }
}

/// The path may be a clip's access token, so only the origin is shown.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({}://{}/...)", self.scheme(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn url(text: &str) -> Url {
        Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    #[test]
    fn https_goes_anywhere() {
        for text in [
            "https://api.meraki.com/api/v1",
            "https://10.0.0.1:8443/x",
            "HTTPS://h",
        ] {
            assert!(url(text).is_https(), "{text}");
        }
    }

    #[test]
    fn http_goes_to_loopback_only() {
        for text in [
            "http://127.0.0.1:8080/api/v1",
            "http://127.9.9.9",
            "http://[::1]:80/",
            "http://localhost:1",
            "http://LocalHost",
        ] {
            assert!(!url(text).is_https(), "{text}");
        }
        for text in [
            "http://api.meraki.com/",
            "http://128.0.0.1",
            "http://0.0.0.0",
            "http://[::2]",
            "http://localhost.evil.com",
            "http://127.0.0.1.evil.com",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
        ] {
            assert!(
                matches!(
                    Url::parse(text),
                    Err(UrlError::Insecure | UrlError::Malformed)
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "/clip",
            "//host/clip",
            "https://",
            "https:///clip",
            "https://h:99999/",
            "https://h/a b",
            "https://h/\r\nX: y",
            "https://é/",
            "data:text/plain,x",
            "https://:443/",
        ] {
            assert_eq!(Url::parse(text), Err(UrlError::Malformed), "{text:?}");
        }
        assert_eq!(
            Url::parse("https://api.meraki.com@evil.com/"),
            Err(UrlError::UserInfo)
        );
    }

    #[test]
    fn hosts_that_others_would_read_differently_are_refused() {
        for host in [
            "evil.com%2F.meraki.com",
            "evil.com%00.meraki.com",
            "api%2emeraki.com",
            "evil.com;.meraki.com",
            "a..meraki.com",
            ".meraki.com",
            "127.1",
            "0x7f000001",
            "2130706433",
            "meraki.com.0X7F.",
            "meraki.com.0x",
            "[v1.meraki.com]",
            "-h.example",
            "h-.example",
            &"a".repeat(64),
        ] {
            let text = format!("https://{host}/x");
            assert_eq!(Url::parse(&text), Err(UrlError::Malformed), "{text}");
        }
        for host in [
            "my_nas",
            "3com",
            "0xyz",
            &"a".repeat(63),
            "h.",
            "a-1.xn--p1ai",
            "[::1]",
            "10.0.0.1",
        ] {
            assert_eq!(url(&format!("https://{host}:8443/x")).host(), host);
        }
    }

    #[test]
    fn references_are_resolved() {
        let base = url("https://api.meraki.com/api/v1/devices/Q/camera/clip?a=b");
        for (reference, whole) in [
            ("https://n1.meraki.com/x?y", "https://n1.meraki.com/x?y"),
            ("//n1.meraki.com/x", "https://n1.meraki.com/x"),
            ("/api/v1/x?y=z", "https://api.meraki.com/api/v1/x?y=z"),
            (
                "other?y",
                "https://api.meraki.com/api/v1/devices/Q/camera/other?y",
            ),
            ("../up", "https://api.meraki.com/api/v1/devices/Q/up"),
        ] {
            assert_eq!(base.join(reference).unwrap().expose(), whole, "{reference}");
        }
        assert_eq!(
            base.join("http://api.meraki.com/x"),
            Err(UrlError::Insecure)
        );
        assert_eq!(base.join("http://[oops"), Err(UrlError::Malformed));
    }

    #[test]
    fn path_and_query_is_never_empty() {
        assert_eq!(url("https://h").path_and_query(), "/");
        assert_eq!(url("https://h?a=b").path_and_query(), "/?a=b");
        assert_eq!(url("https://h/p?a=b#f").path_and_query(), "/p?a=b");
    }

    #[test]
    fn origins() {
        let base = url("https://api.meraki.com/api/v1");
        for text in ["https://api.meraki.com/x", "https://API.meraki.com:443/"] {
            assert!(base.same_origin(&url(text)), "{text}");
        }
        for text in [
            "https://api.meraki.com:444/",
            "https://n1.meraki.com/",
            "https://api.meraki.com./",
        ] {
            assert!(!base.same_origin(&url(text)), "{text}");
        }
        assert!(!url("http://127.0.0.1:443/").same_origin(&url("https://127.0.0.1:443/")));
    }

    #[test]
    fn meraki_is_matched_by_whole_labels() {
        for text in [
            "https://api.meraki.com/",
            "https://meraki.com/",
            "https://n1.shard.MERAKI.CA/",
            "https://api.meraki.cn",
            "https://api.meraki.in",
            "https://api.gov-meraki.com",
            "https://api.meraki.com:443/",
        ] {
            assert!(url(text).is_meraki(), "{text}");
        }
        for text in [
            "https://evilmeraki.com/",
            "https://api.meraki.com.evil.com/",
            "https://meraki.co/",
            "https://api.meraki.com.",
            "https://not-gov-meraki.com/",
            "https://api.meraki.com:8443/",
        ] {
            assert!(!url(text).is_meraki(), "{text}");
        }
    }

    #[test]
    fn debug_hides_path_and_query() {
        let shown = format!(
            "{:?}",
            url("https://spn49.meraki.com/stream/t0ken?k=s3cret")
        );
        assert_eq!(shown, "Url(https://spn49.meraki.com/...)");
    }
}
