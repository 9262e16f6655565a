//! Scheme, host and port: what a policy compares.

use std::fmt;

use http::Uri;
use http::uri::Scheme;
use mv_clip_core::host::{Host, HostError};

/// Scheme, host and port of a request, in canonical form. Nothing secret is in it: a request's
/// path, query and headers are not.
///
/// `Display` writes it as a URL without a path: `https://api.meraki.com`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

/// Why a URI has no [`Origin`]. No policy can allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// The scheme is neither `http` nor `https`.
    #[error("the scheme of a request's URI must be http or https")]
    Scheme,
    /// The authority has an `@`.
    #[error("a request's URI must not carry user information: send credentials in a header")]
    Userinfo,
    /// The port is not a number from 1 to 65535.
    #[error("the port of a request's URI must be a number from 1 to 65535")]
    Port,
    /// The host is neither a name nor an address.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Origin {
    /// Takes the origin of an absolute URI.
    pub(super) fn of(uri: &Uri) -> Result<Self, OriginError> {
        let authority = uri.authority().ok_or(HostError::Empty)?;
        let scheme = uri
            .scheme_str()
            .and_then(web_scheme)
            .ok_or(OriginError::Scheme)?;
        if authority.as_str().contains('@') {
            return Err(OriginError::Userinfo);
        }
        // `Authority::port` is `None` for a number out of range, too: it must not become 443.
        let port = match split_port(authority.as_str()).1 {
            Some(port) => parse_port(port).ok_or(OriginError::Port)?,
            None => default_port(&scheme),
        };
        Ok(Self {
            scheme,
            host: Host::parse(authority.host())?,
            port,
        })
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// The port, given or by the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority of a canonical URI: the host, and the port unless it is the scheme's default.
    pub(super) fn authority(&self) -> String {
        if self.port == default_port(&self.scheme) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_origin(f, &self.scheme, &self.host, self.port)
    }
}

pub(super) fn web_scheme(text: &str) -> Option<Scheme> {
    [Scheme::HTTP, Scheme::HTTPS]
        .into_iter()
        .find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
}

pub(super) fn default_port(scheme: &Scheme) -> u16 {
    if *scheme == Scheme::HTTPS { 443 } else { 80 }
}

/// Splits an authority without user information after its host. A colon within brackets belongs
/// to an IPv6 address.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

pub(super) fn parse_port(text: &str) -> Option<u16> {
    // `u16` would accept a plus sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

pub(super) fn write_origin(
    f: &mut fmt::Formatter<'_>,
    scheme: &Scheme,
    host: &dyn fmt::Display,
    port: u16,
) -> fmt::Result {
    write!(f, "{scheme}://{host}")?;
    if port == default_port(scheme) {
        Ok(())
    } else {
        write!(f, ":{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_port_unless_it_is_its_schemes() {
        for (uri, authority) in [
            ("https://API.meraki.com.:443/x", "api.meraki.com"),
            ("https://api.meraki.com:80/", "api.meraki.com:80"),
            ("http://api.meraki.com:443/", "api.meraki.com:443"),
            ("http://[0:0:0:0:0:0:0:1]:80/", "[::1]"),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
        ] {
            let origin = Origin::of(&uri.parse().unwrap()).unwrap();
            assert_eq!(origin.authority(), authority, "{uri}");
        }
    }

    #[test]
    fn a_uri_without_an_origin_is_an_error() {
        for (uri, error) in [
            ("/api/v1", OriginError::Host(HostError::Empty)),
            ("ftp://api.meraki.com/", OriginError::Scheme),
            ("https://api.meraki.com@evil.net/", OriginError::Userinfo),
            ("https://me:443@api.meraki.com/", OriginError::Userinfo),
            ("https://api.meraki.com:/", OriginError::Port),
            ("https://api.meraki.com:65536/", OriginError::Port),
            // 443 in 16 bits.
            ("https://api.meraki.com:65979/", OriginError::Port),
            ("http://127.1/", OriginError::Host(HostError::InvalidIpv4)),
            (
                "https://*.meraki.com/",
                OriginError::Host(HostError::InvalidDomain),
            ),
        ] {
            assert_eq!(Origin::of(&uri.parse().unwrap()), Err(error), "{uri}");
        }
    }
}
