//! A mock of the Meraki API's video clip operation and of its media hosts.
//!
//! [`MockMeraki`] is an HTTP/1.1 server on a loopback address. It behaves like the API: it checks the key, the
//! camera and the window, has footage only between a lag and the retention, enforces a rate limit, optionally
//! redirects, and returns media URLs that expire. It rejects what Meraki rejects, so an incorrect client fails.
//! It also rejects an `Authorization` header at a media URL, because a client must never send the key there.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use meraki_mock::{MockConfig, MockMeraki, Point, Scripted, WireFault};
//! use http::StatusCode;
//!
//! let mock = MockMeraki::start(MockConfig::default()).await?;
//! mock.script([
//!     Scripted::error(StatusCode::SERVICE_UNAVAILABLE, "Try again"),
//!     WireFault::Reset(Point::InBody).into(),
//!     Scripted::Pass,
//! ]);
//! // … let a client with `mock.base_url()` and `mock.key()` make its three requests …
//! # mock.finish().unwrap_err();
//! # Ok(())
//! # }
//! ```
//!
//! # Scripts
//!
//! [`MockMeraki::script`] queues the outcomes of the next API requests, one entry per request, in the order of
//! their arrival. [`MockMeraki::script_media`] does the same for requests to media URLs. When the queue is
//! empty, the mock answers by its own rules. After a redirect, the request to the shard counts as another
//! request.
//!
//! A [`WireFault`] affects exactly the request that it is meant for, on a new connection as on a reused one: the
//! mock reads the request and produces its reply, takes the socket from the HTTP server before any byte of the
//! reply is written, and then writes what the fault says.
//!
//! [`MockConfig::faults`] adds random faults to requests that are not scripted.
//!
//! A script must be used up: [`MockMeraki::finish`] reports unused entries. Dropping a mock with unused entries
//! panics, unless the thread is already panicking.

#![forbid(unsafe_code)]

mod api;
mod clip;
mod concurrency;
mod config;
mod faults;
mod footage;
mod media;
mod media_urls;
mod mock;
mod rate;
mod record;
mod refusal;
mod script;
mod server;
mod shard;
mod state;
mod sync;
mod wire;

pub use clip::CLIP;
pub use config::{Camera, DEFAULT_KEY, MockConfig, Redirect, is_mock_key};
pub use faults::Faults;
pub use footage::read_caption;
pub use mock::MockMeraki;
pub use mv_clip_core::rate::RateLimit;
pub use record::{Authorization, RecordedRequest, Target};
pub use script::{Scripted, UnusedScript};
pub use wire::{Point, WireFault};
