//! Runs the component `mv-clip` in wasmtime, as an engine would: with limits, with a policy for what
//! leaves, and with a mock of the Meraki API to try it against.
//!
//! ```no_run
//! use mv_clip_host::outbound::policy::Destination;
//! use mv_clip_host::{ClipHost, Limits, Outbound, Policy};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // Once: what may be reached, and the component, compiled and linked.
//! let policy = Policy::new(["https://*.meraki.com".parse::<Destination>()?]);
//! let outbound = Outbound::builder().policy(policy).build()?;
//! let host = ClipHost::from_file("mv-clip.wasm".as_ref(), outbound, Limits::default())?;
//!
//! // Each call: its settings, and its arguments. Any number of calls run side by side.
//! let settings = [("MERAKI_DASHBOARD_API_KEY".to_owned(), std::env::var("KEY")?)];
//! let (start, end) = ("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
//! match host.get_clip(&settings, "Q2XX-ABCD-1234", start, end).await {
//!     Ok(url) => println!("{}", url.expose()),
//!     Err(error) => eprintln!("{error}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`ClipHost`] runs calls, [`Limits`] bounds them, and [`Outbound`] is all that a guest can reach. The
//! crate `meraki-mock` stands in for the API.
//!
//! The library logs through `tracing`: at info level when a component was loaded and when a call
//! started and ended, at debug level each request. The API key and URLs of clips are never logged. But
//! wasmtime gives its own account of a guest's calls, at trace level under targets that begin with
//! `wasmtime_wasi`, and the paths of URLs are in it: filter that out, as the command line does.

#![forbid(unsafe_code)]

mod bindings;
mod cache;
mod calls;
pub mod clip;
mod deadline;
mod engine;
mod file;
mod host;
pub mod inspect;
mod instance;
mod limits;
pub mod media;
pub mod outbound;
mod shadow;
mod store;

pub use cache::{CacheError, CodeCache};
pub use calls::Shutdown;
pub use clip::{
    CallError, Clip, ClipError, ClipOutcome, ClipRequest, ClipUrl, Failure, FailureKind, LoadError,
    Phase, SavedClip,
};
pub use file::{ReadError, read as read_component};
pub use host::ClipHost;
pub use instance::Instance;
pub use limits::{Limit, Limits};
pub use mv_clip_core::rate::RateLimit;
pub use outbound::{ApiKey, KeyMode, Outbound, Policy, RateLimiter};
