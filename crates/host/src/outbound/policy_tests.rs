use mv_clip_core::host::HostError;

use super::*;
use crate::outbound::pattern::OriginPatternError;

fn policy(patterns: &[&str]) -> Policy {
    patterns
        .iter()
        .map(|text| text.parse::<OriginPattern>().unwrap())
        .collect()
}

#[test]
fn a_pattern_is_written_in_one_way() {
    let cases = [
        ("a name", "https://api.meraki.com", "https://api.meraki.com"),
        (
            "a slash at the end",
            "https://api.meraki.com/",
            "https://api.meraki.com",
        ),
        (
            "upper case",
            "HTTPS://API.Meraki.COM",
            "https://api.meraki.com",
        ),
        (
            "a trailing dot",
            "https://api.meraki.com.",
            "https://api.meraki.com",
        ),
        (
            "the scheme's port",
            "https://api.meraki.com:443",
            "https://api.meraki.com",
        ),
        (
            "the other scheme's port",
            "http://api.meraki.com:443",
            "http://api.meraki.com:443",
        ),
        (
            "a port",
            "https://api.meraki.com:8443",
            "https://api.meraki.com:8443",
        ),
        (
            "a wildcard",
            "https://*.Meraki.com.:443",
            "https://*.meraki.com",
        ),
        (
            "a wildcard with a port",
            "http://*.example.com:8080",
            "http://*.example.com:8080",
        ),
        ("IPv4", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("IPv6", "http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
        ("IPv6 without a port", "http://[::1]", "http://[::1]"),
        ("localhost", "http://localhost:1", "http://localhost:1"),
    ];
    for (case, text, canonical) in cases {
        let pattern: OriginPattern = text
            .parse()
            .unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(pattern.to_string(), canonical, "{case}");
        assert_eq!(canonical.parse(), Ok(pattern), "{case}, read again");
    }
}

#[test]
fn other_texts_are_no_pattern() {
    use OriginPatternError as E;
    let cases = [
        ("nothing", "", E::Scheme),
        ("no scheme", "api.meraki.com", E::Scheme),
        ("only a port", "api.meraki.com:443", E::Scheme),
        ("another scheme", "ftp://api.meraki.com", E::Scheme),
        ("a space in front", " https://api.meraki.com", E::Scheme),
        ("a user", "https://me@api.meraki.com", E::Userinfo),
        (
            "a password",
            "https://me:secret@api.meraki.com",
            E::Userinfo,
        ),
        ("a path", "https://api.meraki.com/api/v1", E::NotAnOrigin),
        ("two slashes", "https://api.meraki.com//", E::NotAnOrigin),
        ("a query", "https://api.meraki.com?x", E::NotAnOrigin),
        ("a fragment", "https://api.meraki.com#x", E::NotAnOrigin),
        ("a backslash", "https://api.meraki.com\\x", E::NotAnOrigin),
        ("no host", "https://", E::Host(HostError::Empty)),
        (
            "a port without a host",
            "https://:443",
            E::Host(HostError::Empty),
        ),
        ("an empty port", "https://api.meraki.com:", E::Port),
        ("port 0", "https://api.meraki.com:0", E::Port),
        ("port 65536", "https://api.meraki.com:65536", E::Port),
        ("a signed port", "https://api.meraki.com:+443", E::Port),
        (
            "a port that is a word",
            "https://api.meraki.com:https",
            E::Port,
        ),
        ("everything", "https://*", E::Wildcard),
        ("a whole top-level domain", "https://*.com", E::Wildcard),
        ("half a label", "https://api*.meraki.com", E::Wildcard),
        ("a star in the middle", "https://api.*.com", E::Wildcard),
        ("two stars", "https://*.*.meraki.com", E::Wildcard),
        ("a star over an address", "https://*.192.0.2.7", E::Wildcard),
        (
            "a star over nothing",
            "https://*.",
            E::Host(HostError::Empty),
        ),
        (
            "an address in short",
            "http://127.1",
            E::Host(HostError::InvalidIpv4),
        ),
        (
            "IPv6 without brackets",
            "http://::1",
            E::Host(HostError::InvalidDomain),
        ),
        (
            "a space",
            "https://api.meraki.com ",
            E::Host(HostError::InvalidDomain),
        ),
    ];
    for (case, text, error) in cases {
        assert_eq!(text.parse::<OriginPattern>(), Err(error), "{case}");
    }
}

#[test]
fn an_empty_policy_allows_nothing() {
    for uri in [
        "https://api.meraki.com/",
        "http://127.0.0.1/",
        "http://localhost/",
    ] {
        let denied = Policy::default().allows(&uri.parse().unwrap());
        assert!(matches!(denied, Err(Denied::NotListed(_))), "{uri}");
    }
}

#[test]
fn what_is_covered_is_allowed() {
    let cases = [
        (
            "the name",
            "https://api.meraki.com",
            "https://api.meraki.com/api/v1?x=y",
        ),
        (
            "its port",
            "https://api.meraki.com",
            "https://api.meraki.com:443/",
        ),
        (
            "upper case",
            "https://api.meraki.com",
            "https://API.MERAKI.COM/",
        ),
        (
            "a trailing dot",
            "https://api.meraki.com",
            "https://api.meraki.com./",
        ),
        (
            "one label under",
            "https://*.meraki.com",
            "https://n7.meraki.com/",
        ),
        (
            "three labels under",
            "https://*.meraki.com",
            "https://a.b.c.meraki.com/",
        ),
        ("IPv4", "http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        (
            "IPv6 written long",
            "http://[::1]:8080",
            "http://[0:0:0:0:0:0:0:1]:8080/",
        ),
        (
            "localhost",
            "http://localhost:8080",
            "http://localhost:8080/",
        ),
    ];
    for (case, pattern, uri) in cases {
        let allowed = policy(&[pattern]).allows(&uri.parse().unwrap());
        assert!(allowed.is_ok(), "{case}: {allowed:?}");
    }
}

#[test]
fn what_is_not_covered_is_denied() {
    let cases = [
        (
            "plain text",
            "https://api.meraki.com",
            "http://api.meraki.com/",
        ),
        (
            "plain text on the TLS port",
            "https://api.meraki.com",
            "http://api.meraki.com:443/",
        ),
        (
            "TLS for plain text",
            "http://127.0.0.1:8080",
            "https://127.0.0.1:8080/",
        ),
        (
            "another port",
            "https://api.meraki.com",
            "https://api.meraki.com:8443/",
        ),
        (
            "another name",
            "https://api.meraki.com",
            "https://meraki.com/",
        ),
        (
            "a name under it",
            "https://api.meraki.com",
            "https://x.api.meraki.com/",
        ),
        (
            "the name as a prefix",
            "https://api.meraki.com",
            "https://api.meraki.com.evil.net/",
        ),
        (
            "the bare domain",
            "https://*.meraki.com",
            "https://meraki.com/",
        ),
        (
            "half a label",
            "https://*.meraki.com",
            "https://notmeraki.com/",
        ),
        (
            "half a label further down",
            "https://*.meraki.com",
            "https://api.notmeraki.com/",
        ),
        (
            "the domain as a prefix",
            "https://*.meraki.com",
            "https://n7.meraki.com.evil.net/",
        ),
        (
            "the domain as a path",
            "https://*.meraki.com",
            "https://evil.net/.meraki.com",
        ),
        (
            "another top level",
            "https://*.meraki.com",
            "https://api.meraki.co/",
        ),
        (
            "the mapped address",
            "http://127.0.0.1",
            "http://[::ffff:127.0.0.1]/",
        ),
        ("the other loopback", "http://127.0.0.1", "http://[::1]/"),
        ("a neighbour", "http://127.0.0.1", "http://127.0.0.2/"),
        (
            "the name of an address",
            "http://127.0.0.1",
            "http://localhost/",
        ),
        (
            "the address of a name",
            "http://localhost",
            "http://127.0.0.1/",
        ),
    ];
    for (case, pattern, uri) in cases {
        let denied = policy(&[pattern]).allows(&uri.parse().unwrap());
        assert!(
            matches!(denied, Err(Denied::NotListed(_))),
            "{case}: {denied:?}"
        );
    }
}

#[test]
fn what_no_policy_could_allow_is_denied() {
    let everything = policy(&[
        "https://api.meraki.com",
        "https://*.meraki.com",
        "http://127.0.0.1",
    ]);
    let cases = [
        (
            "a user",
            "https://me@api.meraki.com/",
            OriginError::Userinfo,
        ),
        (
            "a host as the user",
            "https://api.meraki.com@evil.net/",
            OriginError::Userinfo,
        ),
        (
            "a password",
            "https://me:443@api.meraki.com/",
            OriginError::Userinfo,
        ),
        (
            "another scheme",
            "ftp://api.meraki.com/",
            OriginError::Scheme,
        ),
        ("no host", "/api/v1", OriginError::Host(HostError::Empty)),
        (
            "port 65536",
            "https://api.meraki.com:65536/",
            OriginError::Port,
        ),
        (
            "port 65979, which is 443 in 16 bits",
            "https://api.meraki.com:65979/",
            OriginError::Port,
        ),
        (
            "an empty port",
            "https://api.meraki.com:/",
            OriginError::Port,
        ),
        (
            "an address in short",
            "http://127.1/",
            OriginError::Host(HostError::InvalidIpv4),
        ),
        (
            "a star",
            "https://*.meraki.com/",
            OriginError::Host(HostError::InvalidDomain),
        ),
    ];
    for (case, uri, denied) in cases {
        assert_eq!(
            everything.allows(&uri.parse().unwrap()),
            Err(Denied::Origin(denied)),
            "{case}"
        );
    }
}

#[test]
fn any_of_several_origins_suffices() {
    let policy = policy(&["https://api.meraki.com", "http://127.0.0.1:8080"]);
    assert!(
        policy
            .allows(&"http://127.0.0.1:8080/".parse().unwrap())
            .is_ok()
    );
    assert!(
        policy
            .allows(&"https://api.meraki.com/".parse().unwrap())
            .is_ok()
    );
    assert!(
        policy
            .allows(&"https://api.meraki.com:8080/".parse().unwrap())
            .is_err()
    );
}

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
fn a_policy_tells_what_it_allows_in_the_order_given() {
    let given = ["https://*.meraki.com", "http://127.0.0.1:8080"];
    let told: Vec<_> = policy(&given).origins().map(ToString::to_string).collect();
    assert_eq!(told, given);
}

#[test]
fn a_denial_names_the_origin_and_nothing_else() {
    let uri = "https://media.example.net/secret-path?token=secret"
        .parse()
        .unwrap();
    let message = Policy::default().allows(&uri).unwrap_err().to_string();
    assert_eq!(
        message,
        "https://media.example.net is not an allowed origin: add it to the outbound policy \
         if it should be"
    );
}

#[test]
fn public_servers_are_names_over_https() {
    let policy = policy(&["http://127.0.0.1:8080"]).and_public();
    let cases = [
        ("https://spn49.meraki.com/", true),
        ("https://media.example/", true),
        ("http://127.0.0.1:8080/", true),
        ("http://127.0.0.1:22/", false),
        ("https://127.0.0.1/", false),
        ("https://localhost/", false),
        ("https://LOCALHOST./", false),
        ("https://8.8.8.8/", false),
        ("https://[2606:4700::1111]/", false),
        ("https://169.254.169.254/", false),
        ("https://media.example:8443/", false),
        ("http://media.example/", false),
    ];
    for (uri, is_allowed) in cases {
        assert_eq!(
            policy.allows(&uri.parse().unwrap()).is_ok(),
            is_allowed,
            "{uri}"
        );
    }
}

#[test]
fn the_key_goes_to_the_api_alone() {
    let policy =
        policy(&["https://*.meraki.com"]).allow(["https://bucket.example".parse().unwrap()]);
    for (uri, is_api) in [
        ("https://n7.meraki.com/", true),
        ("https://bucket.example/", false),
        ("https://other.example/", false),
    ] {
        let origin = Origin::of(&uri.parse().unwrap()).unwrap();
        assert_eq!(policy.is_api(&origin), is_api, "{uri}");
    }
}

#[test]
fn meraki_is_all_of_its_regions() {
    let policy = Policy::meraki();
    assert_eq!(policy.origins().count(), MERAKI.len());
    for uri in [
        "https://api.meraki.com/api/v1",
        "https://spn49.meraki.com/clip",
        "https://api.meraki.ca/api/v1",
        "https://api.meraki.cn/api/v1",
        "https://api.meraki.in/api/v1",
        "https://api.gov-meraki.com/api/v1",
    ] {
        assert!(policy.allows(&uri.parse().unwrap()).is_ok(), "{uri}");
    }
}

#[test]
fn networks_are_open_to_the_names_of_the_policy_alone() {
    let cluster = "10.0.0.0/8".parse().unwrap();
    let policy = policy(&["https://minio.example", "https://*.lab.example"])
        .allow_networks([cluster])
        .and_public();
    for (host, is_open) in [
        ("minio.example", true),
        ("a.lab.example", true),
        ("lab.example", false),
        ("media.example", false),
        ("localhost", false),
    ] {
        let networks = policy
            .surroundings(&Host::parse(host).unwrap(), &[])
            .networks;
        assert_eq!(!networks.is_empty(), is_open, "{host}");
    }
}
