//! Maps the client's errors to the most specific `wasi:http` error code.
//!
//! The types of hyper's errors say little, so this searches the chain of causes for the first known type.

use std::error::Error as StdError;
use std::io;

use tracing::{debug, warn};
use wasmtime_wasi_http::Error;

use super::resolve::{BoxError, ConnectFailure};
use super::tunnel::TunnelFailure;

/// For a connection that could not be made.
pub(super) fn of_connect(error: &BoxError) -> Error {
    let error = &**error;
    debug!(cause = innermost(error), "request failed");
    if let Some(ConnectFailure::Prohibited(prohibited)) =
        causes(error).find_map(<dyn StdError>::downcast_ref)
    {
        // The error code of `wasi:http` does not carry the address, and users need it to find the cause.
        warn!(
            "{prohibited}. If the host is a public one, check the DNS server, the VPN and the proxy of this machine"
        );
    }
    // Only the host knows the proxy.
    match causes(error).find_map(<dyn StdError>::downcast_ref) {
        Some(failure @ TunnelFailure::Refused(..)) => warn!(
            "{failure} ({}). Check its URL, with the user name and password in it, and what it allows",
            innermost(error)
        ),
        Some(failure @ TunnelFailure::Silent(_)) => warn!("{failure}. Check its URL"),
        None => {}
    }
    classify(error).unwrap_or(Error::DestinationUnavailable)
}

/// For a request that got no response on its connection.
pub(super) fn of_exchange(error: &hyper::Error) -> Error {
    debug!(cause = innermost(error), "request failed");
    classify(error).unwrap_or(Error::HttpProtocolError)
}

/// For a response whose body broke off.
pub(super) fn of_body(error: &hyper::Error) -> Error {
    debug!(cause = innermost(error), "response broke off");
    let ended = |cause: &(dyn StdError + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    };
    if error.is_incomplete_message() || causes(error).any(ended) {
        return Error::HttpResponseIncomplete;
    }
    classify(error).unwrap_or(Error::HttpProtocolError)
}

/// The message of the innermost cause, for the log: the error codes of `wasi:http` cannot carry it.
///
/// These messages contain no part of a request or a response. The errors of the system, of rustls and of hyper say
/// what happened and at most the host; a resolver knows only a name. HTTP/2 is the exception: its errors repeat
/// the debug data of the server's GOAWAY frame, so only the reason is used.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let cause = causes(error).last().unwrap_or(error);
    match cause.downcast_ref::<h2::Error>() {
        Some(error) => match error.reason() {
            Some(reason) => format!("HTTP/2: {reason}"),
            None => "HTTP/2".to_owned(),
        },
        None => cause.to_string(),
    }
}

fn classify(error: &(dyn StdError + 'static)) -> Option<Error> {
    // An inner cause is more specific than hyper's own error.
    causes(error)
        .find_map(of_cause)
        .or_else(|| causes(error).find_map(|cause| of_hyper(cause.downcast_ref()?)))
}

fn of_cause(cause: &(dyn StdError + 'static)) -> Option<Error> {
    if let Some(failure) = cause.downcast_ref::<ConnectFailure>() {
        return Some(match failure {
            ConnectFailure::Prohibited(_) => Error::DestinationIpProhibited,
            ConnectFailure::Lookup(_) => Error::DnsError {
                rcode: None,
                info_code: None,
            },
        });
    }
    if let Some(failure) = cause.downcast_ref::<TunnelFailure>() {
        return Some(match failure {
            TunnelFailure::Refused(..) => Error::ConfigurationError,
            TunnelFailure::Silent(_) => Error::ConnectionTimeout,
        });
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    if let Some(error) = cause.downcast_ref::<h2::Error>() {
        // The server or the network ended the stream or the connection.
        return (error.is_remote() || error.is_io()).then_some(Error::ConnectionTerminated);
    }
    if let Some(Error::HttpRequestBodySize(size)) = cause.downcast_ref() {
        return Some(Error::HttpRequestBodySize(*size));
    }
    of_io(cause.downcast_ref::<io::Error>()?.kind())
}

fn of_tls(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Error::TlsCertificateError
        }
        rustls::Error::AlertReceived(alert) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => Error::TlsProtocolError,
    }
}

fn of_io(kind: io::ErrorKind) -> Option<Error> {
    use io::ErrorKind as Kind;
    Some(match kind {
        Kind::ConnectionRefused => Error::ConnectionRefused,
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::NotConnected
        | Kind::UnexpectedEof => Error::ConnectionTerminated,
        Kind::TimedOut => Error::ConnectionTimeout,
        Kind::HostUnreachable | Kind::NetworkUnreachable => Error::DestinationIpUnroutable,
        _ => return None,
    })
}

fn of_hyper(error: &hyper::Error) -> Option<Error> {
    if error.is_parse_too_large() {
        Some(Error::HttpResponseHeaderSectionSize(None))
    } else if error.is_parse() {
        Some(Error::HttpProtocolError)
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Some(Error::ConnectionTerminated)
    } else if error.is_timeout() {
        // The only timer that hyper runs on a client's connection is that of HTTP/2 pings.
        Some(Error::ConnectionTimeout)
    } else {
        None
    }
}

/// An error and its causes, from the outermost to the innermost. `io::Error::source` skips the wrapped error, which is
/// the one of interest.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{AlertDescription, CertificateError, InvalidMessage};

    /// As hyper-rustls wraps it.
    fn tls(error: rustls::Error) -> io::Error {
        io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error))
    }

    #[test]
    fn an_inner_cause_decides_the_code() {
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let alert = rustls::Error::AlertReceived(AlertDescription::HandshakeFailure);
        let message = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
        let lookup = ConnectFailure::Lookup(io::ErrorKind::TimedOut.into());
        let cases: Vec<(&str, io::Error, &str)> = vec![
            ("certificate", tls(expired), "TlsCertificateError"),
            (
                "no certificate",
                tls(rustls::Error::NoCertificatesPresented),
                "TlsCertificateError",
            ),
            (
                "alert",
                tls(alert),
                "TlsAlertReceived { alert_id: Some(40), alert_message: Some(\"HandshakeFailure\") }",
            ),
            ("other TLS", tls(message), "TlsProtocolError"),
            (
                "look-up",
                io::Error::other(lookup),
                "DnsError { rcode: None, info_code: None }",
            ),
            (
                "refused",
                io::ErrorKind::ConnectionRefused.into(),
                "ConnectionRefused",
            ),
            (
                "reset",
                io::ErrorKind::ConnectionReset.into(),
                "ConnectionTerminated",
            ),
            (
                "broken pipe",
                io::ErrorKind::BrokenPipe.into(),
                "ConnectionTerminated",
            ),
            (
                "no route",
                io::ErrorKind::HostUnreachable.into(),
                "DestinationIpUnroutable",
            ),
            (
                "kernel's timeout",
                io::ErrorKind::TimedOut.into(),
                "ConnectionTimeout",
            ),
            (
                "guest's body",
                io::Error::other(Error::HttpRequestBodySize(Some(7))),
                "HttpRequestBodySize(Some(7))",
            ),
        ];
        for (case, error, expected) in cases {
            let found = classify(&error).map(|error| format!("{error:?}"));
            assert_eq!(found.as_deref(), Some(expected), "{case}");
        }
    }

    #[test]
    fn an_unknown_error_has_no_code() {
        assert!(classify(&io::Error::other("whatever")).is_none());
    }

    #[test]
    fn the_message_is_that_of_the_innermost_cause() {
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let lookup = ConnectFailure::Lookup(io::Error::other("no such name"));
        let cases = [
            (tls(expired), "invalid peer certificate: Expired"),
            (io::Error::other(lookup), "no such name"),
            (
                io::Error::other(h2::Error::from(h2::Reason::ENHANCE_YOUR_CALM)),
                "HTTP/2: detected excessive load generating behavior",
            ),
        ];
        for (error, expected) in cases {
            assert_eq!(innermost(&error), expected);
        }
    }
}
