//! The rules of a good client of the Meraki Video Clip API, without I/O.
//!
//! The crate says what may be asked ([`request`], [`settings`]), what is sent and received ([`api`], [`redirect`],
//! [`refusal`]), and what to do next ([`retry`], [`fetch`], [`transfer`]). Time and randomness are arguments,
//! so all behaviour runs natively and in simulated time. The crate `mv-clip-guest` drives it over WASI 0.2.
//!
//! ```
//! use std::time::Duration;
//! use mv_clip_core::api::Reply;
//! use mv_clip_core::fetch::{Fetch, Step};
//! use mv_clip_core::request::ClipRequest;
//! use mv_clip_core::settings::Settings;
//! use mv_clip_core::time::Timestamp;
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
//! let reply = Reply {
//!     status: 200,
//!     location: None,
//!     retry_after: None,
//!     request_id: None,
//!     body: Ok(br#"{"url":"https://spn49.meraki.com/clip"}"#.to_vec()),
//! };
//! let step = fetch.receive(Duration::from_millis(80), Ok(reply), || 0);
//! let Step::Done(Ok(clip)) = step else { panic!("a clip") };
//! assert_eq!(clip.url.expose(), "https://spn49.meraki.com/clip");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod api;
pub mod batch;
pub mod error;
pub mod events;
pub mod fetch;
pub mod host;
mod json;
pub mod media;
pub mod rate;
pub mod redirect;
pub mod refusal;
pub mod request;
pub mod retry;
pub mod settings;
pub mod text;
pub mod time;
pub mod transfer;
pub mod url;
