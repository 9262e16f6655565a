//! How other programs read a URL that the crate accepts: clients and browsers must find the same host.

use std::net::IpAddr;

use mv_clip_core::url::Url;
use url::Host;

/// Source: "Path schema and base URI" in Meraki's API documentation.
const MERAKI: [&str; 5] = [
    "meraki.com",
    "meraki.ca",
    "meraki.cn",
    "meraki.in",
    "gov-meraki.com",
];

/// The URL as a browser reads it (WHATWG URL standard).
#[track_caller]
pub(crate) fn browser(text: &str) -> url::Url {
    let text = without_encoded_names(text);
    url::Url::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A browser also checks what `xn--` encodes. The crate does not.
fn without_encoded_names(text: &str) -> String {
    match text.to_ascii_lowercase() {
        lower if lower.contains("xn--") => lower.replace("xn--", "y"),
        _ => text.to_owned(),
    }
}

/// A browser accepts the URL, and uses TLS unless the host is this machine.
#[track_caller]
pub(crate) fn assert_safe(text: &str) {
    let seen = browser(text);
    assert_eq!((seen.username(), seen.password()), ("", None), "{text}");
    match seen.scheme() {
        "https" => {}
        "http" => assert!(is_loopback(&seen), "{text}"),
        _ => panic!("{text}"),
    }
}

/// The parts of the URL are valid in an HTTP request, and a browser finds the same host.
#[track_caller]
pub(crate) fn assert_sendable(url: &Url) {
    assert_safe(url.expose());
    let authority: http::uri::Authority = url.authority().parse().unwrap();
    assert_eq!(authority.host(), url.host());
    let target: http::uri::PathAndQuery = url.path_and_query().parse().unwrap();
    assert_eq!(target.as_str(), url.path_and_query());

    let seen = browser(url.expose());
    assert_eq!(seen.scheme(), url.scheme());
    let host = without_encoded_names(url.host());
    match seen.host().unwrap() {
        Host::Domain(name) => assert_eq!(name, host.to_ascii_lowercase()),
        // Some addresses have more than one form.
        Host::Ipv4(ip) => assert_eq!(Ok(ip), host.parse()),
        Host::Ipv6(ip) => assert_eq!(Ok(ip), host.trim_matches(['[', ']']).parse()),
    }
}

/// Whether the API key may be sent to `target` if the base URL is `base`.
pub(crate) fn may_have_key(base: &url::Url, target: &url::Url) -> bool {
    let is_meraki = |url: &url::Url| {
        let host = url.host_str().unwrap_or_default();
        let is_below = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
        url.scheme() == "https"
            && url.port_or_known_default() == Some(443)
            && MERAKI.into_iter().any(is_below)
    };
    base.origin() == target.origin() || (is_meraki(base) && is_meraki(target))
}

fn is_loopback(url: &url::Url) -> bool {
    let ip: IpAddr = match url.host() {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain(name)) => return name == "localhost",
        None => return false,
    };
    ip.is_loopback()
}
