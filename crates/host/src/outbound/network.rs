//! Private networks that a policy opens.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A network of IP addresses, such as `10.0.0.0/8` or `fd12:3456::/32`, for
/// [`Policy::allow_networks`](crate::Policy::allow_networks).
///
/// ```
/// use mv_clip_host::Network;
///
/// let cluster: Network = "10.96.0.0/12".parse()?;
/// # Ok::<(), mv_clip_host::NetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

/// The text is not a [`Network`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network: write an address and a prefix length, as in 10.0.0.0/8")]
pub struct NetworkError(String);

impl Network {
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let network = text.parse().map_err(|_| NetworkError(text.to_owned()))?;
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
