//! The entries of a policy, and the grammar that they are written in.

use std::fmt;
use std::str::FromStr;

use http::uri::Scheme;
use mv_clip_core::host::{Domain, Host, HostError};

use super::origin::{Origin, default_port, parse_port, split_port, web_scheme, write_origin};

/// One entry of a [`Policy`](crate::Policy): a scheme, a host or `*.` and a domain, and a port.
///
/// `FromStr` reads the forms of the table at [`Policy`](crate::Policy), and `Display` writes them, with the
/// port left out where it is the scheme's.
///
/// ```
/// use mv_clip_host::OriginPattern;
///
/// let pattern: OriginPattern = "https://*.Example.com:443".parse()?;
/// assert_eq!(pattern.to_string(), "https://*.example.com");
/// # Ok::<(), mv_clip_host::OriginPatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginPattern {
    scheme: Scheme,
    hosts: Hosts,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Hosts {
    Only(Host),
    /// The names under this domain, but not the domain.
    Under(Domain),
    /// Every name but `localhost`. It has no text form, because it must not be in a guest's policy.
    AnyName,
}

/// Why a text is not an [`OriginPattern`]. Messages do not repeat the text: it may be a whole URL, which may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginPatternError {
    /// The text does not start with `http://` or `https://`.
    #[error("an allowed origin starts with https:// or http://, as in https://api.meraki.com")]
    Scheme,
    /// There is an `@`.
    #[error("an allowed origin has no user information: leave out everything up to the @")]
    Userinfo,
    /// There is a path, a query or a fragment.
    #[error("an allowed origin ends after its host and port: leave out the path, ? and #")]
    NotAnOrigin,
    /// The port is not a number from 1 to 65535.
    #[error("a port is a number from 1 to 65535, as in http://127.0.0.1:8080")]
    Port,
    /// There is a `*` outside a leading `*.`, or the domain has fewer than two labels.
    #[error(
        "* is allowed only as a leading *. before a domain of two labels or more, as in \
         https://*.meraki.com"
    )]
    Wildcard,
    /// The host is neither a name nor an address.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl FromStr for OriginPattern {
    type Err = OriginPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginPatternError::Scheme)?;
        let scheme = web_scheme(scheme).ok_or(OriginPatternError::Scheme)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(OriginPatternError::Userinfo);
        }
        if authority.contains(['/', '\\', '?', '#']) {
            return Err(OriginPatternError::NotAnOrigin);
        }
        let (host, port) = split_port(authority);
        let port = match port {
            Some(port) => parse_port(port).ok_or(OriginPatternError::Port)?,
            None => default_port(&scheme),
        };
        Ok(Self {
            scheme,
            hosts: parse_hosts(host)?,
            port,
        })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::Only(host) => write_origin(f, &self.scheme, host, self.port),
            Hosts::Under(domain) => {
                write_origin(f, &self.scheme, &format_args!("*.{domain}"), self.port)
            }
            Hosts::AnyName => write_origin(f, &self.scheme, &"*", self.port),
        }
    }
}

impl OriginPattern {
    /// Every public server that has a name and a certificate, on https's own port: for the host's own requests.
    pub(super) fn public() -> Self {
        Self {
            scheme: Scheme::HTTPS,
            hosts: Hosts::AnyName,
            port: default_port(&Scheme::HTTPS),
        }
    }

    pub(super) fn covers(&self, origin: &Origin) -> bool {
        self.scheme == *origin.scheme()
            && self.port == origin.port()
            && self.hosts.cover(origin.host())
    }

    /// Whether the entry names this host, over any scheme and port. [`OriginPattern::public`] names none.
    pub(super) fn names(&self, host: &Host) -> bool {
        self.hosts != Hosts::AnyName && self.hosts.cover(host)
    }
}

impl Hosts {
    fn cover(&self, host: &Host) -> bool {
        match self {
            Self::Only(only) => only == host,
            Self::Under(domain) => host.is_under(domain),
            Self::AnyName => host.domain().is_some_and(|name| !name.is_localhost()),
        }
    }
}

fn parse_hosts(text: &str) -> Result<Hosts, OriginPatternError> {
    let Some(domain) = text.strip_prefix("*.") else {
        if text.contains('*') {
            return Err(OriginPatternError::Wildcard);
        }
        return Ok(Hosts::Only(Host::parse(text)?));
    };
    if domain.contains('*') {
        return Err(OriginPatternError::Wildcard);
    }
    match Host::parse(domain)? {
        Host::Domain(name) if name.labels() > 1 => Ok(Hosts::Under(name)),
        _ => Err(OriginPatternError::Wildcard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_one_canonical_form() {
        let cases = [
            ("a name", "https://api.meraki.com", "https://api.meraki.com"),
            (
                "a slash at the end",
                "https://api.meraki.com/",
                "https://api.meraki.com",
            ),
            (
                "upper case",
                "HTTPS://API.Meraki.COM",
                "https://api.meraki.com",
            ),
            (
                "a trailing dot",
                "https://api.meraki.com.",
                "https://api.meraki.com",
            ),
            (
                "the scheme's port",
                "https://api.meraki.com:443",
                "https://api.meraki.com",
            ),
            (
                "the other scheme's port",
                "http://api.meraki.com:443",
                "http://api.meraki.com:443",
            ),
            (
                "a port",
                "https://api.meraki.com:8443",
                "https://api.meraki.com:8443",
            ),
            (
                "a wildcard",
                "https://*.Meraki.com.:443",
                "https://*.meraki.com",
            ),
            (
                "a wildcard with a port",
                "http://*.example.com:8080",
                "http://*.example.com:8080",
            ),
            ("IPv4", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("IPv6", "http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
            ("IPv6 without a port", "http://[::1]", "http://[::1]"),
            ("localhost", "http://localhost:1", "http://localhost:1"),
        ];
        for (case, text, canonical) in cases {
            let pattern: OriginPattern = text
                .parse()
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(pattern.to_string(), canonical, "{case}");
            assert_eq!(canonical.parse(), Ok(pattern), "{case}, read again");
        }
    }

    #[test]
    fn invalid_patterns_are_rejected() {
        use OriginPatternError as E;
        let cases = [
            ("nothing", "", E::Scheme),
            ("no scheme", "api.meraki.com", E::Scheme),
            ("only a port", "api.meraki.com:443", E::Scheme),
            ("another scheme", "ftp://api.meraki.com", E::Scheme),
            ("a space in front", " https://api.meraki.com", E::Scheme),
            ("a user", "https://me@api.meraki.com", E::Userinfo),
            (
                "a password",
                "https://me:secret@api.meraki.com",
                E::Userinfo,
            ),
            ("a path", "https://api.meraki.com/api/v1", E::NotAnOrigin),
            ("two slashes", "https://api.meraki.com//", E::NotAnOrigin),
            ("a query", "https://api.meraki.com?x", E::NotAnOrigin),
            ("a fragment", "https://api.meraki.com#x", E::NotAnOrigin),
            ("a backslash", "https://api.meraki.com\\x", E::NotAnOrigin),
            ("no host", "https://", E::Host(HostError::Empty)),
            (
                "a port without a host",
                "https://:443",
                E::Host(HostError::Empty),
            ),
            ("an empty port", "https://api.meraki.com:", E::Port),
            ("port 0", "https://api.meraki.com:0", E::Port),
            ("port 65536", "https://api.meraki.com:65536", E::Port),
            ("a signed port", "https://api.meraki.com:+443", E::Port),
            (
                "a port that is a word",
                "https://api.meraki.com:https",
                E::Port,
            ),
            ("everything", "https://*", E::Wildcard),
            ("a whole top-level domain", "https://*.com", E::Wildcard),
            ("half a label", "https://api*.meraki.com", E::Wildcard),
            ("a star in the middle", "https://api.*.com", E::Wildcard),
            ("two stars", "https://*.*.meraki.com", E::Wildcard),
            ("a star over an address", "https://*.192.0.2.7", E::Wildcard),
            (
                "a star over nothing",
                "https://*.",
                E::Host(HostError::Empty),
            ),
            (
                "an address in short",
                "http://127.1",
                E::Host(HostError::InvalidIpv4),
            ),
            (
                "IPv6 without brackets",
                "http://::1",
                E::Host(HostError::InvalidDomain),
            ),
            (
                "a space",
                "https://api.meraki.com ",
                E::Host(HostError::InvalidDomain),
            ),
        ];
        for (case, text, error) in cases {
            assert_eq!(text.parse::<OriginPattern>(), Err(error), "{case}");
        }
    }
}
