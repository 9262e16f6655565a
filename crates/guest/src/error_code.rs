//! The error codes of `wasi:http`, by what a caller can do about them.

use mv_clip_core::api::TransportError;

use crate::wasi::http::types::ErrorCode;

/// A connection that was there, and is no more.
pub(crate) const BROKEN: TransportError = TransportError::Connection("the connection broke off");

pub(crate) fn transport_error(code: &ErrorCode) -> TransportError {
    match code {
        ErrorCode::HttpRequestDenied
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::DestinationIpProhibited => TransportError::Denied,
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
        ErrorCode::ConnectionRefused => TransportError::Connection("the connection was refused"),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            TransportError::Connection("the network does not lead there")
        }
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => TransportError::Connection(
            "the TLS handshake failed, perhaps for a certificate that is not trusted",
        ),
        ErrorCode::ConnectionLimitReached => {
            TransportError::Connection("the engine allows no more connections")
        }
        ErrorCode::HttpProtocolError
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::HttpResponseTransferCoding(_) => {
            TransportError::Connection("the reply is not HTTP, or too large in its headers")
        }
        _ => BROKEN,
    }
}
