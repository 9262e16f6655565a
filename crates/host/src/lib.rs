//! Runs the component `mv-clip` in wasmtime: recorded video from Cisco Meraki MV cameras, with limits for the
//! guest and a policy for its requests.
//!
//! ```no_run
//! use mv_clip_host::{ApiKey, ClipHost, ClipRequest, CodeCache, KeyMode, Limits, Policy, Settings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // Once. Nothing but Meraki can be reached, and the component never has the key.
//! let host = ClipHost::builder()
//!     .policy(Policy::meraki())
//!     .key(ApiKey::from_env()?, KeyMode::Injection)
//!     .limits(Limits::one_clip())
//!     .cache(CodeCache::default_dir()?)
//!     .load("mv-clip.wasm")
//!     .await?;
//!
//! // Each call. Any number of calls run side by side.
//! let request = ClipRequest::new("Q2XX-ABCD-1234", "2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
//! match host.request_clip(&Settings::default(), &request).await {
//!     Ok(clip) => println!("{}", clip.url.expose()),
//!     Err(error) if error.is_transient() => eprintln!("{error} Retry: {:?}", error.retry_after()),
//!     Err(error) => eprintln!("{error}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | | |
//! | --- | --- |
//! | [`ClipHost`] | a loaded component: its functions, tenants, shutdown |
//! | [`ClipHostBuilder`] | policy, key, limits, cache, rate limiter, timeouts, roots, resolver, proxy |
//! | [`Policy`] | what the guest may reach |
//! | [`Settings`] | the settings of a call |
//! | [`Limits`] | what a call may use, and what all calls of a host share, with presets |
//! | [`CallError`] | why a call has no result, and whether to retry |
//! | [`CallReport`] | what a call used |
//! | [`MediaClient`] | fetches the clip behind a URL |
//!
//! The crate `meraki-mock` stands in for the API in tests: see the README.
//!
//! # Logs
//!
//! The library logs through `tracing`. Each call is a span `call` at info level with the fields `id` (unique in the
//! process), `function` and `serial`; all events of the call, those of its requests included, are inside. Each
//! request is a span `request` at debug level.
//!
//! | level | event | fields |
//! | --- | --- | --- |
//! | info | `component loaded` | `bytes`, `elapsed` |
//! | info | `call started` | the window |
//! | info | `call ended` | `outcome`, `attempts`, `requests`, `elapsed` |
//! | info | `shutting down`, `shut down` | `grace`; `ended`, `cut`, `left` |
//! | debug | `request denied` | `http.request.method`, `denied` |
//! | debug | `waited for the rate limit` | `waited` |
//! | debug | `response` | `http.response.status_code`, `elapsed` |
//! | debug | `no response`, `request failed`, `response broke off` | `error.type`, `elapsed`; `cause` |
//!
//! The fields of the span `request` are those of OpenTelemetry's HTTP client spans: `http.request.method`,
//! `url.scheme`, `server.address`, `server.port`. The API key, paths and queries are never logged. But wasmtime logs
//! a guest's calls at trace level under targets that begin with `wasmtime_wasi`, and the paths of URLs are in them:
//! filter these targets out.
//!
//! # Metrics
//!
//! The library counts through the facade of the crate `metrics`. Install a recorder before you load a host: it makes
//! its handles then.
//!
//! | name | kind | labels | what |
//! | --- | --- | --- | --- |
//! | `mv_clip_calls_total` | counter | `function`, `outcome` | calls that have ended |
//! | `mv_clip_calls_running` | gauge | | calls that run or wait |
//! | `mv_clip_call_duration_seconds` | histogram | `function` | how long calls took, waiting included |
//! | `mv_clip_requests_total` | counter | `status_class` | HTTP requests of guests and of media clients |
//! | `mv_clip_rate_limit_wait_seconds` | histogram | | how long each request waited for the [`RateLimiter`] |
//!
//! `function` is the name in the contract, such as `request-clip`. `outcome` is `ok`, a failure kind such as
//! `rate-limited`, or `wall-time`, `limit`, `trap`, `other-clip`, `not-exported`, `shutting-down`, `execution-failed`, or
//! `cancelled` if the caller dropped the call. `status_class` is `1xx` to `5xx`, or `error` for no response.

#![forbid(unsafe_code)]

mod answer;
mod api_key;
mod bindings;
mod bounds;
mod builder;
mod cache;
mod call;
mod calls;
mod clip;
mod component_check;
mod component_file;
mod convert;
mod deadline;
mod engine;
mod error;
mod host;
mod http_limits;
mod instance;
mod key_file;
mod limits;
mod media;
mod metrics;
// Public for the integration tests only, as is `Instance`: their interfaces may change in any release.
#[doc(hidden)]
pub mod outbound;
mod post;
#[cfg(unix)]
mod private;
mod processor;
mod report;
mod secret_file;
mod setting;
mod settings;
mod store;

pub use api_key::{ApiKey, ApiKeyError};
pub use builder::{ClipHostBuilder, NewHost, Tenant};
pub use cache::CodeCache;
pub use call::Call;
pub use calls::Shutdown;
pub use clip::{Clip, ClipOutcome, ClipRequest, ClipUrl, SavedClip};
pub use component_file::read_component;
pub use error::{
    CacheError, CallError, ClipError, EngineError, Failure, LoadError, OpenFiles, Phase, TlsError,
};
pub use host::ClipHost;
#[doc(hidden)]
pub use instance::Instance;
pub use key_file::KeyFileError;
pub use limits::{Limit, Limits};
pub use media::{MediaClient, MediaError, MediaResponse, RedirectRefused};
pub use mv_clip_core::error::FailureKind;
pub use mv_clip_core::host::HostError;
pub use mv_clip_core::rate::RateLimit;
pub use outbound::{
    Denied, KeyMode, Lookup, Nat64Prefix, Nat64PrefixError, Network, NetworkError, Origin,
    OriginError, OriginPattern, OriginPatternError, Policy, Proxy, ProxyError, RateLimiter,
    Resolve, SystemResolver, Timeouts,
};
pub use post::{PostClient, PostError};
pub use report::{CallReport, Reply};
pub use secret_file::{SecretFile, SecretFileError};
pub use setting::{Setting, UnknownSetting};
pub use settings::{Settings, SettingsError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
