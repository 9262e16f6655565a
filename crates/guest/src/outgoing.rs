//! Outgoing requests.

use std::time::Duration;

use mv_clip_core::operation::USER_AGENT;
use mv_clip_core::transport::TransportError;
use mv_clip_core::url::Url;

use crate::clock::nanoseconds;
use crate::wasi::http::types::{Fields, Method, OutgoingRequest, RequestOptions, Scheme};

/// For `GET`: some servers compress replies although nobody asked for it.
pub(crate) const NOT_COMPRESSED: (&str, &str) = ("accept-encoding", "identity");

/// RUSTSEC-2026-0320: some hosts panic for a timeout of zero.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// A request with these header fields, in lower case, and with `User-Agent`.
pub(crate) fn request(
    method: &Method,
    url: &Url,
    fields: &[(&str, &str)],
) -> Result<OutgoingRequest, TransportError> {
    let mut all = vec![field(&("user-agent", USER_AGENT))];
    all.extend(fields.iter().map(field));
    let fields = Fields::from_list(&all).map_err(|_| TransportError::Denied)?;
    let request = OutgoingRequest::new(fields);
    let scheme = if url.is_https() {
        Scheme::Https
    } else {
        Scheme::Http
    };
    request
        .set_method(method)
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(url.authority())))
        .and_then(|()| request.set_path_with_query(Some(&url.path_and_query())))
        .map_err(|()| TransportError::Denied)?;
    Ok(request)
}

fn field((name, value): &(&str, &str)) -> (String, Vec<u8>) {
    ((*name).to_owned(), value.as_bytes().to_owned())
}

/// The three timeouts of a request. A host may reject one; the caller's own deadline still applies.
pub(crate) fn options(
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
) -> RequestOptions {
    let options = RequestOptions::new();
    let timeout = |timeout: Duration| Some(nanoseconds(timeout.max(MIN_TIMEOUT)));
    let _ = options.set_connect_timeout(timeout(connect));
    let _ = options.set_first_byte_timeout(timeout(first_byte));
    let _ = options.set_between_bytes_timeout(timeout(between_bytes));
    options
}
