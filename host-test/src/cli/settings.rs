//! The guest's settings, from this process's environment, and the host that they need.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::anyhow;
use mv_clip_core::url::Url;
use mv_clip_host::{
    ApiKey, ApiKeyError, CacheError, ClipHost, CodeCache, KeyMode, Limits, LoadError, Origin,
    OriginPattern, Policy, Proxy, RateLimit, RateLimiter, Setting, Settings, Timeouts,
};

use super::deadline::LONGEST_CALL;
use super::exit::Usage;
use super::key::{self, Source};
use super::options::{ComponentFile, KeyHolder, KeyOption, Trust};
use super::plain_http;

/// The environment variable that says where to save a clip.
pub(super) const DESTINATION: &str = "MV_CLIP_DESTINATION";

const DEFAULT_BASE_URL: &str = "https://api.meraki.com/api/v1";

const DEFAULT_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

/// The longest `MV_CLIP_ATTEMPT_TIMEOUT_SECONDS` that it accepts.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(600);

/// The settings of a command's calls, and the key that the host keeps from the component.
pub(super) struct Configuration {
    pub(super) settings: Settings,
    kept: Option<(ApiKey, KeyMode)>,
    /// Where the key is from.
    pub(super) key_source: Source,
}

impl Configuration {
    /// These settings, with the key of this process.
    ///
    /// Only [`KeyOption::Environment`] works without a key, for APIs behind a proxy that adds one.
    pub(super) async fn with_key(settings: Settings, options: &KeyHolder) -> anyhow::Result<Self> {
        let (key, source) = key::find(options.key_file.as_deref()).await?;
        plain_http::check(base_url(&settings), key.as_ref(), options.allow_plain_http)?;
        Ok(Self::new(settings, key, source, options.key_mode)?)
    }

    /// These settings, and this key from that source.
    pub(super) fn new(
        settings: Settings,
        key: Option<ApiKey>,
        key_source: Source,
        mode: KeyOption,
    ) -> Result<Self, Usage> {
        let mode = match mode {
            KeyOption::Injection => KeyMode::Injection,
            KeyOption::Placeholder => KeyMode::Placeholder,
            KeyOption::Environment => {
                let settings = match &key {
                    Some(key) => settings.api_key(key),
                    None => settings,
                };
                return Ok(Self {
                    settings,
                    kept: None,
                    key_source,
                });
            }
        };
        let key = key.ok_or_else(|| {
            let missing = ApiKeyError::Missing;
            Usage(format!(
                "{missing}, or name a file that holds one with --key-file"
            ))
        })?;
        Ok(Self {
            settings,
            kept: Some((key, mode)),
            key_source,
        })
    }
}

pub(super) fn base_url(settings: &Settings) -> &str {
    settings.get(Setting::BaseUrl).unwrap_or(DEFAULT_BASE_URL)
}

/// Loads the component into a host whose limits allow every accepted setting. The component may reach the API of the
/// settings and the origins of `others`.
pub(super) async fn host(
    component: &ComponentFile,
    trust: &Trust,
    configuration: &Configuration,
    others: &[http::Uri],
) -> anyhow::Result<ClipHost> {
    host_for(component, trust, configuration, others, NonZeroU32::MIN).await
}

/// The same for that many calls at once.
pub(super) async fn host_for(
    component: &ComponentFile,
    trust: &Trust,
    configuration: &Configuration,
    others: &[http::Uri],
    calls: NonZeroU32,
) -> anyhow::Result<ClipHost> {
    let Configuration { settings, kept, .. } = configuration;
    let mut builder = ClipHost::builder()
        .policy(policy(settings, others).nat64_prefixes(trust.nat64_prefix.clone()))
        .timeouts(timeouts())
        .limits(limits(calls))
        .rate_limiter(RateLimiter::new(rate_limit(settings)));
    if let Some((key, mode)) = kept {
        builder = builder.key(key.clone(), *mode);
    }
    if let Some(proxy) = Proxy::from_env().map_err(|error| Usage(error.to_string()))? {
        builder = builder.proxy(proxy);
    }
    if let Some(file) = &trust.ca_file {
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

/// If the base URL is in one of Meraki's regions: all of Meraki, because the regions redirect to each other's shards.
/// Otherwise: the base URL's origin, which is then the one that gets the key. An invalid base URL allows nothing, and the
/// guest reports what is wrong with it.
fn policy(settings: &Settings, others: &[http::Uri]) -> Policy {
    let url: http::Uri = base_url(settings).parse().unwrap_or_default();
    let meraki = Policy::meraki();
    let api = match meraki.allows(&url) {
        Ok(origin) if is_api(&origin) => meraki,
        Ok(_) => Policy::new(origin(&url)).allow(meraki.origins().cloned()),
        Err(_) => Policy::new(origin(&url)),
    };
    api.allow(others.iter().filter_map(origin))
}

fn is_api(origin: &Origin) -> bool {
    Url::parse(&origin.to_string()).is_ok_and(|url| url.is_meraki_api())
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
        // A user may name another host of Meraki's as the API: it is listed first, because it gets the key.
        let named = [&["https://dashboard.meraki.com"], meraki.as_slice()].concat();
        let cases: [(&str, &[&str]); 10] = [
            ("https://dashboard.meraki.com/api/v1", &named),
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
