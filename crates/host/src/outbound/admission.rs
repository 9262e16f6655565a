//! Prepares a request for sending: checks the policy, and writes the canonical origin.

use http::header::HOST;
use http::uri::{PathAndQuery, Uri};
use http::{Method, Request, Version};
use tracing::debug;
use wasmtime_wasi_http::Error;

use super::origin::{Origin, OriginError};
use super::policy::{Denied, Policy};

/// Checks the request against the policy, and gives its origin.
pub(super) fn admit<B>(policy: &Policy, request: &Request<B>) -> Result<Origin, Error> {
    // The policy cannot check what is sent through a tunnel. And TRACE shows what a proxy adds to a request.
    if [Method::CONNECT, Method::TRACE].contains(request.method()) {
        debug!("http.request.method" = %request.method(), "request denied");
        return Err(Error::HttpRequestDenied);
    }
    policy.allows(request.uri()).map_err(|denied| {
        debug!("http.request.method" = %request.method(), %denied, "request denied");
        match denied {
            Denied::NotListed(_) | Denied::Origin(OriginError::Scheme | OriginError::Userinfo) => {
                Error::HttpRequestDenied
            }
            Denied::Origin(OriginError::Port | OriginError::Host(_)) => {
                Error::HttpRequestUriInvalid
            }
        }
    })
}

/// Writes the origin that was checked into the request, so that connection, TLS and pool use the same one.
pub(super) fn canonical<B>(mut request: Request<B>, origin: &Origin) -> Result<Request<B>, Error> {
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::builder()
        .scheme(origin.scheme().clone())
        .authority(origin.authority())
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()
        .map_err(|_| Error::HttpRequestUriInvalid)?;
    // With another host in this field, a guest could bypass the policy at an address that serves several hosts.
    request.headers_mut().remove(HOST);
    // TLS negotiates the version; the client fails a request that insists on HTTP/2.
    *request.version_mut() = Version::HTTP_11;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIP: &str = "https://API.meraki.com:443/api/v1/devices/Q2XX-ABCD-1234/camera/clip?t=1";

    fn admitted(method: Method, uri: &str) -> Result<Origin, Error> {
        let meraki = "https://*.meraki.com".parse().unwrap();
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        admit(&Policy::new([meraki]), &request)
    }

    #[test]
    fn a_request_is_admitted_only_if_the_policy_allows_it() {
        let origin = admitted(Method::GET, CLIP).unwrap();
        assert_eq!(origin.to_string(), "https://api.meraki.com");
        let cases = [
            ("a tunnel", Method::CONNECT, "api.meraki.com:443", true),
            ("a tunnel with a path", Method::CONNECT, CLIP, true),
            ("a trace", Method::TRACE, CLIP, true),
            ("elsewhere", Method::GET, "https://example.net/", true),
            ("in plain text", Method::GET, "http://api.meraki.com/", true),
            (
                "a scheme of its own",
                Method::GET,
                "ftp://api.meraki.com/",
                true,
            ),
            ("a user", Method::GET, "https://me@api.meraki.com/", true),
            (
                "no port",
                Method::GET,
                "https://api.meraki.com:99999/",
                false,
            ),
            ("no host", Method::GET, "/api/v1", false),
        ];
        for (case, method, uri, is_denied) in cases {
            let error = admitted(method, uri).unwrap_err();
            let found = matches!(error, Error::HttpRequestDenied);
            assert_eq!(found, is_denied, "{case}: {error:?}");
            let found = matches!(error, Error::HttpRequestUriInvalid);
            assert_eq!(found, !is_denied, "{case}: {error:?}");
        }
    }

    #[test]
    fn a_request_has_exactly_the_origin_that_was_checked() {
        let origin = admitted(Method::GET, CLIP).unwrap();
        let cases = [
            (
                CLIP,
                "https://api.meraki.com/api/v1/devices/Q2XX-ABCD-1234/camera/clip?t=1",
            ),
            ("https://API.meraki.com", "https://api.meraki.com/"),
        ];
        for (uri, expected) in cases {
            let request = Request::get(uri)
                .version(Version::HTTP_2)
                .header(HOST, "evil.example")
                .header("accept", "*/*");
            let request = canonical(request.body(()).unwrap(), &origin).unwrap();
            assert_eq!(request.uri().to_string(), expected);
            assert_eq!(request.version(), Version::HTTP_11, "{uri}");
            let names: Vec<_> = request.headers().keys().map(|name| name.as_str()).collect();
            assert_eq!(names, ["accept"], "{uri}");
        }
    }
}
