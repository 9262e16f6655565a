//! The guest's settings, from this process's environment, and the host that they need.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context, anyhow};
use mv_clip_host::{
    ApiKey, CacheError, ClipHost, CodeCache, KeyMode, Limits, LoadError, OriginPattern, Policy,
    RateLimit, RateLimiter, Setting, Settings, Timeouts,
};

use super::deadline::LONGEST_CALL;
use super::options::{ComponentFile, KeyHolder, KeyOption};
use super::plain_http;

/// The environment variable that says where to save a clip.
pub(super) const DESTINATION: &str = "MV_CLIP_DESTINATION";

const DEFAULT_BASE_URL: &str = "https://api.meraki.com/api/v1";

const DEFAULT_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

/// The longest `MV_CLIP_ATTEMPT_TIMEOUT_SECONDS` that it accepts.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(600);

pub(super) fn base_url(settings: &Settings) -> &str {
    settings.get(Setting::BaseUrl).unwrap_or(DEFAULT_BASE_URL)
}

/// Loads the component into a host whose limits allow every accepted setting. The component may reach the API of the
/// settings and the origins of `others`.
pub(super) async fn host(
    component: &ComponentFile,
    key: &KeyHolder,
    settings: &Settings,
    others: &[http::Uri],
) -> anyhow::Result<ClipHost> {
    host_for(component, key, settings, others, NonZeroU32::MIN).await
}

/// The same for that many calls at once.
pub(super) async fn host_for(
    component: &ComponentFile,
    key: &KeyHolder,
    settings: &Settings,
    others: &[http::Uri],
    calls: NonZeroU32,
) -> anyhow::Result<ClipHost> {
    plain_http::check(settings, key.allow_plain_http)?;
    let mut builder = ClipHost::builder()
        .policy(policy(settings, others).nat64_prefixes(key.trust.nat64_prefix.clone()))
        .timeouts(timeouts())
        .limits(limits(calls))
        .rate_limiter(RateLimiter::new(rate_limit(settings)));
    if let Some((key, mode)) = kept_key(key.key_mode, settings)? {
        builder = builder.key(key, mode);
    }
    if let Some(file) = &key.trust.ca_file {
        builder = builder.root_certificates(file);
    }
    match cache(component) {
        Ok(cache) => builder = builder.cache(cache),
        // Not worth a warning: a user without a cache folder knows.
        Err(CacheError::NoFolder) => {}
        Err(error) => tracing::warn!("{error}: the component is compiled only for this run"),
    }
    builder.load(&component.component).await.map_err(unreadable)
}

/// Why there is no component, and what to do.
pub(super) fn unreadable(error: LoadError) -> anyhow::Error {
    match error {
        LoadError::Read { .. } | LoadError::NotAComponentFile { .. } => {
            anyhow!("{error}. `cargo xtask build` makes it")
        }
        error => error.into(),
    }
}

fn cache(component: &ComponentFile) -> Result<CodeCache, CacheError> {
    match &component.cache {
        Some(folder) => CodeCache::at(folder),
        None => CodeCache::default_dir(),
    }
}

fn limits(calls: NonZeroU32) -> Limits {
    Limits::one_shot()
        .concurrent_calls(calls)
        .wall_time(LONGEST_CALL + Duration::from_secs(60))
}

/// The rate limit of one call, for all calls of a command together. If the value is not a number, the guest reports it
/// before it sends anything.
fn rate_limit(settings: &Settings) -> RateLimit {
    let given = settings.get(Setting::RequestsPerSecond);
    let per_second = given
        .and_then(|value| value.parse().ok())
        .unwrap_or(DEFAULT_REQUESTS_PER_SECOND);
    RateLimit {
        per_second,
        burst: per_second,
    }
}

/// The connect timeout stays at its default: no server takes longer, and for a dead address another attempt is better
/// than a longer wait.
fn timeouts() -> Timeouts {
    Timeouts::default()
        .first_byte(LONGEST_ATTEMPT)
        .between_bytes(LONGEST_ATTEMPT)
}

/// The key, if the host keeps it. Without a key, the API reports that it is missing.
fn kept_key(mode: KeyOption, settings: &Settings) -> anyhow::Result<Option<(ApiKey, KeyMode)>> {
    let mode = match mode {
        KeyOption::Environment => return Ok(None),
        KeyOption::Placeholder => KeyMode::Placeholder,
        KeyOption::Injection => KeyMode::Injection,
    };
    let key = settings.get(Setting::ApiKey).map(ApiKey::new);
    let key = key.transpose().context(Setting::ApiKey)?;
    Ok(key.map(|key| (key, mode)))
}

/// If the base URL is in one of Meraki's regions: all of Meraki, because the regions redirect to each other's shards.
/// Otherwise: the base URL's origin. An invalid base URL allows nothing, and the guest reports what is wrong with it.
fn policy(settings: &Settings, others: &[http::Uri]) -> Policy {
    let url: http::Uri = base_url(settings).parse().unwrap_or_default();
    let meraki = Policy::meraki();
    let api = match meraki.allows(&url) {
        Ok(_) => meraki,
        Err(_) => Policy::new(origin(&url)),
    };
    api.allow(others.iter().filter_map(origin))
}

fn origin(url: &http::Uri) -> Option<OriginPattern> {
    let (scheme, authority) = (url.scheme_str()?, url.authority()?);
    format!("{scheme}://{authority}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(policy: &Policy) -> Vec<String> {
        policy.origins().map(ToString::to_string).collect()
    }

    #[test]
    fn a_base_url_allows_meraki_or_its_own_origin() {
        let meraki = allowed(&Policy::meraki());
        let meraki: Vec<_> = meraki.iter().map(String::as_str).collect();
        let cases: [(&str, &[&str]); 9] = [
            ("https://api.meraki.com/api/v1", &meraki),
            ("https://api.gov-meraki.com/api/v1", &meraki),
            ("https://N7.Meraki.CA./api/v1", &meraki),
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
            let settings = Settings::default().base_url(base_url);
            assert_eq!(allowed(&policy(&settings, &[])), expected, "{base_url}");
        }
        assert_eq!(allowed(&policy(&Settings::default(), &[])), meraki);
    }

    #[test]
    fn a_destination_allows_its_origin() {
        let destination = "https://b.s3.amazonaws.com/c.ts?X-Amz-Signature=x";
        let policy = policy(&Settings::default(), &[destination.parse().unwrap()]);
        let last = allowed(&policy).pop();
        assert_eq!(last.as_deref(), Some("https://b.s3.amazonaws.com"));
    }

    /// The numbers are those of docs/SETTINGS.md; `tests/it/input.rs` tests that the guest enforces them.
    #[test]
    fn the_limits_of_the_host_allow_every_accepted_setting() {
        let (longest_deadline, longest_attempt) =
            (Duration::from_secs(86_400), Duration::from_secs(600));
        assert!(limits(NonZeroU32::MIN).wall_time > longest_deadline);
        assert!(timeouts().first_byte >= longest_attempt);
        assert!(timeouts().between_bytes >= longest_attempt);
    }

    #[test]
    fn the_rate_limit_of_a_command_is_that_of_a_call() {
        for (value, expected) in [(None, 5), (Some("1"), 1), (Some("100"), 100)] {
            let settings = value.map_or_else(Settings::default, |value| {
                Settings::default().text(Setting::RequestsPerSecond, value)
            });
            let limit = rate_limit(&settings);
            let found = (limit.per_second.get(), limit.burst.get());
            assert_eq!(found, (expected, expected), "{value:?}");
        }
    }
}
