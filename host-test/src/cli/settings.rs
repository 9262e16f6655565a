//! The guest's settings, from this process's environment, and what they let it reach.

use host_test::outbound::policy::Destination;
use host_test::{Outbound, Policy};

const BASE_URL: &str = "MERAKI_BASE_URL";
const DEFAULT_BASE_URL: &str = "https://api.meraki.com/api/v1";

/// Meraki's regions: an API redirects to shards below these.
const MERAKI: [&str; 5] = [
    "https://*.meraki.com",
    "https://*.meraki.ca",
    "https://*.meraki.cn",
    "https://*.meraki.in",
    "https://*.gov-meraki.com",
];

/// The environment variables that are the guest's: it gets no others.
pub(super) fn from_environment() -> Vec<(String, String)> {
    std::env::vars()
        .filter(|(name, _)| name.starts_with("MV_CLIP_") || name.starts_with("MERAKI_"))
        .collect()
}

pub(super) fn base_url(variables: &[(String, String)]) -> &str {
    let given = variables.iter().find(|(name, _)| name == BASE_URL);
    given.map_or(DEFAULT_BASE_URL, |(_, value)| value)
}

/// Lets the guest reach the API of its settings, and nothing else. A base URL that cannot be read
/// opens nothing: the guest says what is wrong with it.
pub(super) fn outbound(variables: &[(String, String)]) -> anyhow::Result<Outbound> {
    let meraki = MERAKI
        .iter()
        .map(|form| form.parse())
        .collect::<Result<Vec<Destination>, _>>()?;
    let url: http::Uri = base_url(variables).parse().unwrap_or_default();
    let policy = Policy::new(meraki);
    if policy.allows(&url).is_ok() {
        return Ok(Outbound::builder().policy(policy).build()?);
    }
    let origin = match (url.scheme_str(), url.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}")
            .parse::<Destination>()
            .ok(),
        _ => None,
    };
    Ok(Outbound::builder().policy(Policy::new(origin)).build()?)
}
