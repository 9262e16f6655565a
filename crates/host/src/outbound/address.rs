//! Which addresses may be connected to, as the table at [`Policy`](super::policy::Policy) says.
//!
//! An IPv6 address with an IPv4 address in it (IPv4-mapped, IPv4-compatible, NAT64, 6to4) has to pass as both.
//!
//! The ranges are those of the IANA special-purpose address registries for
//! [IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry) and
//! [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry), the multicast ranges, and
//! the fixed metadata addresses that large cloud providers document, or that cloud-init knows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use mv_clip_core::host::Host;

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

    /// Decides whether `address` may be connected to, where a name may also lead into `networks`.
    ///
    /// # Errors
    ///
    /// [`Prohibited`] names the address and its kind.
    pub(super) fn permits(self, address: IpAddr, networks: &[Network]) -> Result<(), Prohibited> {
        let refused = match (classify(address), self) {
            (Class::Global, Self::Global | Self::Literal)
            | (Class::Loopback, Self::Loopback | Self::Literal)
            | (Class::Special(_), Self::Literal) => return Ok(()),
            (Class::Special(_), Self::Global)
                if networks.iter().any(|network| network.contains(address)) =>
            {
                return Ok(());
            }
            (class, _) => class,
        };
        Err(Prohibited {
            address,
            kind: refused.name(),
        })
    }
}

/// An address that may not be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} ({kind}) may not be connected to: a name may lead only to public addresses, \
     localhost only to loopback; to reach a private address, allow the address itself, or its network \
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

/// From the narrow to the wide: the first range that holds an address decides.
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

/// From the narrow to the wide: the first range that holds an address decides. What no range
/// holds is not global.
const IPV6: &[(Ipv6Net, Class)] = &[
    // AWS, Google Cloud, Oracle Cloud, Scaleway, Akamai, Alibaba Cloud.
    (v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0], 32), METADATA),
    (v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128), METADATA),
    (
        v6([0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128),
        METADATA,
    ),
    (v6([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042], 128), METADATA),
    (v6([0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1], 128), METADATA),
    (
        v6([0xfd00, 0x0100, 0, 0, 0, 0, 0x0100, 0x0200], 128),
        METADATA,
    ),
    (
        v6([0, 0, 0, 0, 0, 0, 0, 0], 128),
        Class::Never("unspecified"),
    ),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Class::Loopback),
    // The IPv4 address in these decides, see `embedded`.
    (MAPPED, Class::Global),
    (NAT64, Class::Global),
    (COMPATIBLE, Class::Special("IPv4-compatible")),
    // A local translator embeds the address at a place of its own choice, so that nobody else
    // can tell where it leads (RFC 8215).
    (
        v6([0x0064, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
        Class::Never("local NAT64"),
    ),
    (
        v6([0x0100, 0, 0, 0, 0, 0, 0, 0], 64),
        Class::Special("discard-only"),
    ),
    (
        v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
        Class::Special("protocol assignment"),
    ),
    (
        v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32),
        Class::Special("documentation"),
    ),
    (
        v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
        Class::Special("documentation"),
    ),
    (v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3), Class::Global),
    (
        v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
        Class::Special("unique local"),
    ),
    (
        v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
        Class::Never("link-local"),
    ),
    (
        v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
        Class::Special("site-local"),
    ),
    (
        v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
        Class::Never("multicast"),
    ),
];

const MAPPED: Ipv6Net = v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96);
const COMPATIBLE: Ipv6Net = v6([0, 0, 0, 0, 0, 0, 0, 0], 96);
const NAT64: Ipv6Net = v6([0x0064, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

fn classify(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => {
            let outer = IPV6
                .iter()
                .find(|(range, _)| range.contains(&address))
                .map_or(Class::Special("unassigned"), |(_, class)| *class);
            match embedded(address) {
                Some(inner) => outer.max(classify_v4(inner)),
                None => outer,
            }
        }
    }
}

fn classify_v4(address: Ipv4Addr) -> Class {
    IPV4.iter()
        .find(|(range, _)| range.contains(&address))
        .map_or(Class::Global, |(_, class)| *class)
}

/// The IPv4 address that a translator or tunnel would send to (RFC 4291, 2.5.5; RFC 6052, 2.1;
/// RFC 3056, 2).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [_, _, a, b, c, d, .., w, x, y, z] = address.octets();
    let octets = if SIX_TO_FOUR.contains(&address) {
        [a, b, c, d]
    } else if address.is_loopback() || address.is_unspecified() {
        // These lie in the IPv4-compatible range without being IPv4-compatible.
        return None;
    } else if [MAPPED, COMPATIBLE, NAT64]
        .iter()
        .any(|range| range.contains(&address))
    {
        [w, x, y, z]
    } else {
        return None;
    };
    Some(octets.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the three kinds of host may lead to an address.
    #[derive(Debug, PartialEq, Eq)]
    enum Open {
        /// A name, or the literal address.
        Wide,
        /// `localhost`, or the literal address.
        Local,
        /// Only the literal address.
        Listed,
        /// Nothing.
        Never,
    }

    fn open(address: IpAddr) -> Open {
        let permits = |reach: Reach| reach.permits(address, &[]).is_ok();
        match (
            permits(Reach::Global),
            permits(Reach::Loopback),
            permits(Reach::Literal),
        ) {
            (true, false, true) => Open::Wide,
            (false, true, true) => Open::Local,
            (false, false, true) => Open::Listed,
            (false, false, false) => Open::Never,
            other => panic!("{address}: no such combination: {other:?}"),
        }
    }

    #[test]
    fn each_address_is_as_open_as_its_range() {
        let cases = [
            ("public", "8.8.8.8", Open::Wide),
            ("before this network ends", "0.255.255.255", Open::Never),
            ("after this network", "1.0.0.0", Open::Wide),
            ("unspecified", "0.0.0.0", Open::Never),
            ("before 10/8", "9.255.255.255", Open::Wide),
            ("private 10/8", "10.0.0.1", Open::Listed),
            ("the end of 10/8", "10.255.255.255", Open::Listed),
            ("after 10/8", "11.0.0.0", Open::Wide),
            ("before carrier-grade NAT", "100.63.255.255", Open::Wide),
            ("carrier-grade NAT", "100.64.0.1", Open::Listed),
            (
                "the end of carrier-grade NAT",
                "100.127.255.255",
                Open::Listed,
            ),
            ("after carrier-grade NAT", "100.128.0.0", Open::Wide),
            ("Alibaba's metadata", "100.100.100.200", Open::Never),
            ("loopback", "127.0.0.1", Open::Local),
            ("loopback elsewhere", "127.255.255.254", Open::Local),
            ("Azure's platform", "168.63.129.16", Open::Never),
            ("metadata", "169.254.169.254", Open::Never),
            ("metadata for containers", "169.254.170.2", Open::Never),
            ("link-local", "169.254.0.1", Open::Never),
            ("before 172.16/12", "172.15.255.255", Open::Wide),
            ("private 172.16/12", "172.16.0.1", Open::Listed),
            ("the end of 172.16/12", "172.31.255.255", Open::Listed),
            ("after 172.16/12", "172.32.0.0", Open::Wide),
            ("protocol assignments", "192.0.0.8", Open::Listed),
            ("Oracle's former metadata", "192.0.0.192", Open::Never),
            ("documentation 1", "192.0.2.1", Open::Listed),
            ("6to4 relays", "192.88.99.1", Open::Listed),
            ("private 192.168/16", "192.168.1.1", Open::Listed),
            ("after 192.168/16", "192.169.0.0", Open::Wide),
            ("benchmarking", "198.19.255.255", Open::Listed),
            ("documentation 2", "198.51.100.7", Open::Listed),
            ("documentation 3", "203.0.113.7", Open::Listed),
            ("multicast", "224.0.0.251", Open::Never),
            ("multicast for applications", "239.255.255.250", Open::Never),
            ("reserved", "240.0.0.1", Open::Never),
            ("broadcast", "255.255.255.255", Open::Never),
            ("public", "2606:4700::1111", Open::Wide),
            ("unspecified", "::", Open::Never),
            ("loopback", "::1", Open::Local),
            ("mapped public", "::ffff:8.8.8.8", Open::Wide),
            ("mapped loopback", "::ffff:127.0.0.1", Open::Local),
            ("mapped private", "::ffff:10.0.0.1", Open::Listed),
            ("mapped metadata", "::ffff:169.254.169.254", Open::Never),
            ("mapped unspecified", "::ffff:0.0.0.0", Open::Never),
            ("compatible public", "::8.8.8.8", Open::Listed),
            ("compatible loopback", "::127.0.0.1", Open::Listed),
            ("compatible metadata", "::169.254.169.254", Open::Never),
            ("NAT64 public", "64:ff9b::8.8.8.8", Open::Wide),
            ("NAT64 private", "64:ff9b::192.168.1.1", Open::Listed),
            ("NAT64 metadata", "64:ff9b::169.254.169.254", Open::Never),
            ("NAT64 by a local prefix", "64:ff9b:1::8.8.8.8", Open::Never),
            ("discard-only", "100::1", Open::Listed),
            ("Teredo", "2001:0:4136:e378::1", Open::Listed),
            ("benchmarking", "2001:2::1", Open::Listed),
            ("ORCHID", "2001:20::1", Open::Listed),
            ("after the protocol assignments", "2001:200::1", Open::Wide),
            ("documentation", "2001:db8::1", Open::Listed),
            ("documentation, new", "3fff::1", Open::Listed),
            ("6to4 public", "2002:808:808::1", Open::Wide),
            ("6to4 private", "2002:a00:1::1", Open::Listed),
            ("6to4 metadata", "2002:a9fe:a9fe::1", Open::Never),
            ("segment routing", "5f00::1", Open::Listed),
            ("unassigned", "4000::1", Open::Listed),
            ("unique local", "fd12:3456::1", Open::Listed),
            ("AWS's metadata", "fd00:ec2::254", Open::Never),
            ("Google's metadata", "fd20:ce::254", Open::Never),
            ("Oracle's metadata", "fd00:c1::a9fe:a9fe", Open::Never),
            ("Scaleway's metadata", "fd00:42::42", Open::Never),
            ("Akamai's metadata", "fd00:a9fe:a9fe::1", Open::Never),
            ("Alibaba's metadata", "fd00:100::100:200", Open::Never),
            ("link-local", "fe80::1", Open::Never),
            ("the end of link-local", "febf::1", Open::Never),
            ("site-local", "fec0::1", Open::Listed),
            ("multicast", "ff02::1", Open::Never),
        ];
        for (case, address, expected) in cases {
            assert_eq!(
                open(address.parse().unwrap()),
                expected,
                "{case}: {address}"
            );
        }
    }

    #[test]
    fn only_localhost_leads_to_loopback_by_name() {
        let cases = [
            ("localhost", Reach::Loopback),
            ("LOCALHOST.", Reach::Loopback),
            ("localhost.example.com", Reach::Global),
            ("my.localhost", Reach::Global),
            ("api.meraki.com", Reach::Global),
            ("127.0.0.1", Reach::Literal),
            ("[::1]", Reach::Literal),
        ];
        for (host, reach) in cases {
            assert_eq!(Reach::of(&Host::parse(host).unwrap()), reach, "{host}");
        }
    }

    #[test]
    fn a_refusal_says_what_the_address_is() {
        let prohibited = Reach::Global
            .permits("10.0.0.1".parse().unwrap(), &[])
            .unwrap_err();
        assert_eq!(prohibited.kind, "private");
        assert!(
            prohibited
                .to_string()
                .starts_with("10.0.0.1 (private) may not be ")
        );
    }

    #[test]
    fn a_name_may_lead_into_networks_that_are_allowed_but_never_to_metadata() {
        let networks = ["10.0.0.0/8", "169.254.0.0/16", "127.0.0.0/8", "fd00::/8"];
        let networks = networks.map(|network| network.parse().unwrap());
        let everything = ["0.0.0.0/0", "::/0"].map(|network| network.parse().unwrap());
        for (address, within, by_everything) in [
            ("10.1.2.3", true, true),
            ("fd12:3456::1", true, true),
            ("192.168.1.1", false, true),
            // Mapped: the network is one of IPv4.
            ("::ffff:10.1.2.3", false, true),
            ("127.0.0.1", false, false),
            ("::1", false, false),
            ("169.254.169.254", false, false),
            ("169.254.1.1", false, false),
            ("fd00:ec2::254", false, false),
            ("100.100.100.200", false, false),
            ("168.63.129.16", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("fe80::1", false, false),
            ("0.0.0.0", false, false),
            ("224.0.0.1", false, false),
        ] {
            let address = address.parse().unwrap();
            let permits = |reach: Reach, networks| reach.permits(address, networks).is_ok();
            assert_eq!(permits(Reach::Global, &networks), within, "{address}");
            assert_eq!(
                permits(Reach::Global, &everything),
                by_everything,
                "{address}"
            );
            let is_loopback = address.is_loopback();
            assert_eq!(
                permits(Reach::Loopback, &everything),
                is_loopback,
                "{address}"
            );
        }
    }
}
