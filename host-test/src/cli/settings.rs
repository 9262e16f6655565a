//! The guest's settings, from this process's environment, and the host that they need.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context, anyhow};
use mv_clip_host::outbound::Timeouts;
use mv_clip_host::outbound::policy::Destination;
use mv_clip_host::{
    ApiKey, ClipHost, CodeCache, KeyMode, Limits, Outbound, Policy, RateLimit, RateLimiter,
};

use super::options::{CACHE, COMPONENT, ComponentFile, KeyHolder, KeyOption};

/// The environment variable that says where to save a clip.
pub(super) const DESTINATION: &str = "MV_CLIP_DESTINATION";

pub(super) const KEY: &str = "MERAKI_DASHBOARD_API_KEY";

const BASE_URL: &str = "MERAKI_BASE_URL";
const DEFAULT_BASE_URL: &str = "https://api.meraki.com/api/v1";

const REQUESTS_PER_SECOND: &str = "MV_CLIP_REQUESTS_PER_SECOND";
const DEFAULT_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

/// The longest `MV_CLIP_DEADLINE_SECONDS` that the guest accepts.
const LONGEST_DEADLINE: Duration = Duration::from_secs(86_400);

/// The longest `MV_CLIP_ATTEMPT_TIMEOUT_SECONDS` that it accepts.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(600);

/// Meraki's regions: an API redirects to shards below these.
const MERAKI: [&str; 5] = [
    "https://*.meraki.com",
    "https://*.meraki.ca",
    "https://*.meraki.cn",
    "https://*.meraki.in",
    "https://*.gov-meraki.com",
];

/// The environment variables that are the guest's: it gets no others.
pub(super) fn from_environment() -> anyhow::Result<Vec<(String, String)>> {
    guests(std::env::vars_os())
}

fn guests(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> anyhow::Result<Vec<(String, String)>> {
    let of_guest = |name: &String| {
        (name.starts_with("MV_CLIP_") || name.starts_with("MERAKI_"))
            && ![CACHE, COMPONENT, DESTINATION].contains(&name.as_str())
    };
    variables
        .filter_map(|(name, value)| Some((name.into_string().ok().filter(of_guest)?, value)))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            // Not the value: it may be the key.
            Err(_) => Err(anyhow!(
                "the environment variable {name} is not UTF-8: set it again"
            )),
        })
        .collect()
}

pub(super) fn base_url(variables: &[(String, String)]) -> &str {
    let given = variables.iter().find(|(name, _)| name == BASE_URL);
    given.map_or(DEFAULT_BASE_URL, |(_, value)| value)
}

/// Loads the component into a host that cuts none of the guest's settings short. Beside what the
/// settings name it may reach the origins of `others`.
pub(super) async fn host(
    component: &ComponentFile,
    key: &KeyHolder,
    variables: &[(String, String)],
    others: &[http::Uri],
) -> anyhow::Result<ClipHost> {
    let (file, cache) = (component.component.clone(), component.cache());
    let api = api(variables)?;
    let mut outbound = Outbound::builder()
        .policy(policy(api.clone(), others))
        .timeouts(timeouts())
        .rate_limiter(RateLimiter::new(rate_limit(variables)));
    if let Some(key) = kept_key(key.key_mode, variables, api)? {
        outbound = outbound.key(key);
    }
    let outbound = outbound.build()?;
    // Compiling is no work for a thread that has a spinner, or a mock, to run.
    let load = tokio::task::spawn_blocking(move || {
        let component = mv_clip_host::read_component(&file)?;
        anyhow::Ok(match cache.as_deref().map(CodeCache::at) {
            Some(Ok(cache)) => ClipHost::cached(&component, outbound, limits(), &cache)?,
            Some(Err(error)) => {
                tracing::warn!("{error}: the component is compiled for this run alone");
                ClipHost::new(&component, outbound, limits())?
            }
            None => ClipHost::new(&component, outbound, limits())?,
        })
    });
    load.await.context("loading the component broke off")?
}

fn limits() -> Limits {
    Limits {
        wall_time: LONGEST_DEADLINE + Duration::from_secs(60),
        ..Limits::default()
    }
}

/// The pace that the guest keeps in one call, for all calls of a command together. What is no number
/// here is none for the guest either, which says so before it sends anything.
fn rate_limit(variables: &[(String, String)]) -> RateLimit {
    let given = variables
        .iter()
        .find(|(name, _)| name == REQUESTS_PER_SECOND);
    let per_second = given
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(DEFAULT_REQUESTS_PER_SECOND);
    RateLimit {
        per_second,
        burst: per_second,
    }
}

/// The time to connect stays as it is by default: no server takes longer, and an attempt that is spent
/// on a dead address is better spent on another attempt.
fn timeouts() -> Timeouts {
    Timeouts {
        first_byte: LONGEST_ATTEMPT,
        between_bytes: LONGEST_ATTEMPT,
        ..Timeouts::default()
    }
}

/// The key, where it is not the guest's to hold. Without one the API says that it is missing.
fn kept_key(
    mode: KeyOption,
    variables: &[(String, String)],
    api: Vec<Destination>,
) -> anyhow::Result<Option<ApiKey>> {
    let mode = match mode {
        KeyOption::Environment => return Ok(None),
        KeyOption::Placeholder => KeyMode::Placeholder,
        KeyOption::Injection => KeyMode::Injection,
    };
    let given = variables.iter().find(|(name, _)| name == KEY);
    let key = given.map(|(_, key)| ApiKey::new(key, mode, api));
    key.transpose().context(KEY)
}

/// Where the API is: all of Meraki where the base URL is in one of its regions, since they redirect to
/// each other's shards; otherwise the base URL's origin alone. A base URL that cannot be read opens
/// nothing: the guest says what is wrong with it.
fn api(variables: &[(String, String)]) -> anyhow::Result<Vec<Destination>> {
    let meraki = MERAKI
        .iter()
        .map(|form| form.parse())
        .collect::<Result<Vec<Destination>, _>>()?;
    let url: http::Uri = base_url(variables).parse().unwrap_or_default();
    let region = Policy::new(meraki.clone()).allows(&url).is_ok();
    Ok(if region {
        meraki
    } else {
        origin(&url).into_iter().collect()
    })
}

/// What the guest may reach.
fn policy(api: Vec<Destination>, others: &[http::Uri]) -> Policy {
    Policy::new(api.into_iter().chain(others.iter().filter_map(origin)))
}

fn origin(url: &http::Uri) -> Option<Destination> {
    let (scheme, authority) = (url.scheme_str()?, url.authority()?);
    format!("{scheme}://{authority}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_opens_its_region_or_its_origin() {
        let cases: [(&str, &[&str]); 9] = [
            ("https://api.meraki.com/api/v1", &MERAKI),
            ("https://api.gov-meraki.com/api/v1", &MERAKI),
            ("https://N7.Meraki.CA./api/v1", &MERAKI),
            (
                "https://api.meraki.com:8443/",
                &["https://api.meraki.com:8443"],
            ),
            (
                "https://api.meraki.com.example/",
                &["https://api.meraki.com.example"],
            ),
            ("http://127.0.0.1:8080/api/v1", &["http://127.0.0.1:8080"]),
            ("https://user@api.meraki.com/", &[]),
            ("ftp://api.meraki.com/", &[]),
            ("not a URL", &[]),
        ];
        for (base_url, expected) in cases {
            let variables = [(BASE_URL.to_owned(), base_url.to_owned())];
            let api = api(&variables).unwrap();
            let opened: Vec<_> = api.iter().map(ToString::to_string).collect();
            assert_eq!(opened, expected, "{base_url}");
        }
        assert_eq!(api(&[]).unwrap().len(), MERAKI.len());
    }

    #[test]
    fn a_destination_opens_its_origin() {
        let destination = "https://b.s3.amazonaws.com/c.ts?X-Amz-Signature=x";
        let policy = policy(api(&[]).unwrap(), &[destination.parse().unwrap()]);
        let last = policy.destinations().last().unwrap().to_string();
        assert_eq!(last, "https://b.s3.amazonaws.com");
    }

    /// The numbers are the README's; `tests/it/input.rs` holds the guest to them.
    #[test]
    fn no_setting_that_the_guest_accepts_is_cut_short() {
        let (longest_deadline, longest_attempt) =
            (Duration::from_secs(86_400), Duration::from_secs(600));
        assert!(limits().wall_time > longest_deadline);
        assert!(timeouts().first_byte >= longest_attempt);
        assert!(timeouts().between_bytes >= longest_attempt);
    }

    #[test]
    fn a_command_keeps_the_pace_of_a_call() {
        for (value, expected) in [(None, 5), (Some("1"), 1), (Some("100"), 100)] {
            let given = value.map(|value| (REQUESTS_PER_SECOND.to_owned(), value.to_owned()));
            let limit = rate_limit(given.as_slice());
            let found = (limit.per_second.get(), limit.burst.get());
            assert_eq!(found, (expected, expected), "{value:?}");
        }
    }

    #[test]
    fn the_guest_gets_its_own_variables_alone() {
        let given = [
            "MERAKI_BASE_URL",
            "MV_CLIP_LAG_SECONDS",
            COMPONENT,
            DESTINATION,
            "HOME",
        ];
        let given = given.map(|name| (name.into(), "x".into()));
        let names: Vec<_> = guests(given.into_iter())
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["MERAKI_BASE_URL", "MV_CLIP_LAG_SECONDS"]);
    }

    #[cfg(unix)]
    #[test]
    fn only_a_variable_of_the_guests_must_be_utf_8_and_its_value_is_not_told() {
        use std::os::unix::ffi::OsStringExt;
        let broken = || OsString::from_vec(b"5ec2e7\xff".to_vec());
        let others = [("HOME".into(), broken()), (broken(), broken())];
        assert!(guests(others.into_iter()).unwrap().is_empty());

        let own = [("MERAKI_DASHBOARD_API_KEY".into(), broken())];
        let error = format!("{:?}", guests(own.into_iter()).unwrap_err());
        assert!(
            error.contains("MERAKI_DASHBOARD_API_KEY is not UTF-8"),
            "{error}"
        );
        assert!(!error.contains("5ec2e7"), "{error}");
    }
}
