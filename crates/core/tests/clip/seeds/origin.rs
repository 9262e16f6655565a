//! Origins, compared as strings, to share no code with the implementation.

/// Whether this is https at one of Meraki's five domains or a name under it.
pub fn is_meraki(url: &str) -> bool {
    const DOMAINS: [&str; 5] = [
        "meraki.com",
        "meraki.ca",
        "meraki.cn",
        "meraki.in",
        "gov-meraki.com",
    ];
    let origin = origin(url);
    let host = origin.strip_prefix("https://").unwrap_or_default();
    DOMAINS
        .iter()
        .any(|domain| host == *domain || host.ends_with(&format!(".{domain}")))
        && !host.contains(['@', ':'])
}

/// The scheme and the authority of a URL, in lower case.
pub fn origin(url: &str) -> String {
    let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
    let origin = origin.split('?').next().unwrap_or_default();
    origin.to_ascii_lowercase()
}
