//! Which destinations a guest may send requests to.
//!
//! A [`Policy`] is a list of [`Destination`]s. It denies by default: what is on the list may be
//! reached, everything else may not, and **an empty list allows nothing**.
//!
//! | destination | what it allows |
//! | --- | --- |
//! | `https://api.meraki.com` | that name over TLS, on port 443 |
//! | `https://api.meraki.com:8443` | the same on port 8443 only |
//! | `http://api.meraki.com` | that name in plain text, on port 80 |
//! | `https://*.meraki.com` | every name under `meraki.com`, at any depth; not `meraki.com` itself |
//! | `http://127.0.0.1:8080` | that address; written so, it may be a private one |
//! | `http://[::1]:8080` | the same for IPv6; brackets are needed |
//! | `http://localhost:8080` | this machine, by its one reserved name |
//!
//! The rules at the edges:
//!
//! - **Scheme and port are part of a destination.** `https://api.meraki.com` allows neither plain
//!   text nor another port. Without a port it is the scheme's: 443 or 80.
//! - **Whole labels are compared, never parts of them.** `https://*.meraki.com` does not allow
//!   `notmeraki.com` or `meraki.com.example.net`.
//! - **Case and one trailing dot do not count**, as in DNS: `API.Meraki.com.` is `api.meraki.com`.
//! - **`*.` stands at the front, once, over a domain of two labels or more.** `https://*` and
//!   `https://*.com` are errors: that would be no policy. It never matches an address.
//! - **Addresses are compared by value**: `[0:0:0:0:0:0:0:1]` is `[::1]`. Other notations of IPv4
//!   (`127.1`, `0x7f000001`) are refused, in destinations as in requests, and an IPv4-mapped IPv6
//!   address is not the IPv4 address in it.
//! - **A destination is an origin.** One `/` at the end is accepted; a path, a query or a
//!   fragment is an error, because nothing would enforce it.
//! - **User information is refused** in destinations and in requests: in
//!   `https://api.meraki.com@example.net` the host is `example.net`.
//!
//! The policy judges names. Which addresses a name may then lead to is a second question, which
//! [`address`](super::address) answers for each connection: a name on this list that resolves to
//! a private network is refused all the same.
//!
//! # Example
//!
//! ```
//! use mv_clip_host::outbound::policy::{Denied, Destination, Policy};
//!
//! let policy: Policy = ["https://*.meraki.com", "http://127.0.0.1:8080"]
//!     .into_iter()
//!     .map(str::parse::<Destination>)
//!     .collect::<Result<_, _>>()?;
//!
//! let shard = "https://n7.meraki.com/api/v1".parse::<http::Uri>()?;
//! assert_eq!(policy.allows(&shard)?.to_string(), "https://n7.meraki.com");
//!
//! let lookalike = "https://n7.notmeraki.com/api/v1".parse::<http::Uri>()?;
//! assert!(matches!(policy.allows(&lookalike), Err(Denied::NotListed(_))));
//!
//! assert!(Policy::default().allows(&shard).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use http::Uri;

pub use super::destination::{Destination, DestinationError};
use super::host::HostError;
pub use super::origin::Origin;

/// Why a request may not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No [`Destination`] of the policy covers this origin.
    #[error("{0} is not an allowed destination: add it to the outbound policy if it should be")]
    NotListed(Box<Origin>),
    /// Another scheme than `http` and `https`, or none.
    #[error("only http and https requests are sent")]
    Scheme,
    /// The authority has an `@`.
    #[error("a request's URI must not carry user information: send credentials in a header")]
    Userinfo,
    /// Not a number from 1 to 65535.
    #[error("the port of a request's URI must be a number from 1 to 65535")]
    Port,
    /// The host is neither a name nor an address.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// The destinations that may be reached. Its default allows none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    destinations: Vec<Destination>,
}

impl Policy {
    /// Allows these destinations and no other.
    pub fn new(destinations: impl IntoIterator<Item = Destination>) -> Self {
        Self {
            destinations: destinations.into_iter().collect(),
        }
    }

    /// This policy, and all public servers with a name over https beside it.
    pub(crate) fn and_public(&self) -> Self {
        let mut policy = self.clone();
        policy.destinations.push(Destination::public());
        policy
    }

    /// What is allowed, in the order given.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.destinations.iter()
    }

    /// Decides about a request to `uri`, an absolute `http` or `https` URI, and gives its
    /// canonical origin. Only scheme and authority count.
    ///
    /// # Errors
    ///
    /// [`Denied::NotListed`] if no destination covers it; the other cases of [`Denied`] if the URI
    /// is one that no policy could allow.
    pub fn allows(&self, uri: &Uri) -> Result<Origin, Denied> {
        let origin = Origin::of(uri)?;
        if self.covers(&origin) {
            Ok(origin)
        } else {
            Err(Denied::NotListed(Box::new(origin)))
        }
    }

    pub(super) fn covers(&self, origin: &Origin) -> bool {
        let covers = |destination: &Destination| destination.covers(origin);
        self.destinations.iter().any(covers)
    }
}

impl FromIterator<Destination> for Policy {
    fn from_iter<I: IntoIterator<Item = Destination>>(destinations: I) -> Self {
        Self::new(destinations)
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
