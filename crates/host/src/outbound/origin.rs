//! Scheme, host and port: what a policy compares.

use std::fmt;

use http::Uri;
use http::uri::Scheme;

use super::host::{Host, HostError};
use super::policy::Denied;

/// Scheme, host and port of a request, in canonical form. Nothing secret is in it: a request's
/// path, query and headers are not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

impl Origin {
    /// Takes the origin of an absolute URI.
    pub(super) fn of(uri: &Uri) -> Result<Self, Denied> {
        let authority = uri.authority().ok_or(Denied::Host(HostError::Missing))?;
        let scheme = uri
            .scheme_str()
            .and_then(web_scheme)
            .ok_or(Denied::Scheme)?;
        if authority.as_str().contains('@') {
            return Err(Denied::Userinfo);
        }
        // `Authority::port` is `None` for a number out of range, too: it must not become 443.
        let port = match split_port(authority.as_str()).1 {
            Some(port) => parse_port(port).ok_or(Denied::Port)?,
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

    /// The name or address, in canonical form.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, given or by the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and, unless it is the scheme's, port: what belongs into a canonical URI.
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
