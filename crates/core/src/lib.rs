//! The rules of a good client of the Meraki Video Clip API, without I/O.
//!
//! - Input: [`request`], [`events`], [`settings`].
//! - HTTP: [`transport`], [`api`], [`operation`], [`redact`], [`redirect`], [`url`], [`host`], and [`media`] for clients of media hosts.
//! - State machines that decide what to do next: [`fetch`] for one clip, [`batch`] for many, [`transfer`] to save one,
//!   with the rules of [`retry`].
//! - Errors: [`error`] for callers, [`api_error`] for one attempt.
//!
//! Time and randomness are arguments, so all behaviour can be tested in simulated time. The crate `mv-clip-guest`
//! runs the state machines over WASI 0.2.
//!
//! ```
//! use std::time::Duration;
//! use mv_clip_core::fetch::{Fetch, Step};
//! use mv_clip_core::request::ClipRequest;
//! use mv_clip_core::settings::Settings;
//! use mv_clip_core::time::Timestamp;
//! use mv_clip_core::transport::Response;
//!
//! let settings = Settings::from_variables([("MERAKI_DASHBOARD_API_KEY", "k3y")])?;
//! let request = ClipRequest::parse(
//!     "Q2XX-ABCD-1234", "2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z", None)?;
//! let started = Timestamp::parse("2026-03-12T15:00:00Z").unwrap();
//!
//! let mut fetch = Fetch::new(&settings, request, started)?;
//! let Step::Send(request) = fetch.resume(Duration::ZERO) else { panic!("nothing to wait for") };
//! assert_eq!(request.url.host(), "api.meraki.com");
//!
//! let response = Response {
//!     status: 200,
//!     location: None,
//!     retry_after: None,
//!     request_id: None,
//!     body: Ok(br#"{"url":"https://spn49.meraki.com/clip"}"#.to_vec()),
//! };
//! let step = fetch.receive(Duration::from_millis(80), Ok(response), || 0);
//! let Step::Done(Ok(clip)) = step else { panic!("a clip") };
//! assert_eq!(clip.url.expose(), "https://spn49.meraki.com/clip");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod api;
pub mod api_error;
mod api_message;
mod attempts;
pub mod batch;
pub mod error;
pub mod events;
pub mod fetch;
pub mod host;
mod json;
pub mod media;
pub mod operation;
pub mod rate;
pub mod redact;
pub mod redirect;
pub mod request;
pub mod retry;
pub mod settings;
pub mod text;
pub mod time;
pub mod transfer;
pub mod transport;
pub mod url;
