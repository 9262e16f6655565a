//! One HTTP exchange over `wasi:http`.
//!
//! The messages go through the bindings that waki exports: its own `send` and `body` block without a
//! deadline.
//!
//! Every wait polls the response, or its body, together with a timer: the three timeouts of
//! `request-options` leave out the TLS handshake in some hosts, and others refuse them.

use std::time::Duration;

use waki::bindings::wasi::http::outgoing_handler;
use waki::bindings::wasi::http::types::{
    ErrorCode, FieldValue, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse,
    OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use waki::bindings::wasi::io::poll::{Pollable, poll};
use waki::bindings::wasi::io::streams::StreamError;

use super::clock::{Clock, nanoseconds};
use crate::api::{MAX_BODY, Reply, Request, TransportError};
use crate::redirect::is_redirect;

/// Meraki asks applications to name themselves: "ApplicationName/1.0 VendorName".
const USER_AGENT: &str = concat!("mv-clip/", env!("CARGO_PKG_VERSION"), " mv-clip");

/// How much of a body is read at a time, in bytes: a real one fits.
const CHUNK: u64 = 16 * 1024;

/// RUSTSEC-2026-0320: a timeout of zero makes some hosts panic.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

pub(super) fn exchange(clock: &Clock, request: &Request) -> Result<Reply, TransportError> {
    let left = request
        .give_up_at
        .saturating_sub(clock.elapsed())
        .max(SHORTEST_TIMEOUT);
    let alarm = clock.alarm(request.give_up_at);
    let future = outgoing_handler::handle(outgoing(request)?, Some(options(left)))
        .map_err(|code| transport_error(&code))?;
    let response = receive(&future, &alarm)?;
    let status = response.status();
    let headers = response.headers();
    let header = |name: &str| first_text(headers.get(&name.to_owned()));
    Ok(Reply {
        status,
        location: header("location"),
        retry_after: header("retry-after"),
        request_id: header("x-request-id"),
        body: match is_redirect(status) {
            true => Ok(Vec::new()),
            false => response
                .consume()
                .map_err(|()| BROKEN)
                .and_then(|body| read(&body, &alarm)),
        },
    })
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, TransportError> {
    let mut headers = vec![
        ("accept".to_owned(), b"application/json".to_vec()),
        ("user-agent".to_owned(), USER_AGENT.as_bytes().to_vec()),
    ];
    if let Some(key) = &request.api_key {
        headers.push(("authorization".to_owned(), key.authorization().into_bytes()));
    }
    let headers = Fields::from_list(&headers).map_err(|_| TransportError::Denied)?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = if request.url.is_https() {
        Scheme::Https
    } else {
        Scheme::Http
    };
    outgoing
        .set_scheme(Some(&scheme))
        .and_then(|()| outgoing.set_authority(Some(request.url.authority())))
        .and_then(|()| outgoing.set_path_with_query(Some(&request.url.path_and_query())))
        .map_err(|()| TransportError::Denied)?;
    Ok(outgoing)
}

/// Hosts may refuse a timeout; the alarm holds all the same.
fn options(left: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    let left = Some(nanoseconds(left));
    let _ = options.set_connect_timeout(left);
    let _ = options.set_first_byte_timeout(left);
    let _ = options.set_between_bytes_timeout(left);
    options
}

fn receive(
    future: &FutureIncomingResponse,
    alarm: &Pollable,
) -> Result<IncomingResponse, TransportError> {
    wait(&future.subscribe(), alarm)?;
    match future.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(code))) => Err(transport_error(&code)),
        // Ready, and taken here for the first time: the interface rules both of these out.
        Some(Err(())) | None => Err(TransportError::Connection("the engine lost the response")),
    }
}

/// The whole body, where it ends in time and is not too large.
fn read(body: &IncomingBody, alarm: &Pollable) -> Result<Vec<u8>, TransportError> {
    let stream = body.stream().map_err(|()| BROKEN)?;
    let readable = stream.subscribe();
    let mut chunks = Vec::new();
    let mut length = 0;
    loop {
        wait(&readable, alarm)?;
        match stream.read(CHUNK) {
            Ok(chunk) => {
                length += chunk.len();
                if length > MAX_BODY {
                    return Err(TransportError::TooLarge);
                }
                append(&mut chunks, chunk);
            }
            Err(StreamError::Closed) => return Ok(chunks.concat()),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = http_error_code(&error);
                return Err(code.map_or(BROKEN, |code| transport_error(&code)));
            }
        }
    }
}

/// Keeps a body in pieces of up to a chunk: in one growing vector, and in a vector for each of many
/// small reads, it would take several times the memory.
fn append(chunks: &mut Vec<Vec<u8>>, chunk: Vec<u8>) {
    match chunks.last_mut() {
        Some(last) if last.len() + chunk.len() <= CHUNK as usize => last.extend_from_slice(&chunk),
        _ => chunks.push(chunk),
    }
}

const BROKEN: TransportError = TransportError::Connection("the connection broke off");

/// Waits for the pollable, and for the alarm at most. Once the alarm is due nothing else counts: a
/// server that sends a byte now and then would keep the call for ever.
fn wait(pollable: &Pollable, alarm: &Pollable) -> Result<(), TransportError> {
    let alarm_at = 1;
    if poll(&[pollable, alarm]).contains(&alarm_at) {
        return Err(TransportError::TimedOut);
    }
    Ok(())
}

fn first_text(values: Vec<FieldValue>) -> Option<String> {
    values
        .into_iter()
        .next()
        .and_then(|value| String::from_utf8(value).ok())
}

/// Sorts the error codes of `wasi:http` by what a caller can do about them.
fn transport_error(code: &ErrorCode) -> TransportError {
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
