//! Where a request ends is decided here, not by the guest.
//!
//! Connections are shared by calls that do not trust each other. If a guest could make the server and this host disagree
//! about where its request ends, the next call on the connection would get the answer to a request of this guest
//! (request smuggling). So
//!
//! - only requests that the host wrote itself share connections: those for a clip, with the key that the host keeps or
//!   gave the call, and the host's own. A guest could otherwise send what a server closes the connection for, and end the requests of other
//!   calls on it;
//! - any other request goes over a connection of its own, which carries nothing else;
//! - a request whose method has no body in practice is sent without one, or not at all;
//! - the fields that frame a message are written by the client, whatever the guest set.

use std::time::Duration;

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, WasiBody};

/// Which connections a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// The host wrote it, and it has no body. Its connection may go on to another call.
    Shared,
    /// A guest wrote it, or it may have a body, so its connection carries nothing else.
    Own,
}

/// Who wrote a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    Host,
    Guest,
}

/// The fields that the client writes, as far as they are needed.
const WRITTEN_BY_THE_CLIENT: [HeaderName; 12] = [
    CONNECTION,
    EXPECT,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("alt-used"),
];

/// Takes the framing of the message from the guest.
///
/// # Errors
///
/// `HttpRequestDenied` for a body, announced or sent, where the method has none, and for a length that is not one number.
/// `ConnectionTimeout` if the guest does not end its body within `limit`.
pub(super) async fn own(
    request: Request<WasiBody>,
    author: Author,
    limit: Duration,
) -> Result<(Request<WasiBody>, Framing), Error> {
    let (mut parts, body) = request.into_parts();
    let length = length(&parts.headers)?;
    for name in &WRITTEN_BY_THE_CLIENT {
        parts.headers.remove(name);
    }
    parts.headers.remove(CONTENT_LENGTH);
    if !is_bodyless(&parts.method) {
        if let Some(length) = length {
            parts
                .headers
                .insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        return Ok((Request::from_parts(parts, body), Framing::Own));
    }
    if length.is_some_and(|length| length > 0) {
        return Err(Error::HttpRequestDenied);
    }
    if !body.is_end_stream() {
        let empty = timeout(limit, is_empty(body)).await;
        if !empty.map_err(|_| Error::ConnectionTimeout)?? {
            return Err(Error::HttpRequestDenied);
        }
    }
    let none = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let framing = match author {
        Author::Host => Framing::Shared,
        Author::Guest => Framing::Own,
    };
    Ok((Request::from_parts(parts, none), framing))
}

/// The methods whose body has no meaning (RFC 9110, section 9.3). TRACE is never sent.
fn is_bodyless(method: &Method) -> bool {
    [
        &Method::GET,
        &Method::HEAD,
        &Method::DELETE,
        &Method::OPTIONS,
    ]
    .contains(&method)
}

/// The length that the guest announces.
fn length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = values.next() else {
        // Such a body has no length, and the client sends it in chunks.
        return Ok(None);
    };
    let digits = value
        .to_str()
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok());
    match (length, values.next()) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err(Error::HttpRequestDenied),
    }
}

/// Whether the guest ends the body without a byte and without trailers.
async fn is_empty(mut body: WasiBody) -> Result<bool, Error> {
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) if data.is_empty() => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn request(method: &Method, fields: &[(&str, &str)], body: &'static str) -> Request<WasiBody> {
        let mut request = Request::builder()
            .method(method)
            .uri("https://example.com/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::from_static(body.as_bytes()));
        let body = body.map_err(|never| match never {}).boxed_unsync();
        request.body(body).unwrap()
    }

    const LIMIT: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_body_is_refused_where_the_method_has_none() {
        for method in [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS] {
            for (fields, body) in [
                (&[][..], "x"),
                (&[("content-length", "1")], ""),
                (&[("content-length", "1")], "x"),
                (&[("content-length", "+0")], ""),
                (&[("content-length", "")], ""),
                (&[("content-length", "0,0")], ""),
                (&[("content-length", "0"), ("content-length", "0")], ""),
                (&[("content-length", "99999999999999999999")], ""),
                (&[("transfer-encoding", "chunked")], "0\r\n\r\n"),
            ] {
                let result = own(request(&method, fields, body), Author::Guest, LIMIT).await;
                let denied = matches!(result, Err(Error::HttpRequestDenied));
                assert!(denied, "{method} {fields:?} {body:?}: {result:?}");
            }
        }
    }

    #[tokio::test]
    async fn the_guests_framing_fields_are_not_sent() {
        let fields = WRITTEN_BY_THE_CLIENT.map(|name| name.as_str().to_owned());
        let mut fields: Vec<_> = fields.iter().map(|name| (name.as_str(), "x")).collect();
        fields.extend([("content-length", "0"), ("accept", "*/*")]);
        for (author, expected) in [
            (Author::Guest, Framing::Own),
            (Author::Host, Framing::Shared),
        ] {
            let get = request(&Method::GET, &fields, "");
            let (sent, framing) = own(get, author, LIMIT).await.unwrap();
            assert_eq!(framing, expected);
            let names: Vec<_> = sent.headers().keys().map(HeaderName::as_str).collect();
            assert_eq!(names, ["accept"]);
        }

        for method in ["PUT", "POST", "PATCH", "QUERY"] {
            let method = method.parse().unwrap();
            let put = request(&method, &fields, "");
            let (sent, framing) = own(put, Author::Host, LIMIT).await.unwrap();
            assert_eq!(framing, Framing::Own, "{method}");
            let names: Vec<_> = sent.headers().keys().map(HeaderName::as_str).collect();
            assert_eq!(names, ["accept", "content-length"], "{method}");
        }
        let padded = request(&Method::PUT, &[("content-length", "0007")], "1234567");
        let (sent, _) = own(padded, Author::Guest, LIMIT).await.unwrap();
        assert_eq!(sent.headers()[CONTENT_LENGTH], "7");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let endless = StreamBody::new(stream::pending()).boxed_unsync();
        let request = Request::get("https://example.com/").body(endless);
        let result = own(request.unwrap(), Author::Guest, LIMIT).await;
        assert!(
            matches!(result, Err(Error::ConnectionTimeout)),
            "{result:?}"
        );
    }
}
