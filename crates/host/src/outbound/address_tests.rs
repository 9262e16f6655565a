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
