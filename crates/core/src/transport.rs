//! One HTTP exchange with Meraki's API in plain values: the request, the response, and why there is none.

use std::fmt;
use std::time::Duration;

use crate::settings::ApiKey;
use crate::url::Url;

/// The largest response body that is read, in bytes: 1 MiB. Meraki's have a few hundred.
pub const MAX_BODY: usize = 1 << 20;

/// A GET request to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The URL to send it to.
    pub url: Url,
    /// The API key for the header `Authorization`; none if the host adds the header.
    pub api_key: Option<ApiKey>,
    /// When the whole response must be there, body included, counted from the start of the call.
    pub attempt_deadline: Duration,
}

/// A response. `Debug` prints neither location nor body, which may hold a clip's URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The value of the header `Location`.
    pub location: Option<String>,
    /// The value of the header `Retry-After`.
    pub retry_after: Option<String>,
    /// The value of the header `X-Request-Id`.
    pub request_id: Option<String>,
    /// The whole body, or why it could not be read. The body of a redirect is not read.
    pub body: Result<Vec<u8>, TransportError>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("request_id", &self.request_id)
            .field("body", &self.body.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

/// What a message says after the host's name for [`TransportError::AddressProhibited`].
pub(crate) const ADDRESS_PROHIBITED: &str = "resolves to an address that is not public, as in a private \
     network, and this component's engine does not connect to it. Check the DNS server, the VPN and the \
     proxy of this machine.";

/// Why there is no response, or no whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportError {
    /// The name did not resolve, or the connection failed or broke; the text says which.
    Connection(&'static str),
    /// The server's TLS certificate is not trusted.
    Certificate,
    /// The response was not complete by [`Request::attempt_deadline`], or a timeout of the host expired.
    TimedOut,
    /// The host does not allow this component to send this request.
    Denied,
    /// The host does not connect to the addresses that the name resolves to, such as private ones.
    AddressProhibited,
    /// The body is larger than [`MAX_BODY`], or than the host allows.
    TooLarge,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection(what) => what,
            Self::Certificate => "the server's TLS certificate is not trusted",
            Self::TimedOut => "the response was not complete in time",
            Self::Denied => "the host does not allow the request",
            Self::AddressProhibited => "the host does not connect to the address",
            Self::TooLarge => "the body is too large",
        })
    }
}

impl std::error::Error for TransportError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_location_and_body() {
        let response = Response {
            status: 200,
            location: Some("https://h/t0ken".into()),
            retry_after: None,
            request_id: None,
            body: Ok(b"t0ken".to_vec()),
        };
        assert_eq!(
            format!("{response:?}"),
            "Response { status: 200, retry_after: None, request_id: None, body: Ok(5), .. }"
        );
    }

    #[test]
    fn the_body_limit_is_one_mebibyte() {
        assert_eq!(MAX_BODY, 1_048_576);
    }
}
