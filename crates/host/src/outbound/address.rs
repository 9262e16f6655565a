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
        open_in(Surroundings::default(), address)
    }

    fn open_in(around: Surroundings<'_>, address: IpAddr) -> Open {
        let permits = |reach: Reach| reach.permits(address, around).is_ok();
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
    fn each_address_has_the_class_of_its_range() {
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
            (
                "6to4 metadata as ISATAP",
                "2002:808:808::5efe:a9fe:a9fe",
                Open::Never,
            ),
            ("ISATAP public", "2606:4700::5efe:808:808", Open::Wide),
            ("ISATAP private", "2606:4700::5efe:10.0.0.1", Open::Listed),
            (
                "ISATAP unique private",
                "2606:4700::200:5efe:10.0.0.1",
                Open::Listed,
            ),
            ("ISATAP group", "2606:4700::300:5efe:10.0.0.1", Open::Listed),
            ("ISATAP loopback", "2606:4700::5efe:127.0.0.1", Open::Local),
            (
                "ISATAP metadata",
                "2606:4700::5efe:169.254.169.254",
                Open::Never,
            ),
            (
                "ISATAP in a unique local network",
                "fd12:3456::5efe:8.8.8.8",
                Open::Listed,
            ),
            ("no ISATAP", "2606:4700::400:5efe:10.0.0.1", Open::Wide),
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
            .permits("10.0.0.1".parse().unwrap(), Surroundings::default())
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
            let permits = |reach: Reach, networks| {
                let around = Surroundings {
                    networks,
                    ..Surroundings::default()
                };
                reach.permits(address, around).is_ok()
            };
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

    #[test]
    fn this_machines_own_addresses_are_reached_only_if_listed() {
        let own = ["198.41.0.4", "2606:4700::4", "127.0.0.1", "10.0.0.4"];
        let own = own.map(|address| address.parse().unwrap());
        let listed = ["198.41.0.0/16".parse().unwrap()];
        for (address, by_name, if_listed) in [
            ("198.41.0.4", false, true),
            ("198.41.0.5", true, true),
            ("2606:4700::4", false, false),
            ("2606:4700::5", true, true),
            ("::ffff:198.41.0.4", false, false),
            ("64:ff9b::198.41.0.4", false, false),
            ("2002:c629:4::1", false, false),
            ("2606:4700::5efe:198.41.0.4", false, false),
            ("2606:4700:64::198.41.0.4", false, false),
            ("127.0.0.1", false, false),
        ] {
            let around = Surroundings {
                own: &own,
                nat64: &["2606:4700:64::/96".parse().unwrap()],
                ..Surroundings::default()
            };
            let address = address.parse().unwrap();
            let permits = |reach: Reach, around| reach.permits(address, around).is_ok();
            assert_eq!(permits(Reach::Global, around), by_name, "{address}");
            let listed = Surroundings {
                networks: &listed,
                ..around
            };
            assert_eq!(permits(Reach::Global, listed), if_listed, "{address}");
            assert!(permits(Reach::Literal, around), "{address}");
        }
    }

    #[test]
    fn behind_a_translator_the_embedded_address_decides() {
        let prefixes = ["2606:4700:64::/96", "fd64::/64", "64:ff9b:1::/48"];
        let prefixes = prefixes.map(|prefix| prefix.parse().unwrap());
        for (address, expected) in [
            ("2606:4700:64::8.8.8.8", Open::Wide),
            ("2606:4700:64::10.0.0.1", Open::Listed),
            ("2606:4700:64::127.0.0.1", Open::Local),
            ("2606:4700:64::169.254.169.254", Open::Never),
            ("2606:4700:64::100.100.100.200", Open::Never),
            // Of `u` and a suffix nothing counts.
            ("fd64::ff08:808:8ff:ffff", Open::Wide),
            ("fd64::a9:fea9:fe00:0", Open::Never),
            ("fd64::a:0:100:0", Open::Listed),
            ("64:ff9b:1:808:8:800::", Open::Wide),
            ("64:ff9b:1:a9fe:a9:fe00::", Open::Never),
            ("2606:4700:65::10.0.0.1", Open::Wide),
        ] {
            let address = address.parse().unwrap();
            let around = Surroundings {
                nat64: &prefixes,
                ..Surroundings::default()
            };
            assert_eq!(open_in(around, address), expected, "{address}");
        }
        let metadata = "fd00:ec2::254".parse().unwrap();
        let around = Surroundings {
            nat64: &["fd00:ec2::/96".parse().unwrap()],
            ..Surroundings::default()
        };
        assert_eq!(open_in(around, metadata), Open::Never);
    }
}
