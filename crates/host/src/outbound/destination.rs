//! The entries of a policy, and the grammar that they are written in.

use std::fmt;
use std::str::FromStr;

use http::uri::Scheme;

use super::host::{Host, HostError};
use super::origin::{Origin, default_port, parse_port, split_port, web_scheme, write_origin};

/// One entry of a [`Policy`](super::policy::Policy): a scheme, a host or `*.` and a domain, and a
/// port.
///
/// Read from text in the forms of the table in [`policy`](super::policy) and written in the same,
/// with the port left out where it is the scheme's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    scheme: Scheme,
    hosts: Hosts,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Hosts {
    Only(Host),
    /// The names under this domain, but not the domain.
    Under(String),
    /// Every name but this machine's. Nobody can write it: for guests that would be no policy.
    Named,
}

/// Why a text is not a [`Destination`]. The text itself is not repeated: somebody who pastes a
/// whole URL may have pasted a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// Neither `http://` nor `https://` at the start.
    #[error("a destination starts with https:// or http://, as in https://api.meraki.com")]
    Scheme,
    /// An `@`.
    #[error("a destination has no user information: leave out everything up to the @")]
    Userinfo,
    /// A path, a query or a fragment.
    #[error("a destination ends after its host and port: leave out the path, ? and #")]
    NotAnOrigin,
    /// Not a number from 1 to 65535.
    #[error("a port is a number from 1 to 65535, as in http://127.0.0.1:8080")]
    Port,
    /// A `*` elsewhere than in a leading `*.`, or over less than two labels.
    #[error(
        "* stands only for whole names under a domain of two labels or more, as in \
         https://*.meraki.com"
    )]
    Wildcard,
    /// The host is neither a name nor an address.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(DestinationError::Scheme)?;
        let scheme = web_scheme(scheme).ok_or(DestinationError::Scheme)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(DestinationError::Userinfo);
        }
        if authority.contains(['/', '\\', '?', '#']) {
            return Err(DestinationError::NotAnOrigin);
        }
        let (host, port) = split_port(authority);
        let port = match port {
            Some(port) => parse_port(port).ok_or(DestinationError::Port)?,
            None => default_port(&scheme),
        };
        Ok(Self {
            scheme,
            hosts: parse_hosts(host)?,
            port,
        })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::Only(host) => write_origin(f, &self.scheme, host, self.port),
            Hosts::Under(domain) => {
                write_origin(f, &self.scheme, &format_args!("*.{domain}"), self.port)
            }
            Hosts::Named => write_origin(f, &self.scheme, &"*", self.port),
        }
    }
}

impl Destination {
    /// Every public server that has a name and a certificate, on https's own port: for the harness's own requests.
    pub(super) fn public() -> Self {
        Self {
            scheme: Scheme::HTTPS,
            hosts: Hosts::Named,
            port: default_port(&Scheme::HTTPS),
        }
    }

    pub(super) fn covers(&self, origin: &Origin) -> bool {
        self.scheme == *origin.scheme()
            && self.port == origin.port()
            && self.hosts.cover(origin.host())
    }
}

impl Hosts {
    fn cover(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Only(only), host) => only == host,
            (Self::Under(domain), Host::Name(name)) => name
                .strip_suffix(domain.as_str())
                .is_some_and(|labels| labels.ends_with('.')),
            (Self::Named, host @ Host::Name(_)) => !host.is_localhost(),
            (Self::Under(_) | Self::Named, Host::Ip(_)) => false,
        }
    }
}

fn parse_hosts(text: &str) -> Result<Hosts, DestinationError> {
    let Some(domain) = text.strip_prefix("*.") else {
        if text.contains('*') {
            return Err(DestinationError::Wildcard);
        }
        return Ok(Hosts::Only(Host::parse(text)?));
    };
    if domain.contains('*') {
        return Err(DestinationError::Wildcard);
    }
    match Host::parse(domain)? {
        Host::Name(name) if name.contains('.') => Ok(Hosts::Under(name)),
        _ => Err(DestinationError::Wildcard),
    }
}
