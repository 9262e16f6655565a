//! What a guest may send requests to.

use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;
use mv_clip_core::host::Host;
use mv_clip_core::url::is_meraki_api;

use super::address::Surroundings;
use super::nat64::Nat64Prefix;
use super::network::Network;
use super::origin::{Origin, OriginError};
use super::pattern::OriginPattern;

/// The origins that a guest may send requests to. What is not on the list is denied, and the policy of
/// [`Policy::default`] allows nothing.
///
/// ```
/// use mv_clip_host::Policy;
///
/// // The API and the media hosts of Meraki, and a bucket for `save_clip`.
/// let policy = Policy::meraki().allow(["https://footage.s3.eu-central-1.amazonaws.com".parse()?]);
/// # Ok::<(), mv_clip_host::OriginPatternError>(())
/// ```
///
/// # How an origin is written
///
/// | [`OriginPattern`] | what it allows |
/// | --- | --- |
/// | `https://api.meraki.com` | that name over TLS, on port 443 |
/// | `https://api.meraki.com:8443` | the same on port 8443 only |
/// | `http://api.meraki.com` | that name in plain text, on port 80 |
/// | `https://*.meraki.com` | every name under `meraki.com`, at any depth; not `meraki.com` itself |
/// | `http://127.0.0.1:8080` | that address; written so, it may be a private one |
/// | `http://[::1]:8080` | the same for IPv6; brackets are needed |
/// | `http://localhost:8080` | this machine, by its one reserved name |
///
/// - **Scheme and port are part of an origin.** `https://api.meraki.com` allows neither plain text nor another
///   port. Without a port it is the scheme's: 443 or 80.
/// - **Whole labels are compared, never parts of them.** `https://*.meraki.com` does not allow
///   `notmeraki.com` or `meraki.com.example.net`.
/// - **Case and one trailing dot do not count**, as in DNS: `API.Meraki.com.` is `api.meraki.com`.
/// - **`*.` stands at the front, once, over a domain of two labels or more.** `https://*` and
///   `https://*.com` are errors. It never matches an address.
/// - **Addresses are compared by value**: `[0:0:0:0:0:0:0:1]` is `[::1]`. Other notations of IPv4
///   (`127.1`, `0x7f000001`) are refused, in patterns as in requests, and an IPv4-mapped IPv6
///   address is not the IPv4 address in it.
/// - **One `/` at the end is accepted**; a path, a query or a fragment is an error, because nothing
///   would enforce it.
/// - **User information is refused** in patterns and in requests: in
///   `https://api.meraki.com@example.net` the host is `example.net`.
///
/// # Where a name may lead
///
/// The owner of a DNS zone decides where its names lead: to a database on a private network, to a router, to
/// the service that hands out a cloud machine's credentials. So each address is checked right before the
/// connection is made:
///
/// | how the policy names the host | addresses that may be connected to |
/// | --- | --- |
/// | a name | globally reachable unicast but this machine's own, and [`Policy::allow_networks`] |
/// | `localhost` | loopback, nothing else |
/// | a literal address | that address, private ones included |
/// | any of them | never: link-local, cloud metadata, multicast, unspecified, reserved |
///
/// An IPv6 address that leads to an IPv4 address is treated as both: IPv4-mapped and IPv4-compatible addresses, the
/// well-known NAT64 prefix `64:ff9b::/96`, 6to4, ISATAP, and [`Policy::nat64_prefixes`].
///
/// Behind a [`Proxy`](crate::Proxy), it is the proxy that connects to the address: see there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    api: Vec<OriginPattern>,
    /// Whether Meraki's own API counts as one of `api`.
    meraki: bool,
    others: Vec<OriginPattern>,
    networks: Vec<Network>,
    nat64: Vec<Nat64Prefix>,
}

/// Why a request may not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// The policy does not allow this origin.
    #[error("{0} is not an allowed origin: add it to the outbound policy if it should be")]
    NotListed(Box<Origin>),
    /// The URI has no valid origin, so no policy can allow it.
    #[error(transparent)]
    Origin(#[from] OriginError),
}

/// All names of Meraki's regions: their APIs with the shards, and the hosts of clips.
const MERAKI: [&str; 5] = [
    "https://*.meraki.com",
    "https://*.meraki.ca",
    "https://*.meraki.cn",
    "https://*.meraki.in",
    "https://*.gov-meraki.com",
];

impl Policy {
    /// Allows the origins of the API, and no other. A key that the host keeps
    /// ([`ClipHostBuilder::key`](crate::ClipHostBuilder::key)) goes to these alone; add all other origins with
    /// [`Policy::allow`].
    pub fn new(api: impl IntoIterator<Item = OriginPattern>) -> Self {
        Self {
            api: api.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Allows https to all names under Meraki's domains: `meraki.com`, `meraki.ca`, `meraki.cn`, `meraki.in` and
    /// `gov-meraki.com`. The APIs of all regions are there, the shards that they redirect to, and the clips.
    ///
    /// A key that the host keeps goes only to the APIs, such as `api.meraki.com`, and to the shards, such as
    /// `n149.meraki.com`.
    #[must_use]
    pub fn meraki() -> Self {
        let patterns = MERAKI.iter().filter_map(|pattern| pattern.parse().ok());
        Self {
            meraki: true,
            ..Self::default()
        }
        .allow(patterns)
    }

    /// Also allows these origins, which never get the key that the host keeps: media hosts outside of
    /// Meraki's domains, and destinations of `save_clip`.
    #[must_use]
    pub fn allow(mut self, others: impl IntoIterator<Item = OriginPattern>) -> Self {
        self.others.extend(others);
        self
    }

    /// Lets the names of this policy lead into these networks, although their addresses are private: for an
    /// object store in the cluster, such as MinIO.
    ///
    /// This is for names that the policy lists. Link-local addresses, cloud metadata services, multicast and
    /// loopback stay refused, whatever the networks contain. Other requests of the host, such as those of
    /// [`MediaClient`](crate::MediaClient) to public media hosts, stay refused too.
    ///
    /// ```
    /// use mv_clip_host::Policy;
    ///
    /// let policy = Policy::meraki()
    ///     .allow(["https://minio.storage.svc.cluster.local:9000".parse()?])
    ///     .allow_networks(["10.96.0.0/12".parse()?]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn allow_networks(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.networks.extend(networks);
        self
    }

    /// The prefixes of the network's own NAT64 translators, besides the well-known `64:ff9b::/96`. An address with such
    /// a prefix is treated as the IPv4 address in it: a translator would otherwise lead a guest into a private network.
    ///
    /// ```
    /// use mv_clip_host::Policy;
    ///
    /// let policy = Policy::meraki().nat64_prefixes(["2001:db8:64::/96".parse()?]);
    /// # Ok::<(), mv_clip_host::Nat64PrefixError>(())
    /// ```
    #[must_use]
    pub fn nat64_prefixes(mut self, prefixes: impl IntoIterator<Item = Nat64Prefix>) -> Self {
        self.nat64.extend(prefixes);
        self
    }

    /// This policy, and all public servers with a name over https.
    pub(crate) fn and_public(&self) -> Self {
        self.clone().allow([OriginPattern::public()])
    }

    /// This origin alone, which the operator names. It may be in any network. Loopback is reached only by `localhost` or a
    /// loopback address.
    pub(crate) fn of_operator(&self, origin: OriginPattern) -> Self {
        let everywhere = ["0.0.0.0/0", "::/0"].map(str::parse).into_iter().flatten();
        Self {
            nat64: self.nat64.clone(),
            ..Self::default()
        }
        .allow([origin])
        .allow_networks(everywhere)
    }

    /// What is allowed: the origins of the API first, each list in the order given.
    pub fn origins(&self) -> impl Iterator<Item = &OriginPattern> {
        self.api.iter().chain(&self.others)
    }

    /// Decides whether a request to `uri`, an absolute `http` or `https` URI, is allowed, and gives its canonical
    /// origin. Only scheme and authority count.
    ///
    /// ```
    /// use mv_clip_host::{Denied, Policy};
    ///
    /// let shard = "https://n7.meraki.com/api/v1".parse::<http::Uri>()?;
    /// assert_eq!(Policy::meraki().allows(&shard)?.to_string(), "https://n7.meraki.com");
    ///
    /// let lookalike = "https://n7.notmeraki.com/api/v1".parse::<http::Uri>()?;
    /// assert!(matches!(Policy::meraki().allows(&lookalike), Err(Denied::NotListed(_))));
    ///
    /// assert!(Policy::default().allows(&shard).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Denied::NotListed`] if the policy does not allow the origin, [`Denied::Origin`] if the URI has no valid
    /// origin.
    pub fn allows(&self, uri: &Uri) -> Result<Origin, Denied> {
        let origin = Origin::of(uri)?;
        if self.origins().any(|pattern| pattern.covers(&origin)) {
            Ok(origin)
        } else {
            Err(Denied::NotListed(Box::new(origin)))
        }
    }

    /// Whether this is an origin of the API, where a key that the host keeps may go.
    pub(super) fn is_api(&self, origin: &Origin) -> bool {
        let is_meraki = || {
            *origin.scheme() == Scheme::HTTPS
                && origin.port() == 443
                && is_meraki_api(&origin.host().to_string())
        };
        self.api.iter().any(|pattern| pattern.covers(origin)) || self.meraki && is_meraki()
    }

    /// Where a host may lead, on a machine with these addresses.
    pub(super) fn surroundings<'a>(&'a self, host: &Host, own: &'a [IpAddr]) -> Surroundings<'a> {
        let is_listed = self.origins().any(|pattern| pattern.names(host));
        Surroundings {
            networks: if is_listed { &self.networks } else { &[] },
            nat64: &self.nat64,
            own,
        }
    }
}

impl FromIterator<OriginPattern> for Policy {
    /// As [`Policy::new`].
    fn from_iter<I: IntoIterator<Item = OriginPattern>>(api: I) -> Self {
        Self::new(api)
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
