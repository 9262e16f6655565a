//! All requests that leave the host.
//!
//! A guest sends HTTP requests through `wasi:http`; the host decides where they may go, and how. [`Outbound`]
//! is wasmtime's `WasiHttpHooks` on a pooled client, in place of a default transport that goes anywhere,
//! opens a new connection for each request and does not limit the time of the TLS handshake.
//!
//! # The life of one request
//!
//! 1. The guest calls `outgoing-handler.handle`; wasmtime calls the store's [`OutboundHooks`].
//! 2. [`Policy`] checks scheme, host and port. What is not listed ends here, as
//!    `HTTP-request-denied`: no name is looked up, and no socket is opened.
//! 3. A request for a clip to the API is read, and written anew by the host (`call_api.rs`). If the host keeps the API
//!    key (`key.rs`), it is put in here. A guest that sends its own key where the host adds one, or its placeholder
//!    elsewhere, is denied.
//! 4. A body where the method has none ends here too, as `HTTP-request-denied`. The fields that frame a message are
//!    the client's, not the guest's (`framing.rs`).
//! 5. A request to an origin of the API waits for the [`RateLimiter`], if there is one: first behind earlier requests
//!    of the same call, then in a queue with one request of each call.
//! 6. The guest's timeouts are limited to the host's [`Timeouts`]. The request gets the canonical form of the origin
//!    that was checked, in its URI and so in its `Host` field, which a guest cannot set.
//! 7. The request waits for a place in the host's budget (`budget.rs`), if its call has taken its share; without one
//!    it ends as `connection-limit-reached`. The pool may have a connection to that origin, or soon get one that all
//!    can share (`pool.rs`). If not, or if the guest wrote the request, the name is looked up ([`Resolve`]), the
//!    addresses are checked, and a connection is made to one of those that pass; if none does, or if both ends of the
//!    connection have an address that is this machine's own (`elsewhere.rs`), the request ends as
//!    `destination-IP-prohibited`. With a [`Proxy`] the same check comes before a tunnel to the name (`tunnel.rs`). TLS
//!    verifies the certificate and negotiates HTTP/2 or HTTP/1.1. All this is within the connect timeout.
//! 8. The request is sent, and the header section of the response awaited within the first-byte
//!    timeout. Redirects are the guest's to follow, so each hop passes steps 2 to 5.
//! 9. The guest reads the body frame by frame, each within the between-bytes timeout. At its end
//!    the connection returns to the pool, if the host wrote the request. The reply to a request for a clip is filtered,
//!    and its body read whole before the guest gets any of it (`reply.rs`).
//! 10. An event at debug level has the status and the duration from step 6 on, in a span with method, scheme,
//!     host and port. Paths, queries, header fields and bodies are never logged: the URL of a clip is a secret.
//!
//! An error becomes the most specific `wasi:http` error code: see [`Outbound::send`].
//! A guest can drop the request at any step, which ends it.
//!
//! # What this module does not do
//!
//! - No request is repeated after any of it was written: retrying is the guest's rule.
//! - Nothing is read from the environment, unless the embedder asks ([`Proxy::from_env`]).
//! - No connection is shared between two [`Outbound`]s, so none is shared between two policies.

mod address;
mod admission;
mod body;
mod budget;
mod call_api;
mod client;
mod connect;
mod descriptors;
mod elsewhere;
mod error;
mod fair;
mod framing;
mod heads;
mod hooks;
mod in_flight;
mod interfaces;
mod key;
mod limiter;
mod named;
mod nat64;
mod network;
mod origin;
mod pattern;
mod policy;
mod pool;
mod progress;
mod proxy;
mod reply;
mod resolve;
mod sender;
mod socket;
mod system;
mod timeouts;
mod tls;
mod traffic;
mod tunnel;

pub(crate) use budget::Budget;
pub use hooks::OutboundHooks;
pub(crate) use in_flight::InFlight;
pub use key::KeyMode;
pub use limiter::RateLimiter;
pub(crate) use named::NamedUrls;
pub use nat64::{Nat64Prefix, Nat64PrefixError};
pub use network::{Network, NetworkError};
pub use origin::{Origin, OriginError};
pub use pattern::{OriginPattern, OriginPatternError};
pub use policy::{Denied, Policy};
pub use proxy::{Proxy, ProxyError};
pub use resolve::{Lookup, Resolve};
pub use sender::{Outbound, OutboundBuilder};
pub use system::SystemResolver;
pub use timeouts::Timeouts;
pub(crate) use traffic::Traffic;
