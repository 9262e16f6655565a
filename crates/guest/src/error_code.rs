//! The error codes of `wasi:http` as [`TransportError`]s.

use mv_clip_core::transport::TransportError;

use crate::wasi::http::types::ErrorCode;

/// The connection was established and broke.
pub(crate) const BROKEN: TransportError = TransportError::Connection("the connection broke off");

/// The error that a caller can act on.
pub(crate) fn transport_error(code: &ErrorCode) -> TransportError {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::HttpRequestUriInvalid => TransportError::Denied,
        ErrorCode::DestinationIpProhibited => TransportError::AddressProhibited,
        ErrorCode::TlsCertificateError => TransportError::Certificate,
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => TransportError::TimedOut,
        ErrorCode::HttpResponseBodySize(_) => TransportError::TooLarge,
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            TransportError::Connection("the host name cannot be resolved")
        }
        // What mv-clip's host reports for its proxy.
        ErrorCode::ConfigurationError => {
            TransportError::Connection("the proxy refused the connection, or cannot be reached")
        }
        ErrorCode::ConnectionRefused => TransportError::Connection("the connection was refused"),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            TransportError::Connection("there is no route to the host")
        }
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => TransportError::Connection(
            "the TLS handshake failed; the certificate may not be trusted",
        ),
        ErrorCode::ConnectionLimitReached => {
            TransportError::Connection("the engine allows no more connections")
        }
        ErrorCode::HttpProtocolError
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::HttpResponseTransferCoding(_) => {
            TransportError::Connection("the response is not HTTP, or its headers are too large")
        }
        _ => BROKEN,
    }
}
