//! Which addresses may be connected to, as the table at [`Policy`](super::policy::Policy) says.
//!
//! An IPv6 address with an IPv4 address in it (IPv4-mapped, IPv4-compatible, NAT64, 6to4, ISATAP) has to pass as both.
//!
//! The ranges are those of the IANA special-purpose address registries for
//! [IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry) and
//! [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry), the multicast ranges, and
//! the fixed metadata addresses that large cloud providers document, or that cloud-init knows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mv_clip_core::host::Host;

use super::nat64::Nat64Prefix;
use super::network::Network;

/// The addresses that a connection may use. It depends on how the policy names the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// For a name: globally reachable unicast addresses.
    Global,
    /// For `localhost`: loopback addresses.
    Loopback,
    /// For a literal address: that address.
    Literal,
}

impl Reach {
    /// The reach of a host that the policy allows.
    pub(super) fn of(host: &Host) -> Self {
        match host {
            Host::Ip(_) => Self::Literal,
            Host::Domain(name) if name.is_localhost() => Self::Loopback,
            Host::Domain(_) => Self::Global,
        }
    }

    /// Decides whether `address` may be connected to.
    ///
    /// # Errors
    ///
    /// [`Prohibited`] names the address and its kind.
    pub(super) fn permits(
        self,
        address: IpAddr,
        around: Surroundings<'_>,
    ) -> Result<(), Prohibited> {
        let refused = match (classify(address, around), self) {
            (Class::Global, Self::Global | Self::Literal)
            | (Class::Loopback, Self::Loopback | Self::Literal)
            | (Class::Special(_), Self::Literal) => return Ok(()),
            (Class::Special(_), Self::Global) if around.opens(address) => return Ok(()),
            (class, _) => class,
        };
        Err(Prohibited {
            address,
            kind: refused.name(),
        })
    }
}

/// What is known of the network that this machine is in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Surroundings<'a> {
    /// The networks that a name may also lead into.
    pub(super) networks: &'a [Network],
    /// The prefixes of the translators besides the well-known one.
    pub(super) nat64: &'a [Nat64Prefix],
    /// The addresses of this machine.
    pub(super) own: &'a [IpAddr],
}

impl Surroundings<'_> {
    fn opens(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }
}

/// An address that may not be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} ({kind}) may not be connected to: a name may lead only to public addresses, \
     localhost only to loopback; to reach a private address, or one of this machine's own, allow the address itself, or its network \
     with Policy::allow_networks"
)]
pub(super) struct Prohibited {
    /// The address.
    address: IpAddr,
    /// What kind of address it is, such as `private` or `link-local`.
    kind: &'static str,
}

/// The class of an address. Of two classes, the greater one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Global,
    Loopback,
    /// Reached only if the policy lists the address itself.
    Special(&'static str),
    /// Never reached.
    Never(&'static str),
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Global => "public",
            Self::Loopback => "loopback",
            Self::Special(name) | Self::Never(name) => name,
        }
    }
}

const METADATA: Class = Class::Never("cloud metadata");

/// From the narrowest to the widest range: the first that contains an address applies.
const IPV4: &[(Ipv4Net, Class)] = &[
    // Alibaba Cloud, Azure's WireServer, Oracle Cloud's former address. The address that the
    // others share, 169.254.169.254, is link-local.
    (v4([100, 100, 100, 200], 32), METADATA),
    (v4([168, 63, 129, 16], 32), METADATA),
    (v4([192, 0, 0, 192], 32), METADATA),
    // Most systems connect to 0.0.0.0 as if it were loopback.
    (v4([0, 0, 0, 0], 8), Class::Never("unspecified")),
    (v4([10, 0, 0, 0], 8), Class::Special("private")),
    (v4([100, 64, 0, 0], 10), Class::Special("carrier-grade NAT")),
    (v4([127, 0, 0, 0], 8), Class::Loopback),
    (v4([169, 254, 0, 0], 16), Class::Never("link-local")),
    (v4([172, 16, 0, 0], 12), Class::Special("private")),
    (
        v4([192, 0, 0, 0], 24),
        Class::Special("protocol assignment"),
    ),
    (v4([192, 0, 2, 0], 24), Class::Special("documentation")),
    (v4([192, 88, 99, 0], 24), Class::Special("6to4 relay")),
    (v4([192, 168, 0, 0], 16), Class::Special("private")),
    (v4([198, 18, 0, 0], 15), Class::Special("benchmarking")),
    (v4([198, 51, 100, 0], 24), Class::Special("documentation")),
    (v4([203, 0, 113, 0], 24), Class::Special("documentation")),
    (v4([224, 0, 0, 0], 4), Class::Never("multicast")),
    (v4([240, 0, 0, 0], 4), Class::Never("reserved")),
];

/// This machine may offer more to its own addresses than to others.
const OWN: Class = Class::Special("this machine's own");

/// The IPv4 address can be at any place in such an address (RFC 8215), so where it leads is known only if the policy names
/// the prefix.
const LOCAL_NAT64: Class = Class::Never("local NAT64");

/// From the narrowest to the widest range: the first that contains an address applies. An address in
/// none is not global.
const IPV6: &[(Ipv6Net, Class)] = &[
    // AWS, Google Cloud, Oracle Cloud, Scaleway, Akamai, Alibaba Cloud.
    (v6(0xfd00_0ec2 << 96, 32), METADATA),
    (v6((0xfd20_00ce << 96) + 0x0254, 128), METADATA),
    (v6((0xfd00_00c1 << 96) + 0xa9fe_a9fe, 128), METADATA),
    (v6((0xfd00_0042 << 96) + 0x0042, 128), METADATA),
    (v6((0xfd00_a9fe_a9fe << 80) + 1, 128), METADATA),
    (v6((0xfd00_0100 << 96) + 0x0100_0200, 128), METADATA),
    (v6(0, 128), Class::Never("unspecified")),
    (v6(1, 128), Class::Loopback),
    // The IPv4 address in these decides, see `embedded`.
    (MAPPED, Class::Global),
    (NAT64, Class::Global),
    (COMPATIBLE, Class::Special("IPv4-compatible")),
    (v6(0x0064_ff9b_0001 << 80, 48), LOCAL_NAT64),
    (v6(0x0100 << 112, 64), Class::Special("discard-only")),
    (v6(0x2001 << 112, 23), Class::Special("protocol assignment")),
    (v6(0x2001_0db8 << 96, 32), Class::Special("documentation")),
    (v6(0x3fff << 112, 20), Class::Special("documentation")),
    (v6(0x2000 << 112, 3), Class::Global),
    (v6(0xfc00 << 112, 7), Class::Special("unique local")),
    (v6(0xfe80 << 112, 10), Class::Never("link-local")),
    (v6(0xfec0 << 112, 10), Class::Special("site-local")),
    (v6(0xff00 << 112, 8), Class::Never("multicast")),
];

const MAPPED: Ipv6Net = v6(0xffff << 32, 96);
const COMPATIBLE: Ipv6Net = v6(0, 96);
const NAT64: Ipv6Net = v6(0x0064_ff9b << 96, 96);
const SIX_TO_FOUR: Ipv6Net = v6(0x2002 << 112, 16);

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(bits: u128, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), prefix)
}

fn classify(address: IpAddr, around: Surroundings<'_>) -> Class {
    let found = match address {
        IpAddr::V4(address) => classify_v4(address, around.own),
        IpAddr::V6(address) => {
            let outer = IPV6
                .iter()
                .find(|(range, _)| range.contains(&address))
                .map_or(Class::Special("unassigned"), |(_, class)| *class);
            let translators = around.nat64.iter();
            let translated = translators.filter_map(|prefix| prefix.embedded(address));
            match translated.map(|inner| classify_v4(inner, around.own)).max() {
                // The policy says where the address leads, whatever range the prefix is from.
                Some(inner) if outer == LOCAL_NAT64 || matches!(outer, Class::Special(_)) => inner,
                Some(inner) => outer.max(inner),
                None => embedded(address).fold(outer, |class, inner| {
                    class.max(classify_v4(inner, around.own))
                }),
            }
        }
    };
    match found {
        Class::Global if around.own.contains(&address) => OWN,
        found => found,
    }
}

fn classify_v4(address: Ipv4Addr, own: &[IpAddr]) -> Class {
    let found = IPV4.iter().find(|(range, _)| range.contains(&address));
    match found {
        Some((_, class)) => *class,
        None if own.contains(&address.into()) => OWN,
        None => Class::Global,
    }
}

/// The IPv4 addresses that a translator or tunnel would send to (RFC 4291, 2.5.5; RFC 6052, 2.1; RFC 3056, 2;
/// RFC 5214, 6.1).
fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let [_, _, a, b, c, d, .., w, x, y, z] = address.octets();
    let is_6to4 = SIX_TO_FOUR.contains(&address);
    let ends_with_one = is_isatap(address)
        || [MAPPED, COMPATIBLE, NAT64]
            .iter()
            .any(|range| range.contains(&address))
            // These lie in the IPv4-compatible range without being IPv4-compatible.
            && !address.is_loopback()
            && !address.is_unspecified();
    let found = [
        is_6to4.then_some([a, b, c, d]),
        ends_with_one.then_some([w, x, y, z]),
    ];
    found.into_iter().flatten().map(Ipv4Addr::from)
}

/// Under any prefix. The two bits that say whether the IPv4 address is unique, and for a group, do not count.
fn is_isatap(address: Ipv6Addr) -> bool {
    let [.., first, second, _, _] = address.segments();
    first & !0x0300 == 0 && second == 0x5efe
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
