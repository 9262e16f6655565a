//! Fetches the clips behind URLs.
//!
//! A URL is the word of a guest, so it opens nothing that the guest could not reach itself, but for public servers:
//! Meraki says where its clips are, and no policy can list all of that.

use std::time::Duration;

use bytes::Bytes;
use fluent_uri::UriRef;
use http::header::{LOCATION, RANGE};
use http::uri::Scheme;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use tokio::time::{Instant, sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::clip::ClipUrl;
use crate::outbound::{Outbound, Timeouts, TlsError};

/// For so long a URL may answer 404 or 5xx before it counts as gone: Meraki hands out URLs a moment
/// before the clip is behind them.
pub const READY_WITHIN: Duration = Duration::from_secs(15);
/// How long to wait between two requests for a clip that is not there yet.
pub const PAUSE: Duration = Duration::from_secs(1);

/// How long the server may stay silent.
const SILENCE: Duration = Duration::from_secs(30);

/// How many redirects are followed: as many as the guest follows at the API.
const REDIRECTS: usize = 3;

/// The largest clip that is fetched, in bytes: five minutes at more than ten times the highest
/// bitrate of an MV camera.
pub const LARGEST: usize = 1 << 30;

/// Why a clip cannot be fetched. Neither `Display` nor `Debug` holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The URL, or what it redirects to, is neither where the policy lets the guest, nor a public server over https.
    #[error(
        "the clip's URL leads neither to a public server over https nor to where the outbound policy allows ({0}); \
         allow its host there, or get a new URL"
    )]
    Denied(Error),
    /// No connection, or a reply that broke off.
    #[error("cannot fetch the clip; its URL may still work, so try again")]
    Transport(#[source] Error),
    /// The server sends clients on in circles, to plain http, or to what is no URL.
    #[error("the media server redirects where a clip is not fetched from; get a new URL")]
    Redirect(#[source] Refused),
    /// The server has no clip there.
    #[error("the media server answered {0}. The URL may have expired: get a new one")]
    Status(StatusCode),
    /// Larger than any clip.
    #[error("the media server sent more than {LARGEST} bytes, which is no clip")]
    TooLarge,
}

impl From<Error> for MediaError {
    fn from(error: Error) -> Self {
        match error {
            Error::HttpRequestDenied
            | Error::HttpRequestUriInvalid
            | Error::DestinationIpProhibited => Self::Denied(error),
            error => Self::Transport(error),
        }
    }
}

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// One after another.
    #[error("more than {REDIRECTS} redirects")]
    TooMany,
    /// Whoever is on the way would read what https hid.
    #[error("it leads from https to plain http")]
    Downgrade,
    /// `Location` is not a reference to a URL (RFC 9110, section 10.2.2).
    #[error("it does not lead to a URL")]
    Malformed,
}

/// Fetches clips, with connections of its own. Cloning is cheap and shares them.
#[derive(Clone, Debug)]
pub struct MediaClient {
    outbound: Outbound,
}

impl MediaClient {
    /// For the URLs of guests of which `guests` is what leaves them: the client reaches what that policy allows and,
    /// beside it, public servers with a name over https, on port 443. It has the same root certificates and resolver,
    /// neither key nor limiter, and connections of its own. Names lead to public addresses, as they do for guests: see
    /// [`address`](crate::outbound::address). Proxy variables are not read.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if TLS cannot be set up.
    pub fn new(guests: &Outbound) -> Result<Self, TlsError> {
        let timeouts = Timeouts {
            connect: SILENCE,
            first_byte: SILENCE,
            between_bytes: SILENCE,
        };
        let outbound = guests.like().policy(guests.policy().and_public());
        Ok(Self {
            outbound: outbound.timeouts(timeouts).build()?,
        })
    }

    /// Fetches a clip into memory: tens of megabytes for a long one. The API key is not sent along. At
    /// most three redirects are followed, none of them from https to http.
    ///
    /// # Errors
    ///
    /// See [`MediaError`].
    pub async fn fetch(&self, url: &ClipUrl) -> Result<Vec<u8>, MediaError> {
        let started = Instant::now();
        loop {
            let mut response = self.get(url, None).await?;
            let status = response.status();
            if status.is_success() {
                let mut bytes = Vec::new();
                while let Some(chunk) = chunk(&mut response).await? {
                    bytes.extend_from_slice(&chunk);
                    if bytes.len() > LARGEST {
                        return Err(MediaError::TooLarge);
                    }
                }
                return Ok(bytes);
            }
            let may_come = status == StatusCode::NOT_FOUND || status.is_server_error();
            if !may_come || started.elapsed() + PAUSE > READY_WITHIN {
                return Err(MediaError::Status(status));
            }
            sleep(PAUSE).await;
        }
    }

    /// What the server answers at the end of all redirects. Nobody but it learns the URL: the next server of a redirect
    /// is not told where it was.
    pub async fn get(
        &self,
        url: &ClipUrl,
        range: Option<&HeaderValue>,
    ) -> Result<Response<WasiBody>, MediaError> {
        let mut uri = url
            .expose()
            .parse::<Uri>()
            .map_err(|_| Error::HttpRequestUriInvalid)?;
        let mut redirects = 0;
        loop {
            let response = self.outbound.send(request(&uri, range)?, None).await?;
            let Some(location) = location(&response) else {
                return Ok(response);
            };
            if redirects == REDIRECTS {
                return Err(MediaError::Redirect(Refused::TooMany));
            }
            redirects += 1;
            uri = next(&uri, location).map_err(MediaError::Redirect)?;
        }
    }
}

/// The next piece of a response's body; none at its end.
pub async fn chunk(response: &mut Response<WasiBody>) -> Result<Option<Bytes>, MediaError> {
    while let Some(frame) = response.body_mut().frame().await {
        // Trailers say nothing of a clip.
        if let Ok(data) = frame?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn request(uri: &Uri, range: Option<&HeaderValue>) -> Result<Request<WasiBody>, MediaError> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut request = Request::get(uri)
        .body(body)
        .map_err(|_| Error::HttpRequestUriInvalid)?;
    if let Some(range) = range {
        request.headers_mut().insert(RANGE, range.clone());
    }
    Ok(request)
}

/// Where a redirect leads (RFC 9110, section 15.4).
fn location(response: &Response<WasiBody>) -> Option<&HeaderValue> {
    use StatusCode as Is;
    let (status, headers) = (response.status(), response.headers());
    let is_redirect = matches!(
        status,
        Is::MOVED_PERMANENTLY
            | Is::FOUND
            | Is::SEE_OTHER
            | Is::TEMPORARY_REDIRECT
            | Is::PERMANENT_REDIRECT
    );
    headers.get(LOCATION).filter(|_| is_redirect)
}

fn next(from: &Uri, location: &HeaderValue) -> Result<Uri, Refused> {
    let to = resolve(&from.to_string(), location).ok_or(Refused::Malformed)?;
    let is_https = |uri: &Uri| uri.scheme() == Some(&Scheme::HTTPS);
    if is_https(from) && !is_https(&to) {
        return Err(Refused::Downgrade);
    }
    Ok(to)
}

fn resolve(base: &str, location: &HeaderValue) -> Option<Uri> {
    let base = fluent_uri::Uri::parse(base).ok()?;
    let reference = UriRef::parse(location.to_str().ok()?).ok()?;
    let to = reference.resolve_against(&base).ok()?;
    to.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_from_where_it_is() {
        use Refused::{Downgrade, Malformed};
        let cases = [
            (
                "https://a.example/1",
                "https://b.example/2",
                Ok("https://b.example/2"),
            ),
            ("https://a.example/x/1?q", "2", Ok("https://a.example/x/2")),
            (
                "https://a.example/x/1",
                "/2?t=1",
                Ok("https://a.example/2?t=1"),
            ),
            (
                "https://a.example/1",
                "//b.example/2",
                Ok("https://b.example/2"),
            ),
            (
                "http://127.0.0.1/1",
                "http://10.0.0.1/2",
                Ok("http://10.0.0.1/2"),
            ),
            (
                "http://127.0.0.1/1",
                "https://b.example/2",
                Ok("https://b.example/2"),
            ),
            ("https://a.example/1", "http://a.example/1", Err(Downgrade)),
            ("https://a.example/1", "http://127.0.0.1/2", Err(Downgrade)),
            ("https://a.example/1", "http://[oops", Err(Malformed)),
            ("https://a.example/1", "a b", Err(Malformed)),
        ];
        for (from, location, expected) in cases {
            let to = next(&from.parse().unwrap(), &HeaderValue::from_static(location));
            let to = to.map(|uri| uri.to_string());
            assert_eq!(to, expected.map(str::to_owned), "{from} to {location}");
        }
    }
}
