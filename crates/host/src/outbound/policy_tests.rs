use super::*;

fn policy(patterns: &[&str]) -> Policy {
    patterns
        .iter()
        .map(|text| text.parse::<OriginPattern>().unwrap())
        .collect()
}

#[test]
fn a_policy_lists_its_origins_in_the_order_given() {
    let given = ["https://*.meraki.com", "http://127.0.0.1:8080"];
    let listed: Vec<_> = policy(&given).origins().map(ToString::to_string).collect();
    assert_eq!(listed, given);
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
fn what_the_operator_names_is_reached_in_private_networks_and_nothing_else_is() {
    use crate::outbound::address::Reach;
    let guests = policy(&["https://api.meraki.com"]);
    let policy = guests.of_operator("http://tsa.example:318".parse().unwrap());
    let allows = |uri: &str| policy.allows(&uri.parse().unwrap()).is_ok();
    assert!(allows("http://tsa.example:318/any/path"));
    for other in [
        "https://api.meraki.com/",
        "http://tsa.example/",
        "https://tsa.example:318/",
    ] {
        assert!(!allows(other), "{other}");
    }
    let host = Host::parse("tsa.example").unwrap();
    for (address, is_reached) in [
        ("192.0.32.7", true),
        ("10.1.2.3", true),
        ("fd12::1", true),
        ("127.0.0.1", false),
        ("169.254.169.254", false),
        ("fe80::1", false),
        ("100.100.100.200", false),
    ] {
        let around = policy.surroundings(&host, &[]);
        let found = Reach::of(&host).permits(address.parse().unwrap(), around);
        assert_eq!(found.is_ok(), is_reached, "{address}");
    }
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
